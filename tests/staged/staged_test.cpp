// Staged speculation: what the inner decoder hands out is the middle model's own draw, with the middle model's law.
#include "lossless/fixtures.hpp"
#include "machine/toy_host.hpp"
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// A second, smaller model for fixture M.
exact_backend smallest() {
  return {3, markov_law<double>({1. / 5, 1. / 5, 3. / 5},
                                {{1. / 3, 1. / 3, 1. / 3}, {1. / 10, 1. / 10, 4. / 5}, {1. / 2, 1. / 2, 0.}})};
}

struct three_models {
  pair_of_models m = fixture_m();
  exact_backend small = smallest();
};

/// target ← draft ← small
template <class V>
auto stages(three_models& t, V inner, std::uint32_t length, std::uint32_t guesses) {
  return [&t, inner, length, guesses] {
    return staged(t.m.draft, with_length(model_drafter(t.small, plain), fixed_length{guesses}), inner, length);
  };
}

}  // namespace

TEST_CASE("staged: three drafted tokens are accepted as often as three of the middle model's own", "[staged]") {
  three_models t;
  for (const std::uint32_t guesses : {1u, 2u}) {
    INFO("guesses " << guesses);
    const auto drafter = stages(t, rejection(plain), 3, guesses);
    CHECK(std::abs(judged(t.m, drafter, rejection(plain)).accepted - 13889. / 7200) < exact);
    CHECK(std::abs(judged(t.m, drafter, block(plain)).accepted - 151. / 72) < exact);
  }
}

TEST_CASE("staged: inner block and traversal hand out the middle model's draws too", "[staged]") {
  three_models t;
  CHECK(std::abs(judged(t.m, stages(t, block(plain), 3, 2), rejection(plain)).accepted - 13889. / 7200) < exact);
  const auto inner_tree = [&t] { return staged(t.m.draft, gumbel_top_k(t.small, plain, {2}), traversal(plain), 2); };
  CHECK(std::abs(judged(t.m, inner_tree, rejection(plain)).accepted - 35. / 24) < exact);
  CHECK(std::abs(judged(t.m, inner_tree, block(plain)).accepted - 61. / 40) < exact);
  const auto inner_iid = [&t] { return staged(t.m.draft, iid_children(t.small, plain, {2}), multi_round(plain), 2); };
  CHECK(std::abs(judged(t.m, inner_iid, block(plain)).accepted - 61. / 40) < exact);
}

TEST_CASE("staged: the text of two rounds and more has the target's law", "[staged]") {
  three_models t;
  CHECK(text_distance_of(t.m, stages(t, rejection(plain), 2, 1), rejection(plain), 4) < exact);
  CHECK(text_distance_of(t.m, stages(t, rejection(plain), 2, 1), block(plain), 4) < exact);
  CHECK(text_distance_of(t.m, stages(t, block(plain), 2, 1), block(plain), 4) < exact);
  const auto over_lookup = [&t] {
    return staged(t.m.draft, with_length(prompt_lookup(1), fixed_length{2}), rejection(plain), 2);
  };
  CHECK(text_distance_of(t.m, over_lookup, block(plain), 4) < exact);
}

TEST_CASE("staged: four stages have the target's law", "[staged]") {
  three_models t;
  exact_backend tiny{3, iid_law<double>({1. / 2, 1. / 4, 1. / 4})};
  const auto nested = [&] {
    auto inner = staged(t.small, with_length(model_drafter(tiny, plain), fixed_length{1}), rejection(plain), 2);
    return staged(t.m.draft, std::move(inner), rejection(plain), 2);
  };
  CHECK(text_distance_of(t.m, nested, rejection(plain), 3) < exact);
  CHECK(std::abs(judged(t.m, nested, rejection(plain)).accepted - 35. / 24) < exact);
}

namespace {

/// Inner rounds that draw at their texts' lengths alone: those behind a rejected token draw again in the next round.
template <class D>
struct keyed_by_length {
  static constexpr laws sibling_laws = without_replacement;
  D staged;
  template <class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<double>& tree) {
    basic_context<R> moved = ctx;
    moved.round = 1;  // the same sites in every round
    staged.propose(moved, tree);
  }
};

}  // namespace

TEST_CASE("staged: inner draws that a later round meets again bias the text (mutant)", "[staged][mutant]") {
  three_models t;
  const auto right = stages(t, rejection(plain), 2, 1);
  const auto wrong = [&] { return keyed_by_length<decltype(right())>{right()}; };
  CHECK(text_distance_of(t.m, right, block(plain), 4) < exact);
  CHECK(text_distance_of(t.m, wrong, block(plain), 4) > 1e-3);
}

namespace {

constexpr std::size_t vocab = 12;
const temperature warm{0.9f};

struct toy_models {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend mid{vocab, hashed_law<float>(1, 4.5)};
  toy_backend small{vocab, hashed_law<float>(1, 3.5)};
};

std::vector<token> text_of(auto decoder, std::uint64_t seed, std::size_t count = 80) {
  decoder.start(std::vector<token>{3, 1, 4, 1, 5}, {philox{seed}, count, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

}  // namespace

TEST_CASE("staged: match inside and outside gives the text of plain decoding, and accepts", "[staged]") {
  toy_models t;
  const auto inner = [&] { return with_length(coupled_model_drafter(t.small, warm), fixed_length{2}); };
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    auto decoder = speculate(t.target, staged(t.mid, inner(), match(warm), 4), match(warm), stats{});
    decoder.start(std::vector<token>{3, 1, 4, 1, 5}, {philox{seed}, 80, {}, {}});
    while (decoder.status() == status::running) decoder.step();
    CHECK(std::vector<token>(decoder.text().begin(), decoder.text().end()) ==
          text_of(speculate(t.target, no_draft{}, match(warm)), seed));
    CHECK(decoder.observer().alpha() > 0.5);  // split noise would agree by chance only
  }
}

TEST_CASE("staged: greedy stages say what plain greedy decoding says", "[staged]") {
  toy_models t;
  const auto plain_text = text_of(speculate(t.target, no_draft{}, match(greedy{})), 1);
  const auto lookup = [] { return with_length(prompt_lookup(2), fixed_length{4}); };
  CHECK(text_of(speculate(t.target, staged(t.mid, lookup(), match(greedy{}), 4), match(greedy{})), 1) == plain_text);
  CHECK(text_of(speculate(t.target, staged(t.mid, lookup(), block(greedy{}), 4), block(greedy{})), 1) == plain_text);
  CHECK(text_of(speculate(t.target, staged(t.mid, lookup(), rejection(greedy{}), 4), traversal(greedy{})), 1) ==
        plain_text);
}

TEST_CASE("staged: lookup inside saves passes of the middle model", "[staged]") {
  // A text that repeats itself: the middle model's guesses are looked up.
  const auto cycle = [](std::span<const token> context, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.001f);
    row[static_cast<std::size_t>((context.back() + 1) % static_cast<token>(vocab))] = 1.0f;
  };
  toy_backend target{vocab, cycle};
  toy_backend mid{vocab, cycle};
  auto decoder = speculate(target, staged(mid, with_length(prompt_lookup(1), fixed_length{5}), match(greedy{}), 6),
                           match(greedy{}), stats{});
  decoder.start(std::vector<token>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0}, {philox{}, 70, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  CHECK(decoder.observer().alpha() == 1.0);
  CHECK(mid.work().passes == decoder.observer().steps);  // six tokens a pass
}

TEST_CASE("staged: under a host's machine it says what it says over backends", "[staged]") {
  toy_models t;
  hosted_model target{0, vocab, 4096}, mid{1, vocab, 4096}, small{2, vocab, 4096};
  const auto parts = [](auto& middle, auto& smallest_one) {
    return staged(middle, with_length(model_drafter(smallest_one, warm), fixed_length{2}), rejection(warm), 4);
  };
  const auto expected = text_of(speculate(t.target, parts(t.mid, t.small), block(warm)), 5);
  step_machine machine{target, parts(mid, small), block(warm)};
  testing::toy_host<float> host;
  host.add(0, t.target);
  host.add(1, t.mid);
  host.add(2, t.small);
  machine.start(std::vector<token>{3, 1, 4, 1, 5}, {philox{5}, 80, {}, {}});
  while (machine.status() == status::running) {
    while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
    host.apply(0, machine.result().cache);
  }
  CHECK(std::vector<token>(machine.text().begin(), machine.text().end()) == expected);
}

TEST_CASE("staged: models of different vocabularies are refused, and more tokens than sites", "[staged]") {
  toy_models t;
  toy_backend other{5, hashed_law<float>(1, 3.5)};
  const auto inner = [&](auto& model) { return with_length(model_drafter(model, warm), fixed_length{2}); };
  CHECK_THROWS_WITH(staged(t.mid, inner(other), rejection(warm), 4), Catch::Matchers::Contains("12 and 5 tokens"));
  CHECK_THROWS_WITH(staged(t.mid, inner(t.small), rejection(warm), 64), Catch::Matchers::Contains("at most 63"));
}
