// Losslessness across vocabularies, by enumeration over several rounds.
#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "translate/vocabularies.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

// Laws by the last two tokens: what the draft model says depends on how the text was cut.
struct two_models {
  exact_backend target{target_words.size(), hashed_law<double>(3, 1.5)};
  exact_backend draft{draft_words.size(), hashed_law<double>(5, 1.5)};
};

auto by_text(two_models& m, std::uint32_t gamma) {
  return translated<double>(with_length(model_drafter(m.draft, plain), fixed_length{gamma}), draft_words, target_words);
}
const shared_tokens shared{draft_words, target_words};
auto by_token(two_models& m, std::uint32_t gamma) {
  return translated_tokens<double>(
      with_length(model_drafter(m.draft, only_shared{shared} | plain), fixed_length{gamma}), draft_words, target_words,
      shared);
}

enum class fault_of_q { not_renormalised, of_all_tokens };

/// Drafts as by_token does, and declares the wrong law.
template <fault_of_q Fault>
struct wrong_law {
  static constexpr laws sibling_laws = without_replacement;
  decltype(by_token(std::declval<two_models&>(), 1)) right;

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    right.propose(ctx, tree);
    for (node_id n = 0; n < tree.size(); ++n) {
      if (tree.q(n).empty()) continue;
      const auto q = tree.make_q(n);
      for (std::size_t t = 0; t < q.size(); ++t) {
        if (Fault == fault_of_q::not_renormalised) q[t] *= 2. / 3;  // mass of the shared tokens before they were alone
        if (Fault == fault_of_q::of_all_tokens) q[t] = (q[t] + 1. / static_cast<double>(q.size())) / 2;
      }
    }
  }
};

template <fault_of_q Fault>
double distance_of(two_models& m) {
  return text_distance(
      [&] { return speculate<branching>(m.target, wrong_law<Fault>{by_token(m, 2)}, rejection(plain)); }, m.target, 3);
}

}  // namespace

TEST_CASE("translated: the text of several rounds has the target's law, whatever judges",
          "[translate][lossless][long]") {
  two_models m;
  CHECK(text_distance([&] { return speculate<branching>(m.target, by_text(m, 2), rejection(plain)); }, m.target, 3) <
        exact);
  CHECK(text_distance([&] { return speculate<branching>(m.target, by_text(m, 2), match(plain)); }, m.target, 3) <
        exact);
  CHECK(text_distance([&] { return speculate<branching>(m.target, by_text(m, 2), traversal(plain)); }, m.target, 3) <
        exact);
}

TEST_CASE("shared tokens: the text of several rounds has the target's law", "[translate][lossless]") {
  two_models m;
  for (const std::uint32_t gamma : {1u, 2u}) {
    CHECK(text_distance([&] { return speculate<branching>(m.target, by_token(m, gamma), rejection(plain)); }, m.target,
                        3) < exact);
    CHECK(text_distance([&] { return speculate<branching>(m.target, by_token(m, gamma), block(plain)); }, m.target, 3) <
          exact);
  }
}

TEST_CASE("shared tokens: trees keep the target's law", "[translate][lossless]") {
  two_models m;
  const auto tree = [&] {
    return translated_tokens<double>(constant_tree(m.draft, only_shared{shared} | plain, {2}), draft_words,
                                     target_words, shared);
  };
  CHECK(text_distance([&] { return speculate<branching>(m.target, tree(), rejection(plain)); }, m.target, 3) < exact);
}

TEST_CASE("mutant: a law that is not renormalised on the shared tokens shows", "[translate][mutants]") {
  two_models m;
  CHECK(distance_of<fault_of_q::not_renormalised>(m) > 0.01);
}

TEST_CASE("mutant: a law with mass on tokens that cannot be drawn shows", "[translate][mutants]") {
  two_models m;
  CHECK(distance_of<fault_of_q::of_all_tokens>(m) > 0.01);
}

TEST_CASE("shared tokens: acceptance of one token is 1 minus the distance of p and the renormalised q", "[translate]") {
  // Target over a, b, " ", ab, <e>; draft over <e>, ba, " ", b, a, " a": q on shared tokens sums to 3/4.
  exact_backend target{5, iid_law<double>({.35, .3, .2, .1, .05})};
  exact_backend draft{6, iid_law<double>({.3, .2, .15, .2, .1, .05})};
  const auto drafter = [&] {
    return translated_tokens<double>(with_length(model_drafter(draft, only_shared{shared} | plain), fixed_length{1}),
                                     draft_words, target_words, shared);
  };
  const auto round = one_round([&] { return speculate<branching>(target, drafter(), rejection(plain)); });
  // q = a 2/15, b 4/15, " " 3/15, <e> 6/15: the smaller of p and q sum to 2/15 + 4/15 + 3/15 + 1/20.
  CHECK(std::abs(round.accepted - (2. / 15 + 4. / 15 + 3. / 15 + 1. / 20)) < exact);
}
