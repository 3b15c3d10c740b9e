#include <hunch/core.hpp>
#include <hunch/testing/exact_law.hpp>

#include "lossless/checks.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;
using tokens = std::vector<token>;

namespace {

template <class D>
tokens drafts(D& drafter, const tokens& text, std::size_t budget = 8, std::uint32_t max_depth = 8,
              const tokens& end_of_text = {}, std::uint64_t run = 0) {
  draft_tree tree{200000};
  tree.reset(text.back());
  drafter.propose(
      decode_context{.text = text, .budget = budget, .max_depth = max_depth, .end_of_text = end_of_text, .run = run},
      tree);
  tokens out;
  for (node_id n = 1; n < tree.size(); ++n) out.push_back(tree[n]);
  return out;
}

}  // namespace

TEST_CASE("prompt_lookup: matches, misses, periods, large ids and replaced texts", "[lookup]") {
  CHECK(lookup_violations([] { return prompt_lookup{2}; }) == std::vector<std::string>{});
}

TEST_CASE("prompt_lookup: n of zero is refused", "[lookup]") {
  CHECK_THROWS_WITH(prompt_lookup{0}, Catch::Matchers::Contains("n of at least 1"));
}

TEST_CASE("prompt_lookup: an n larger than the text proposes nothing", "[lookup]") {
  auto lookup = with_length(prompt_lookup(5), fixed_length{3});
  CHECK(drafts(lookup, {1, 2, 1, 2}).empty());
  CHECK(drafts(lookup, {1, 2, 3, 4, 5}).empty());
  CHECK(drafts(lookup, {1, 1, 1, 1, 1, 1}) == tokens{1, 1, 1});
}

TEST_CASE("prompt_lookup: an edited text of the same length is read anew", "[lookup]") {
  auto lookup = with_length(prompt_lookup(1), fixed_length{1});
  CHECK(drafts(lookup, {1, 2, 3, 1}) == tokens{2});
  CHECK(drafts(lookup, {1, 7, 3, 1}) == tokens{7});
  CHECK(drafts(lookup, {1, 7}).empty());
}

TEST_CASE("prompt_lookup: a run that grows gives what a fresh lookup of the whole text gives", "[lookup]") {
  tokens text;
  auto growing = with_length(prompt_lookup(2), fixed_length{4});
  for (std::uint32_t i = 0; i < 3000; ++i) {
    text.push_back(static_cast<token>(philox4x32({i, 0, 0, 0}, 1)[0] % 12));
    if (i % 7 != 0) continue;
    const tokens mine = drafts(growing, text, 8, 8, {}, 42);
    if (i % 210 != 0) continue;
    auto fresh = with_length(prompt_lookup(2), fixed_length{4});
    CHECK(mine == drafts(fresh, text));
  }
}

TEST_CASE("prompt_lookup: a step of a growing text never looks at what it has seen before", "[lookup]") {
  // What makes a step O(1): the old part of the text may as well be overwritten, as long as the run says it only grew.
  auto lookup = with_length(prompt_lookup(2), fixed_length{2});
  CHECK(drafts(lookup, {1, 2, 3, 4, 5}, 8, 8, {}, 7).empty());
  CHECK(drafts(lookup, {0, 0, 0, 0, 0, 1, 2}, 8, 8, {}, 7) == tokens{3, 4});
  // A new run compares again.
  CHECK(drafts(lookup, {0, 0, 0, 0, 0, 1, 2}, 8, 8, {}, 8).empty());
}

TEST_CASE("with_length: stops at the length, the budget, the depth and an end of text", "[length]") {
  const auto fresh = [](std::uint32_t n) { return with_length(prompt_lookup(1), fixed_length{n}); };
  const tokens text{1, 2, 3, 4, 5, 6, 7, 1};
  auto three = fresh(3);
  auto seven = fresh(7);
  auto none = fresh(0);
  CHECK(drafts(none, text).empty());
  CHECK(drafts(three, text) == tokens{2, 3, 4});
  CHECK(drafts(seven, text, 3) == tokens{2, 3});             // a budget of 3 nodes holds the root and two drafts
  CHECK(drafts(seven, text, 8, 4) == tokens{2, 3, 4, 5});    // nothing deeper can be emitted
  CHECK(drafts(seven, text, 8, 8, {4}) == tokens{2, 3, 4});  // the end of text stays in the tree
}

TEST_CASE("with_length: the policy sees the probability of the token that was drawn", "[length]") {
  struct recorder {
    std::vector<draft_signal>* seen;
    bool keep_drafting(const draft_signal& s) const {
      seen->push_back(s);
      return s.depth < 2;
    }
  };
  toy_backend model{4, iid_law<float>({0, 0, 1, 0})};
  std::vector<draft_signal> seen;
  auto drafter = with_length(model_drafter(model, temperature{1.0f}), recorder{&seen});
  draft_tree tree{4};
  tree.reset(1);
  const tokens text{1};
  drafter.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
  REQUIRE(seen.size() == 3);
  CHECK((seen[0].node == 0 && seen[0].probability == 1.0f && seen[0].depth == 0));
  CHECK((seen[2].node == 2 && seen[2].probability == 1.0f && seen[2].depth == 2));
}

TEST_CASE("model_drafter: leaves the law it drew from, and none when greedy or coupled", "[model]") {
  toy_backend model{4, iid_law<float>({0.1f, 0.2f, 0.3f, 0.4f})};
  const tokens text{1, 2};
  const auto propose = [&](auto drafter) {
    draft_tree tree{4};
    tree.reset(2);
    auto chain = with_length(std::move(drafter), fixed_length{2});
    chain.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
    return tree;
  };
  const draft_tree sampled = propose(model_drafter(model, top_k{2}));
  REQUIRE(sampled.size() == 3);
  for (const node_id n : {0u, 1u}) {
    REQUIRE(sampled.q(n).size() == 4);
    CHECK(sampled.q(n)[0] == 0);
    CHECK(sampled.q(n)[1] == 0);
    CHECK(sampled.q(n)[2] == Approx(3. / 7));
    CHECK(sampled.q(n)[3] == Approx(4. / 7));
  }
  const draft_tree best = propose(model_drafter(model, greedy{}));
  REQUIRE(best.size() == 3);
  CHECK((best[1] == 3 && best[2] == 3));
  CHECK(best.q(0).empty());
  CHECK(propose(coupled_model_drafter(model, temperature{1.0f})).q(0).empty());
}

TEST_CASE("model_drafter: probabilities and entropies of greedy and coupled tokens, where the policy reads them",
          "[model]") {
  toy_backend model{4, iid_law<float>({0.1f, 0.2f, 0.3f, 0.4f})};
  const tokens text{1, 2};
  draft_tree tree{4};
  tree.reset(2);
  const auto signal_of = [&](auto drafter, bool probability, bool entropy) {
    drafter.fill_signals(probability, entropy);
    tree.reset(2);
    const auto drawn = drafter.extend(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree, 0);
    REQUIRE(drawn);
    CHECK(tree.q(0).empty());
    return std::pair{*drawn, tree[1]};
  };
  const float law[] = {0.1f, 0.2f, 0.3f, 0.4f};
  const auto best = signal_of(model_drafter(model, greedy{}), true, true);
  CHECK(best.first.probability == Approx(0.4));
  CHECK(best.first.entropy == Approx(1.27985));  // of that law, in nats
  const auto drawn = signal_of(coupled_model_drafter(model, temperature{1.0f}), true, false);
  CHECK(drawn.first.probability == Approx(law[drawn.second]));
  CHECK(drawn.first.entropy == 0);
  const auto unread = signal_of(coupled_model_drafter(model, temperature{1.0f}), false, false);
  CHECK(unread.second == drawn.second);
  CHECK(unread.first.probability == 1);
  static_assert(!wants_probability<fixed_length>() && !wants_probability<best_paying_length>());
  static_assert(wants_probability<confidence_stop>() && wants_probability<specdec_pp<>>());
}

TEST_CASE("model_drafter: one pass a token, and one more for the last of a fully accepted round", "[model]") {
  const tokens script{1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7};
  auto target = scripted_target(script);
  auto draft = scripted_target(script);
  auto decoder = speculate(target, with_length(model_drafter(draft, greedy{}), fixed_length{3}), match(greedy{}));
  decoder.start(tokens{0});
  CHECK(decoder.step().emitted.size() == 4);
  CHECK(draft.work().passes == 3);
  CHECK(draft.work().prefilled == 0);
  CHECK(decoder.step().emitted.size() == 4);
  CHECK(draft.work().passes == 6);
  CHECK(draft.work().prefilled == 1);  // the third draft was accepted without ever being run
  CHECK(draft.work().rewound == 0);
}

TEST_CASE("model_drafter: a draft model whose context is full leaves the target alone", "[model]") {
  const tokens script{1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5};
  auto target = scripted_target(script);
  auto draft = scripted_target(script, 4);
  auto decoder = speculate(target, with_length(model_drafter(draft, greedy{}), fixed_length{3}), match(greedy{}));
  CHECK(emitted_text(decoder, {0}, request{philox{}, 12, {}}) == script);
}

TEST_CASE("first_of: asks the second only when the first proposed nothing", "[first_of]") {
  struct fixed {
    tokens guess;
    int* asked;
    int* told;
    void propose(const decode_context&, draft_tree& tree) const {
      ++*asked;
      for (const token t : guess) tree.add(0, t);
    }
    void observe(const draft_tree&, const verdict&) const { ++*told; }
  };
  int asked_a = 0, asked_b = 0, told_a = 0, told_b = 0;
  draft_tree tree{10};
  const tokens text{1};
  verdict v;
  v.path = {0};
  first_of both_guess(fixed{{3}, &asked_a, &told_a}, fixed{{4}, &asked_b, &told_b});
  tree.reset(1);
  both_guess.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
  both_guess.observe(tree, v, rows_ref{matrix_view{}});
  CHECK((asked_a == 1 && asked_b == 0 && told_a == 1 && told_b == 0));
  CHECK(tree[1] == 3);
  first_of second_guesses(fixed{{}, &asked_a, &told_a}, fixed{{4}, &asked_b, &told_b});
  tree.reset(1);
  second_guesses.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
  second_guesses.observe(tree, v, rows_ref{matrix_view{}});
  CHECK((asked_a == 2 && asked_b == 1 && told_a == 1 && told_b == 1));
  CHECK(tree[1] == 4);
}

TEST_CASE("first_of: a part that learns from any tree is told every round, chosen at run time or not", "[first_of]") {
  struct learner {
    int* told;
    void propose(const decode_context&, draft_tree&) const {}
    void observe(const draft_tree&, const verdict&) const { ++*told; }
    [[nodiscard]] bool learns_from_any() const { return true; }
  };
  struct guesser {
    void propose(const decode_context&, draft_tree& tree) const { tree.add(0, 3); }
  };
  int told = 0;
  draft_tree tree{10};
  const tokens text{1};
  verdict v;
  v.path = {0};
  const auto round = [&](auto both) {
    tree.reset(1);
    both.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
    both.observe(tree, v, rows_ref{matrix_view{}});
  };
  round(first_of(guesser{}, learner{&told}));  // the other one proposed
  CHECK(told == 1);
  round(first_of(learner{&told}, guesser{}));
  CHECK(told == 2);
  round(first_of(any_drafter{guesser{}}, any_drafter{learner{&told}}));
  CHECK(told == 3);
  CHECK(token_recycling{8}.learns_from_any());
}

TEST_CASE("first_of: joins laws, and refuses drafters of two vocabularies", "[first_of]") {
  toy_backend eight{8, hashed_law<float>(1, 1.0)};
  toy_backend nine{9, hashed_law<float>(1, 1.0)};
  const auto chain = [](toy_backend& m) { return with_length(model_drafter(m, temperature{1.0f}), fixed_length{1}); };
  const auto lookup = [] { return with_length(prompt_lookup(1), fixed_length{1}); };
  CHECK(laws_of<decltype(first_of(lookup(), chain(eight)))>() == (deterministic | without_replacement));
  CHECK(first_of(lookup(), chain(eight)).vocab_size() == 8);
  CHECK(first_of(chain(eight), lookup()).vocab_size() == 8);
  CHECK(first_of(lookup(), lookup()).vocab_size() == 0);
  CHECK_THROWS_WITH(first_of(chain(eight), chain(nine)), Catch::Matchers::Contains("8 and 9 tokens"));
}

TEST_CASE("no_draft: proposes nothing", "[none]") {
  no_draft drafter;
  CHECK(drafts(drafter, {1, 2, 1, 2}).empty());
}
