// Passes that are cancelled or fail, at every place of a text.
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "machine/toy_host.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;
constexpr std::size_t vocab = 12;
const temperature warm{0.9f};
const tokens prompt{3, 1, 4, 1, 5};

struct models {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
};

auto machine_of(std::size_t capacity = 4096, bool rewindable = true, std::size_t draft_capacity = 4096) {
  const hosted_model target{0, vocab, capacity, rewindable};
  hosted_model draft{1, vocab, draft_capacity, rewindable};
  return step_machine{target, with_length(model_drafter(draft, warm), fixed_length{3}), rejection(warm), stats{}};
}
toy_host<float> host_of(models& m) {
  toy_host<float> host;
  host.add(0, m.target);
  host.add(1, m.draft);
  return host;
}
tokens copy(std::span<const token> s) { return {s.begin(), s.end()}; }
request twenty() { return {philox{7}, 20, {}, {}}; }

enum class trouble { cancelled_before, cancelled_after, no_rows, short_row };

/// The whole text; pass number `at` (from 0) meets trouble. `passes`: how many there were.
tokens text_with(trouble kind, std::size_t at, std::size_t& passes) {
  models m;
  auto host = host_of(m);
  auto machine = machine_of();
  machine.start(prompt, twenty());
  passes = 0;
  while (machine.status() == status::running || machine.status() == status::failed) {
    const tokens before = copy(machine.text());
    while (const auto wanted = machine.next()) {
      const bool now = passes++ == at;
      if (now && kind == trouble::cancelled_before) {
        machine.abandon();
        break;
      }
      const auto rows = host.run(*wanted);
      if (now && kind == trouble::cancelled_after) {
        machine.abandon();
        break;
      }
      if (now && kind == trouble::no_rows)
        machine.supply(matrix_view{});
      else if (now && kind == trouble::short_row)
        machine.supply(matrix_view{rows.data, rows.rows, rows.cols - 1});
      else
        machine.supply(rows);
    }
    const machine_result& done = machine.result();
    host.apply(0, done.cache);
    tokens grown = before;
    grown.insert(grown.end(), done.emitted.begin(), done.emitted.end());
    CHECK(grown == copy(machine.text()));
    if (done.status == status::failed) CHECK(machine.fault() == fault::pass);
    REQUIRE(passes < 1000);
  }
  return copy(machine.text());
}

}  // namespace

TEST_CASE("machine: a pass that is cancelled or fails, whichever it is, changes no token of the text", "[machine]") {
  std::size_t passes = 0;
  const tokens expected = text_with(trouble::no_rows, 100000, passes);
  const std::size_t all = passes;
  REQUIRE(expected.size() == 25);
  REQUIRE(all > 20);
  for (std::size_t at = 0; at < all; ++at) {
    CAPTURE(at);
    CHECK(text_with(trouble::cancelled_before, at, passes) == expected);
    CHECK(text_with(trouble::cancelled_after, at, passes) == expected);
    // A failed draft pass ends the drafting of its step, so the draws of later steps have other rounds: other text of
    // the same law. What must hold is that the text ends, with all its tokens.
    CHECK(text_with(trouble::no_rows, at, passes).size() == expected.size());
    CHECK(text_with(trouble::short_row, at, passes).size() == expected.size());
  }
}

TEST_CASE("machine: a failed pass of the target fails the step, a failed pass of the draft does not", "[machine]") {
  models m;
  auto host = host_of(m);
  auto machine = machine_of();
  machine.start(prompt, twenty());
  auto wanted = machine.next();
  REQUIRE(wanted);
  REQUIRE(wanted->model == 1);
  machine.supply(matrix_view{});
  wanted = machine.next();
  REQUIRE(wanted);
  REQUIRE(wanted->model == 0);  // with nothing drafted: plain decoding
  CHECK(wanted->tree.size() == 1);
  machine.supply(matrix_view{});
  CHECK(!machine.next());
  CHECK(machine.status() == status::failed);
  CHECK(machine.fault() == fault::pass);
  CHECK(machine.result().emitted.empty());
  CHECK(copy(machine.text()) == prompt);
  CHECK(machine.next());  // tries again
  CHECK(machine.status() == status::running);
  CHECK(machine.fault() == fault::none);
}

TEST_CASE("machine: abandoning after a step is done keeps its result and its plan", "[machine]") {
  models m;
  auto host = host_of(m);
  auto machine = machine_of();
  machine.start(prompt, twenty());
  while (const auto wanted = machine.next()) {
    machine.supply(host.run(*wanted));
    if (wanted->model == 0) break;
  }
  const std::size_t emitted = machine.result().emitted.size();
  const kv_plan plan = machine.result().cache;
  REQUIRE(emitted > 0);
  machine.abandon();
  CHECK(machine.result().emitted.size() == emitted);
  CHECK(machine.result().cache.keep == plan.keep);
  CHECK(machine.result().cache.move.size() == emitted);  // the root and the accepted drafts
}

TEST_CASE("machine: the plan of a step that did nothing keeps what the cache holds", "[machine]") {
  models m;
  auto host = host_of(m);
  auto machine = machine_of(12);
  machine.start(prompt, {philox{7}, 100, {}, {}});
  while (machine.status() == status::running) {
    while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
    host.apply(0, machine.result().cache);
  }
  CHECK(machine.status() == status::context);
  CHECK(!machine.next());
  host.apply(0, machine.result().cache);
  CHECK(machine.result().emitted.empty());
  CHECK(host.kept(0).size() + 1 == machine.text().size());  // all but the last token, as it was before
  // The same machine goes on with a shorter text on the same cache.
  machine.start(std::span<const token>{prompt}.first(4), {philox{7}, 2, {}, {}});
  while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
  CHECK(machine.result().emitted.size() > 0);
}

TEST_CASE("machine: a full context ends the text, with every token that fits emitted", "[machine]") {
  for (std::size_t capacity = 4; capacity <= 14; ++capacity) {
    CAPTURE(capacity);
    models m;
    auto host = host_of(m);
    auto machine = machine_of(capacity);
    machine.start(prompt, {philox{7}, 100, {}, {}});
    while (machine.status() == status::running) {
      while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
      host.apply(0, machine.result().cache);
    }
    CHECK(machine.status() == status::context);
    CHECK(machine.text().size() == std::max(prompt.size(), capacity + 1));
  }
}

TEST_CASE("C9: a draft window smaller than the target's stops the drafts, not the text", "[machine][C9]") {
  for (std::size_t window = 1; window <= 20; ++window) {
    CAPTURE(window);
    models m;
    auto host = host_of(m);
    auto machine = machine_of(4096, true, window);
    machine.start(prompt, twenty());
    while (machine.status() == status::running) {
      while (const auto wanted = machine.next()) {
        machine.supply(host.run(*wanted));
        CHECK(host.places(1) <= window);
      }
      host.apply(0, machine.result().cache);
    }
    CHECK(machine.status() == status::length);
    CHECK(machine.text().size() == prompt.size() + 20);
    // A draft of n tokens behind m of text takes m + n - 1 places.
    CHECK((machine.observer().drafted > 0) == (window >= prompt.size()));
  }
}

TEST_CASE("machine: max_tokens of 0 asks for no pass, of 1 for one pass without a draft", "[machine]") {
  models m;
  auto host = host_of(m);
  auto machine = machine_of();
  machine.start(prompt, {philox{7}, 0, {}, {}});
  CHECK(!machine.next());
  CHECK(machine.status() == status::length);
  machine.start(prompt, {philox{7}, 1, {}, {}});
  const auto wanted = machine.next();
  REQUIRE(wanted);
  CHECK(wanted->model == 0);
  CHECK(wanted->tree.size() == 1);
  machine.supply(host.run(*wanted));
  CHECK(!machine.next());
  CHECK(machine.status() == status::length);
  CHECK(machine.result().emitted.size() == 1);
}

TEST_CASE("C4: a model that cannot rewind is emptied and filled anew, never cut", "[machine][C4]") {
  models m;
  const auto write = [&](bool rewindable) {
    auto host = host_of(m);
    auto machine = machine_of(4096, rewindable);
    bool cut = false;
    std::size_t emptied = 0;
    const auto look = [&](std::uint32_t id, const kv_plan& plan) {
      if (plan.keep == host.kept(id).size()) return;
      (plan.keep == 0 ? emptied += 1 : cut = true);
    };
    tokens all;
    for (const tokens& text : {prompt, tokens{3, 1, 4, 2}, tokens{3, 1}}) {
      machine.start(text, twenty());
      while (machine.status() == status::running) {
        while (const auto wanted = machine.next()) {
          if (wanted->cache) look(wanted->model, *wanted->cache);
          machine.supply(host.run(*wanted));
        }
        look(0, machine.result().cache);
        host.apply(0, machine.result().cache);
      }
      all.insert(all.end(), machine.text().begin(), machine.text().end());
    }
    CHECK(cut == rewindable);
    if (!rewindable) CHECK(emptied > 0);
    return all;
  };
  CHECK(write(false) == write(true));
}
