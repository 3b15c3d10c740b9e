// Every drafter under every verifier that is exact for it: the text of two rounds and more has the target's law.
//
// Which pairs are legal is read from the types, so a pair that becomes legal is enumerated as well. stochastic_beam's
// competition of branches is by Monte Carlo (trees/stochastic_beam_test); the enumerator's ties are in here.
#include <string>

#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

std::size_t pairs = 0;

/// make(m) gives a drafter. The shortest texts that need two rounds: one token more than a round can give.
template <class Make, class V>
void judge(const char* drafter, Make make, const char* verifier, const V& v, std::size_t length) {
  auto m = fixture_m();
  if constexpr (V::sibling_laws.contains(laws_of<decltype(make(m))>())) {
    INFO(drafter << " under " << verifier);
    CHECK(text_distance_of(
              m, [&] { return make(m); }, v, length) < exact);
    ++pairs;
  }
}
template <class Make>
void judge_all(const char* drafter, Make make, std::size_t length) {
  judge(drafter, make, "match", match(plain), length);
  judge(drafter, make, "rejection", rejection(plain), length);
  judge(drafter, make, "block", block(plain), length);
  judge(drafter, make, "traversal", traversal(plain), length);
  judge(drafter, make, "multi_round", multi_round(plain), length);
  judge(drafter, make, "k_sequence", k_sequence(plain), length);
  judge(drafter, make, "spec_hub", spec_hub(plain), length);
}

auto lookup(std::uint32_t length) { return with_length(prompt_lookup(1), fixed_length{length}); }

}  // namespace

TEST_CASE("every legal pair: drawn chains and trees", "[lossless][pairs]") {
  pairs = 0;
  judge_all(
      "chain of 2", [](auto& m) { return chain(m, 2); }, 4);
  judge_all(
      "stop when unsure",
      [](auto& m) {
        return with_length(model_drafter(m.draft, plain), confidence_stop{0.35f, 2});
      },
      4);
  judge_all(
      "gumbel_top_k {2, 1}",
      [](auto& m) {
        return gumbel_top_k(m.draft, plain, {2, 1});
      },
      4);
  judge_all(
      "static_tree",
      [](auto& m) {
        return static_tree(m.draft, plain, sequoia(std::vector{.7, .2}, 4, 2));
      },
      4);
  judge_all(
      "stochastic_beam", [](auto& m) { return stochastic_beam(m.draft, plain, 2, 1); }, 3);
  judge_all(
      "prefetched, gumbel_top_k {2}",
      [](auto& m) {
        static auto of = fixture_m();
        static prefetched mid{of.draft, lookup(2)};
        (void)m;
        return gumbel_top_k(mid, plain, {2});
      },
      3);
  CHECK(pairs == 6 * 4);
}

TEST_CASE("every legal pair: independent draws and pairs", "[lossless][pairs]") {
  pairs = 0;
  judge_all(
      "iid_children {2, 1}",
      [](auto& m) {
        return iid_children(m.draft, plain, {2, 1});
      },
      4);
  judge_all(
      "spec_hub_pairs", [](auto& m) { return spec_hub_pairs(m.draft, plain, 1); }, 3);
  CHECK(pairs == 3 + 2);
}

TEST_CASE("every legal pair: chosen drafts", "[lossless][pairs]") {
  pairs = 0;
  judge_all(
      "no_draft", [](auto&) { return no_draft{}; }, 3);
  judge_all(
      "greedy chain", [](auto& m) { return chain(m, 2, greedy{}); }, 4);
  judge_all(
      "greedy tree",
      [](auto& m) {
        return gumbel_top_k(m.draft, greedy{}, {2, 1});
      },
      4);
  judge_all(
      "best_first", [](auto& m) { return best_first(m.draft, plain, 3); }, 4);
  judge_all(
      "prompt_lookup", [](auto&) { return lookup(2); }, 5);
  judge_all(
      "anpd", [](auto&) { return with_length(anpd(2), fixed_length{2}); }, 5);
  judge_all(
      "suffix_automaton", [](auto&) { return with_length(suffix_automaton({.min_match = 1}), fixed_length{2}); }, 5);
  judge_all(
      "token_recycling",
      [](auto&) {
        return token_recycling{4, {.k = 2}};
      },
      4);
  CHECK(pairs == 8 * 7);
}

TEST_CASE("every legal pair: drafters in drafters", "[lossless][pairs]") {
  pairs = 0;
  judge_all(
      "staged, rejection inside", [](auto& m) { return staged(m.draft, lookup(1), rejection(plain), 2); }, 4);
  judge_all(
      "staged, block inside", [](auto& m) { return staged(m.draft, lookup(1), block(plain), 2); }, 4);
  judge_all(
      "staged, greedy inside", [](auto& m) { return staged(m.draft, lookup(1), match(greedy{}), 2); }, 4);
  judge_all(
      "followed_by", [](auto& m) { return followed_by<double>(chain(m, 1), lookup(1)); }, 4);
  judge_all(
      "first_of", [](auto& m) { return first_of(lookup(2), chain(m, 1)); }, 4);
  judge_all(
      "first_of, recycling",
      [](auto& m) {
        return first_of(chain(m, 1), token_recycling{4, {.k = 2}});
      },
      4);
  CHECK(pairs == 5 * 4 + 7);
}
