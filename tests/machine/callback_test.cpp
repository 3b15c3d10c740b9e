// A backend of callbacks: an engine that fails wherever it can, and keeps the text.
#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

#include <hunch/callback_backend.hpp>
#include <hunch/core.hpp>
#include <hunch/testing/backend_laws.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;
constexpr std::size_t vocab = 12;
const temperature warm{0.9f};
const tokens prompt{3, 1, 4, 1, 5};

enum class failing { nothing, open, prefill, forward, commit, rewind };
enum class manner { says_no, throws, does_it_first };  // the last: the work was done, the answer was lost

/// An engine over a toy model: call number `at` of one kind fails.
struct toy_engine {
  toy_backend model{vocab, hashed_law<float>(1, 5.0), 64};
  failing what = failing::nothing;
  manner how = manner::says_no;
  std::size_t at = 0;
  bool for_good = false;  // and all later ones
  bool has_rewind = true;
  std::size_t calls = 0;  // of that kind
  std::size_t open_caches = 0;

  [[nodiscard]] bool fails(failing kind) {
    if (kind != what) return false;
    const std::size_t number = calls++;
    const bool now = for_good ? number >= at : number == at;
    if (now && how == manner::throws) throw std::runtime_error("device lost");
    return now;
  }
  template <class Work>
  bool run(failing kind, Work work) {
    const bool broken = fails(kind);
    if (!broken || how == manner::does_it_first) work();
    return !broken;
  }
  engine_callbacks callbacks() {
    using cache = toy_backend::sequence;
    engine_callbacks out;
    out.vocab = vocab;
    out.capacity = 64;
    out.open = [this]() -> void* {
      if (fails(failing::open)) return nullptr;
      ++open_caches;
      return new cache(model.open());
    };
    out.close = [this](void* c) {
      --open_caches;
      delete static_cast<cache*>(c);
    };
    out.prefill = [this](void* c, std::span<const token> t) {
      return run(failing::prefill, [&] { model.prefill(*static_cast<cache*>(c), t); });
    };
    out.forward = [this](void* c, tree_view tree) -> const float* {
      const float* rows = nullptr;
      return run(failing::forward, [&] { rows = model.forward(*static_cast<cache*>(c), tree).data; }) ? rows : nullptr;
    };
    out.commit = [this](void* c, std::span<const node_id> path) {
      return run(failing::commit, [&] { model.commit(*static_cast<cache*>(c), path); });
    };
    if (has_rewind)
      out.rewind = [this](void* c, std::size_t n) {
        return run(failing::rewind, [&] { model.rewind(*static_cast<cache*>(c), n); });
      };
    return out;
  }
};

tokens copy(std::span<const token> s) { return {s.begin(), s.end()}; }

struct outcome {
  tokens text;
  std::size_t failed_steps = 0;
  std::size_t thrown = 0;
  std::size_t drafted = 0;
};

/// Sixteen tokens, then a second text that shares its beginning, on engines of which one fails.
outcome write(toy_engine& target, toy_engine& draft) {
  outcome out;
  {
    callback_backend target_backend{target.callbacks()};
    callback_backend draft_backend{draft.callbacks()};
    auto drafter = with_length(coupled_model_drafter(draft_backend, warm), fixed_length{3});
    auto decoder = speculate(target_backend, std::move(drafter), match(warm), stats{});
    for (const tokens& text : {prompt, tokens{3, 1, 4, 2}}) {
      decoder.start(text, {philox{7}, 16, {}, {}});
      for (int steps = 0; steps < 60 && (decoder.status() == status::running || decoder.status() == status::failed);
           ++steps) {
        const tokens before = copy(decoder.text());
        try {
          const auto result = decoder.step(24);
          if (result.status != status::failed) continue;
          CHECK(decoder.fault() == fault::pass);
          CHECK(result.emitted.empty());
          ++out.failed_steps;
        } catch (const std::runtime_error&) {
          ++out.thrown;
        }
        CHECK(copy(decoder.text()) == before);
      }
      out.text.insert(out.text.end(), decoder.text().begin(), decoder.text().end());
    }
    out.drafted = decoder.observer().drafted;
  }
  CHECK(target.open_caches == 0);  // every cache was closed, once
  CHECK(draft.open_caches == 0);
  return out;
}

}  // namespace

TEST_CASE("callback_backend: keeps the laws of backends", "[callback]") {
  for (const bool rewind : {true, false}) {
    toy_engine engine;
    engine.has_rewind = rewind;
    CHECK(backend_laws([&] { return callback_backend{engine.callbacks()}; }) == std::vector<std::string>{});
  }
}

TEST_CASE("callback_backend: writes what the engine's own type writes, with and without rewind", "[callback]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  auto plain = speculate(target, no_draft{}, match(warm));
  tokens expected;
  for (const tokens& text : {prompt, tokens{3, 1, 4, 2}}) {
    plain.start(text, {philox{7}, 16, {}, {}});
    while (plain.status() == status::running) plain.step();
    expected.insert(expected.end(), plain.text().begin(), plain.text().end());
  }
  for (const bool rewind : {true, false}) {
    toy_engine a;
    toy_engine b;
    a.has_rewind = b.has_rewind = rewind;
    const outcome out = write(a, b);
    CHECK(out.text == expected);
    CHECK(out.failed_steps == 0);
    CHECK(out.drafted > 0);
  }
}

TEST_CASE("callback_backend: whichever call fails, and however, the text is the same", "[callback]") {
  toy_engine fine_target;
  toy_engine fine_draft;
  const tokens expected = write(fine_target, fine_draft).text;
  for (const failing what : {failing::open, failing::prefill, failing::forward, failing::commit, failing::rewind})
    for (const manner how : {manner::says_no, manner::throws, manner::does_it_first})
      for (const bool in_target : {true, false}) {
        toy_engine counted;
        toy_engine beside;
        counted.what = what;
        counted.at = std::numeric_limits<std::size_t>::max();
        (void)(in_target ? write(counted, beside) : write(beside, counted));
        const std::size_t calls = counted.calls;
        std::size_t seen = 0;
        for (std::size_t at = 0; at < calls; ++at) {
          CAPTURE(int(what), int(how), in_target, at);
          toy_engine target;
          toy_engine draft;
          toy_engine& broken = in_target ? target : draft;
          broken.what = what;
          broken.how = how;
          broken.at = at;
          const outcome out = write(target, draft);
          CHECK(out.text == expected);
          seen += out.failed_steps + out.thrown;
          if (!in_target && how != manner::throws) CHECK(out.failed_steps == 0);  // a draft's failure costs drafts only
        }
        REQUIRE(calls >= 1);
        if (in_target && (what == failing::forward || how == manner::throws)) CHECK(seen == calls);
      }
}

TEST_CASE("callback_backend: a draft engine that is gone for good leaves plain decoding", "[callback]") {
  toy_engine fine_target;
  toy_engine fine_draft;
  const tokens expected = write(fine_target, fine_draft).text;
  for (const failing what : {failing::open, failing::prefill, failing::forward}) {
    toy_engine target;
    toy_engine draft;
    draft.what = what;
    draft.for_good = true;
    const outcome out = write(target, draft);
    CHECK(out.text == expected);
    CHECK(out.failed_steps == 0);
    CHECK(out.drafted == 0);
  }
}

TEST_CASE("callback_backend: a target that is gone for good fails each step and emits nothing", "[callback]") {
  toy_engine target;
  toy_engine draft;
  target.what = failing::forward;
  target.for_good = true;
  const outcome out = write(target, draft);
  CHECK(out.failed_steps == 120);
  CHECK(out.text == tokens{3, 1, 4, 1, 5, 3, 1, 4, 2});
}

TEST_CASE("callback_backend: a tree whose last pass failed goes on growing, its lost nodes run again", "[callback]") {
  draft_tree tree{vocab};
  tree.reset(5);
  const auto rows_of_the_last = [&](failing what) {
    toy_engine engine;
    engine.what = what;
    engine.at = 1;
    callback_backend backend{engine.callbacks()};
    auto sequence = backend.open();
    backend.prefill(sequence, tokens{3, 1, 4, 1});
    tree.reset(5);
    CHECK(backend.forward(sequence, tree.view(0)).size() == 1);
    tree.add(0, 9);
    const auto second = backend.forward(sequence, tree.view(1));
    CHECK(second.size() == (what == failing::nothing ? 1u : 0u));
    CHECK(std::isnan(second[0][0]) == (what != failing::nothing));
    tree.add(1, 2);
    tree.add(1, 6);
    const auto rows = backend.forward(sequence, tree.view(2));
    REQUIRE(rows.size() == 2);
    CHECK(backend.failures() == (what == failing::nothing ? 0u : 1u));
    return tokens{argmax(rows[0]), argmax(rows[1])};
  };
  CHECK(rows_of_the_last(failing::forward) == rows_of_the_last(failing::nothing));
}

TEST_CASE("callback_backend: a missing callback is named", "[callback]") {
  toy_engine engine;
  const auto refusal = [&](auto remove) {
    engine_callbacks callbacks = engine.callbacks();
    remove(callbacks);
    try {
      callback_backend backend{std::move(callbacks)};
      return std::string{"nothing"};
    } catch (const hunch::error& e) {
      return std::string{e.what()};
    }
  };
  const auto says = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(says(refusal([](engine_callbacks& c) { c.open = nullptr; }), "`open`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.close = nullptr; }), "`close`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.prefill = nullptr; }), "`prefill`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.forward = nullptr; }), "`forward`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.commit = nullptr; }), "`commit`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.vocab = 0; }), "`vocab`"));
  CHECK(says(refusal([](engine_callbacks& c) { c.rewind = nullptr; }), "nothing"));
}
