// Edges of texts, caches and batches: what is left of sections A, B and C of what other engines got wrong.
#include "failure/parts.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const tokens script{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4};

toy_backend scripted(std::size_t capacity = 4096) {
  return {vocab,
          [](std::span<const token> context, std::span<float> row) {
            std::ranges::fill(row, 0.0f);
            row[static_cast<std::size_t>(script[context.size() - 1])] = 1.0f;
          },
          capacity};
}
/// Drafts `k` tokens of the script, the last `wrong` of them wrong.
struct partly_wrong {
  static constexpr laws sibling_laws = deterministic;
  std::size_t k;
  std::size_t wrong;
  void propose(const decode_context& ctx, draft_tree& tree) const {
    node_id tip = 0;
    for (std::size_t i = 0; i < k && tree.depth(tip) < ctx.max_depth; ++i)
      tip = tree.add(tip, i + wrong < k ? script[ctx.text.size() - 1 + i] : 11);
  }
};
bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace

TEST_CASE("C1: rejected, partly and fully accepted drafts of 1 to 8 leave the cache at the text, bit for bit",
          "[failure][C1]") {
  for (std::size_t k = 1; k <= 8; ++k)
    for (std::size_t wrong = 0; wrong <= k; ++wrong) {
      CAPTURE(k, wrong);
      toy_backend target = scripted();
      toy_host<float> host;
      host.add(0, target);
      step_machine machine{hosted_model{0, vocab, 4096}, partly_wrong{k, wrong}, match(greedy{})};
      machine.start(tokens{0}, {philox{}, 20, {}, {}});
      while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
      CHECK(machine.result().emitted.size() == k - wrong + 1);
      host.apply(0, machine.result().cache);
      const tokens committed = copy(machine.text().first(machine.text().size() - 1));
      CHECK(copy(host.kept(0)) == committed);
      // The next row is that of a prefill of the whole text.
      const auto wanted = machine.next();
      REQUIRE(wanted);
      const auto row = copy(machine.text());
      const auto rows = host.run(*wanted);
      auto fresh = target.open();
      target.prefill(fresh, committed);
      draft_tree root{vocab};
      root.reset(machine.text().back());
      CHECK(same_bits(rows[0], target.forward(fresh, root.view())[0]));
      machine.abandon();
    }
}

TEST_CASE("C1: the same by a decoder: nothing is run twice and nothing is left behind", "[failure][C1]") {
  for (std::size_t k = 1; k <= 8; ++k)
    for (std::size_t wrong = 0; wrong <= k; ++wrong) {
      CAPTURE(k, wrong);
      toy_backend target = scripted();
      auto decoder = speculate(target, partly_wrong{k, wrong}, match(greedy{}));
      decoder.start(tokens{0}, {philox{}, 20, {}, {}});
      CHECK(decoder.step().emitted.size() == k - wrong + 1);
      target.reset_work();
      decoder.step();
      CHECK(target.work().prefilled == 0);
      CHECK(target.work().rewound == 0);
      while (decoder.status() == status::running) decoder.step();
      CHECK(copy(decoder.text()).size() == 21);
      for (std::size_t i = 0; i < 20; ++i) CHECK(decoder.text()[i + 1] == script[i]);
    }
}

TEST_CASE("C2: after a rejection both caches go back by what was rejected, not to the beginning", "[failure][C2]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(2, 5.0)};  // other favourites: most drafts are rejected
  auto decoder = speculate(target, with_length(model_drafter(draft, warm), fixed_length{3}), rejection(warm), stats{});
  decoder.start(tokens(200, 1), {philox{5}, 40, {}, {}});
  decoder.step();
  target.reset_work();
  draft.reset_work();
  const std::size_t emitted = decoder.observer().emitted;
  while (decoder.status() == status::running) decoder.step();
  CHECK(decoder.observer().alpha() < 0.8);
  CHECK(target.work().prefilled == 0);
  CHECK(draft.work().prefilled <= decoder.observer().emitted - emitted);
}

TEST_CASE("C4: backends that only append write the text of those that rewind", "[failure][C4]") {
  for_each_pair(warm, [](auto verifier, auto make) {
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
    append_only<toy_backend> plain_target{target};
    append_only<toy_backend> plain_draft{draft};
    auto rewinds = speculate(target, make(draft, warm), verifier);
    auto appends = speculate(plain_target, make(plain_draft, warm), verifier);
    for (const tokens& text : {prompt, tokens{3, 1, 4, 2}, tokens{3}}) {
      rewinds.start(text, {philox{5}, 20, {}, {}});
      appends.start(text, {philox{5}, 20, {}, {}});
      CHECK(write_by(appends).text == write_by(rewinds).text);
    }
  });
}

TEST_CASE("C6: a text whose beginning is cached gives the tokens of a cold start", "[failure][C6]") {
  for_each_pair(warm, [](auto verifier, auto make) {
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
    auto warmed = speculate(target, make(draft, warm), verifier);
    warmed.start(tokens{3, 1, 4, 1, 5, 9, 2, 6}, {philox{5}, 10, {}, {}});
    (void)write_by(warmed);
    for (std::size_t shared = 0; shared <= 8; ++shared) {
      tokens text{3, 1, 4, 1, 5, 9, 2, 6};
      text.resize(shared);
      text.insert(text.end(), {7, 7, 8});
      auto cold = speculate(target, make(draft, warm), verifier);
      cold.start(text, {philox{6}, 10, {}, {}});
      warmed.start(text, {philox{6}, 10, {}, {}});
      CHECK(write_by(warmed).text == write_by(cold).text);
    }
  });
}

TEST_CASE("C8: speculation that is paused and resumed goes on with the same text and accepts again", "[failure][C8]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 5.0)};
  const auto make = [](auto& d) { return with_length(coupled_model_drafter(d, warm), fixed_length{3}); };
  auto steady = speculate(target, make(draft), match(warm));
  steady.start(prompt, {philox{5}, 60, {}, {}});
  const tokens expected = write_by(steady).text;

  auto decoder = speculate(target, make(draft), match(warm), stats{});
  decoder.start(prompt, {philox{5}, 60, {}, {}});
  const auto phase = [&](std::size_t budget) {
    const stats before = decoder.observer();
    for (int i = 0; i < 5; ++i) decoder.step(budget);
    return decoder.observer().accepted - before.accepted;
  };
  CHECK(phase(24) == 15);  // the draft is the target: all of 3
  CHECK(phase(1) == 0);
  CHECK(phase(24) == 15);
  CHECK(write_by(decoder).text == expected);

  toy_host<float> host;
  host.add(0, target);
  host.add(1, draft);
  hosted_model hosted_draft{1, vocab, 4096};
  step_machine machine{hosted_model{0, vocab, 4096}, make(hosted_draft), match(warm), stats{}};
  machine.start(prompt, {philox{5}, 60, {}, {}});
  for (std::size_t i = 0; machine.status() == status::running; ++i) {
    while (const auto wanted = machine.next(i / 4 % 2 == 0 ? 24 : 1)) machine.supply(host.run(*wanted));
    host.apply(0, machine.result().cache);
  }
  CHECK(copy(machine.text()) == expected);
  CHECK(machine.observer().alpha() == 1);
}

TEST_CASE("C10: after prompts of any length both caches stand where the text stands", "[failure][C10]") {
  for (std::size_t length = 1; length <= 9; ++length) {
    CAPTURE(length);
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    toy_host<float> host;
    host.add(0, target);
    host.add(1, target);
    hosted_model draft{1, vocab, 4096};
    step_machine machine{hosted_model{0, vocab, 4096}, with_length(coupled_model_drafter(draft, warm), fixed_length{3}),
                         match(warm)};
    tokens text(length, 2);
    machine.start(text, {philox{5}, 30, {}, {}});
    std::size_t draft_positions = 0;
    std::size_t target_positions = 0;
    while (const auto wanted = machine.next()) {
      machine.supply(host.run(*wanted));
      (wanted->model == 1 ? draft_positions : target_positions) = host.kept(wanted->model).size();
    }
    CHECK(draft_positions == length - 1);  // the root is the first node of both
    CHECK(target_positions == length - 1);
  }
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  step_machine machine{hosted_model{0, vocab, 4096}, no_draft{}, match(warm)};
  machine.start(tokens{}, {});
  CHECK(!machine.next());
  CHECK(machine.status() == status::failed);
  CHECK(machine.fault() == fault::empty_text);
}

TEST_CASE("A18: greedy and sampled texts with drafts of different lengths share one batched pass", "[failure][A18]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  const auto chain = [&](std::uint32_t k) { return any_drafter(with_length(prompt_lookup(1), fixed_length{k})); };
  auto greedy_none = speculate(target, any_drafter(no_draft{}), match(greedy{}));
  auto greedy_five = speculate(target, chain(5), match(greedy{}));
  auto sampled_two = speculate(target, chain(2), match(warm));
  auto sampled_seven = speculate(target, chain(7), rejection(warm));
  const auto run = [&](bool batched) {
    std::vector<tokens> texts;
    const auto each = [&](auto f) {
      f(greedy_none);
      f(greedy_five);
      f(sampled_two);
      f(sampled_seven);
    };
    std::uint64_t seed = 0;
    each([&](auto& d) { d.start(prompt, {philox{++seed}, 20 + seed, {}, {}}); });
    if (!batched) each([&](auto& d) { (void)write_by(d); });
    using work = batch_entry<toy_backend::sequence>;
    for (bool any = batched; any;) {
      std::vector<work> entries;
      std::vector<std::function<void(matrix_view)>> ends;
      each([&](auto& d) {
        if (!d.begin_step(8)) return;
        entries.push_back(d.work());
        ends.push_back([&d](matrix_view rows) { d.end_step(rows); });
      });
      any = !entries.empty();
      if (!any) break;
      const auto rows = target.forward(std::span<const work>{entries});
      std::size_t first = 0;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        ends[i](rows.slice(first, entries[i].tree.size()));
        first += entries[i].tree.size();
      }
    }
    each([&](auto& d) { texts.push_back(copy(d.text())); });
    return texts;
  };
  const auto alone = run(false);
  CHECK(alone[0] != alone[2]);
  CHECK(run(true) == alone);
}

TEST_CASE("C11: a step that is begun and never ended is forgotten", "[failure][C11]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  const auto make = [&] {
    return speculate(target, with_length(model_drafter(draft, warm), fixed_length{3}), rejection(warm));
  };
  auto steady = make();
  steady.start(prompt, {philox{5}, 30, {}, {}});
  const tokens expected = write_by(steady).text;
  for (std::size_t cancelled = 0; cancelled < 12; ++cancelled)
    for (const int how : {0, 1, 2, 3}) {
      CAPTURE(cancelled, how);
      auto decoder = make();
      decoder.start(prompt, {philox{5}, 30, {}, {}});
      for (std::size_t i = 0; i < cancelled && decoder.status() == status::running; ++i) decoder.step(24);
      const tokens before = copy(decoder.text());
      if (decoder.begin_step(24)) {
        if (how == 1) (void)decoder.work();  // staged, and the batch never ran
        if (how == 2) {
          auto entry = decoder.work();
          (void)target.forward(*entry.sequence, entry.tree);
        }
        if (how == 3) (void)decoder.end_step(matrix_view{});  // the pass failed
      }
      CHECK(copy(decoder.text()) == before);
      CHECK(write_by(decoder).text == expected);
    }
}

TEST_CASE("C11: nodes that were staged for a batch that never ran are not taken for run", "[failure][C11]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  auto decoder = speculate(target, with_length(prompt_lookup(1), fixed_length{3}), match(warm));
  decoder.start(tokens{2, 7, 8, 9, 2}, {philox{5}, 30, {}, {}});
  REQUIRE(decoder.begin_step(24));
  REQUIRE(decoder.tree().size() == 4);
  (void)decoder.work();
  decoder.start(tokens{2, 7, 8, 9, 2, 7, 8, 9, 4}, {philox{5}, 4, {}, {}});  // spells the staged nodes
  const tokens text = write_by(decoder).text;
  auto fresh = speculate(target, no_draft{}, match(warm));
  fresh.start(tokens{2, 7, 8, 9, 2, 7, 8, 9, 4}, {philox{5}, 4, {}, {}});
  CHECK(text == write_by(fresh).text);
}
