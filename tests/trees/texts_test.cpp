// Texts and pairings: trees change no text under greedy targets and under match; wrong pairs are refused.
#include <limits>
#include <vector>

#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("greedy trees: every shape and verifier writes the text of plain greedy decoding", "[trees]") {
  const std::size_t vocab = 8;
  testing::toy_backend target{vocab, hashed_law<float>(1, 6.0)};
  testing::toy_backend draft{vocab, hashed_law<float>(1, 6.0)};
  const std::vector<token> prompt{1, 2, 3};
  const auto text_of = [&](auto drafter, auto verifier) {
    auto decoder = speculate(target, std::move(drafter), std::move(verifier));
    return emitted_text(decoder, prompt, request{philox{1}, 60, {}});
  };
  const auto want = text_of(no_draft{}, match(greedy{}));
  std::vector<node_id> random{no_node};
  for (std::uint32_t n = 1; n < 64; ++n) random.push_back(philox4x32({n, 0, 0, 0}, 9)[0] % n);
  for (const tree_shape& shape : {constant_branching(std::vector{1u, 1u, 1u, 1u}), constant_branching(std::vector{7u}),
                                  constant_branching(std::vector{2u, 2u, 2u}), tree_shape{random}}) {
    const auto tree = [&] { return static_tree(draft, greedy{}, shape); };
    CHECK(text_of(tree(), traversal(greedy{})) == want);
    CHECK(text_of(tree(), block(greedy{})) == want);
    CHECK(text_of(tree(), rejection(greedy{})) == want);
    CHECK(text_of(tree(), multi_round(greedy{})) == want);
    CHECK(text_of(tree(), match(greedy{})) == want);
    CHECK(text_of(tree(), lossy::lenient(greedy{}, 0.5)) == want);
  }
  CHECK(text_of(best_first(draft, temperature{0.5f}, 12), traversal(greedy{})) == want);
  // Drawn drafts, greedy target.
  CHECK(text_of(gumbel_top_k(draft, plain, {3, 2}), traversal(greedy{})) == want);
  CHECK(text_of(stochastic_beam(draft, plain, 3, 3), traversal(greedy{})) == want);
}

TEST_CASE("match: trees of every law write the text of plain decoding, coupled ones are accepted more", "[trees]") {
  const std::size_t vocab = 12;
  testing::toy_backend target{vocab, hashed_law<float>(1, 2.0)};
  testing::toy_backend draft{vocab, hashed_law<float>(2, 1.0)};  // another law
  const std::vector<token> prompt{1, 2, 3};
  const temperature warp{0.8f};
  std::size_t accepted = 0;
  const auto text_of = [&](auto drafter) {
    auto decoder = speculate(target, std::move(drafter), match(warp), stats{});
    const auto text = emitted_text(decoder, prompt, request{philox{11}, 400, {}});
    accepted = decoder.observer().accepted;
    return text;
  };
  const auto want = text_of(no_draft{});
  CHECK(text_of(gumbel_top_k(draft, warp, {3, 2})) == want);
  const std::size_t with_own_noise = accepted;
  CHECK(text_of(coupled_gumbel_top_k(draft, warp, {3, 2})) == want);
  CHECK(accepted > with_own_noise + 50);
  CHECK(text_of(stochastic_beam(draft, warp, 4, 3)) == want);
  CHECK(text_of(best_first(draft, warp, 8)) == want);
  CHECK(text_of(iid_children(draft, warp, {3, 2})) == want);
  CHECK(text_of(spec_hub_pairs(draft, warp, 2)) == want);
}

TEST_CASE("any_drafter: a law that the verifier is not exact for is refused when the decoder is built", "[trees]") {
  testing::toy_backend target{12, hashed_law<float>(1, 2.0)};
  testing::toy_backend draft{12, hashed_law<float>(2, 1.0)};
  const auto held = [&](auto drafter) { return any_drafter{std::move(drafter)}; };
  CHECK_NOTHROW(speculate(target, held(gumbel_top_k(draft, plain, {2})), traversal(plain)));
  CHECK_NOTHROW(speculate(target, held(iid_children(draft, plain, {2})), multi_round(plain)));
  CHECK_NOTHROW(speculate(target, held(iid_children(draft, plain, {2})), match(plain)));
  CHECK_THROWS_AS(speculate(target, held(iid_children(draft, plain, {2})), traversal(plain)), error);
  CHECK_THROWS_AS(speculate(target, held(gumbel_top_k(draft, plain, {2})), multi_round(plain)), error);
  CHECK_THROWS_AS(speculate(target, held(spec_hub_pairs(draft, plain)), multi_round(plain)), error);
  CHECK_THROWS_AS(speculate(target, held(coupled_gumbel_top_k(draft, plain, {2})), traversal(plain)), error);
}

TEST_CASE("ordered_at_position: the first is at_position's token, the rest follow by their noise", "[random]") {
  const std::vector<float> logits{0.5f, -1.0f, 2.0f, -std::numeric_limits<float>::infinity(), 1.0f};
  std::vector<candidate> some;
  std::vector<candidate> all;
  for (std::uint64_t position = 0; position < 500; ++position) {
    philox{4}.ordered_at_position(position, std::span<const float>{logits}, 2, some);
    philox{4}.ordered_at_position(position, std::span<const float>{logits}, 9, all);
    REQUIRE(all.size() == 4);  // -inf never
    REQUIRE(some[0].index == philox{4}.at_position(position, std::span<const float>{logits}));
    for (std::size_t i = 0; i < some.size(); ++i) REQUIRE(some[i].index == all[i].index);
    for (std::size_t i = 1; i < all.size(); ++i) REQUIRE(all[i - 1].score >= all[i].score);
  }
}

TEST_CASE("draft_tree: independent draws of one token share a node and stay trials of their own", "[trees]") {
  draft_tree tree{5};
  tree.reset(4);
  CHECK(tree.law(0) == deterministic);
  (void)tree.make_q(0);
  CHECK(tree.law(0) == without_replacement);
  tree.begin_draws(0, iid);
  const node_id a = tree.draw(0, 2);
  const node_id b = tree.draw(0, 3);
  CHECK(tree.draw(0, 2) == a);
  CHECK(tree.law(0) == iid);
  CHECK(tree.size() == 3);
  const auto draws = tree.draws(0);
  CHECK(std::vector<node_id>(draws.begin(), draws.end()) == std::vector<node_id>{a, b, a});
  tree.begin_draws(b, joint_pair);
  const node_id c = tree.draw(b, 2);  // the same token elsewhere is another node
  CHECK((c != a && tree.draws(b).size() == 1 && tree.draws(0).size() == 3));
  CHECK(tree.draws(a).empty());
  tree.reset(1);
  CHECK((tree.draws(0).empty() && tree.law(0) == deterministic));
}
