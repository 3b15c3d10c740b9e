// Shapes, static and dynamic trees: what is drafted, in which order, within which bounds.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

decode_context context_of(std::span<const token> text, std::size_t budget, std::uint32_t max_depth,
                          std::uint64_t seed = 1) {
  return {.text = text, .budget = budget, .max_depth = max_depth, .end_of_text = {}, .run = 0, .random = philox{seed}};
}

template <class P = float, class D>
basic_draft_tree<P> proposal(D& drafter, const decode_context& ctx, std::size_t vocab) {
  basic_draft_tree<P> tree{vocab};
  tree.reset(ctx.text.back());
  drafter.propose(ctx, tree);
  return tree;
}

template <class P>
std::vector<token> path_to(const basic_draft_tree<P>& tree, node_id n) {
  std::vector<token> path;
  for (; n != 0; n = tree.parent(n)) path.insert(path.begin(), tree[n]);
  return path;
}

/// The most expected tokens of any shape of n nodes and at most `depth` levels, by trying all.
double best_by_trying(std::span<const double> acceptance, std::size_t n, std::uint32_t depth,
                      std::vector<node_id>& parents) {
  if (parents.size() == n) {
    const tree_shape shape{parents};
    for (node_id i = 0; i < shape.size(); ++i)
      if (shape.depth(i) > depth) return 0;
    return expected_tokens(shape, acceptance);
  }
  double best = 0;
  parents.push_back(0);
  for (node_id p = 0; p + 1 < parents.size(); ++p) {
    parents.back() = p;
    best = std::max(best, best_by_trying(acceptance, n, depth, parents));
  }
  parents.pop_back();
  return best;
}

}  // namespace

TEST_CASE("sequoia: expected tokens for acceptance .6, .2, .1", "[sequoia]") {
  const std::vector acceptance{.6, .2, .1};
  const double free[] = {1, 8. / 5, 49. / 25, 272. / 125, 297. / 125, 1566. / 625, 1641. / 625, 1716. / 625};
  const double three_levels[] = {1, 8. / 5, 49. / 25, 54. / 25, 57. / 25, 12. / 5, 5. / 2, 64. / 25};
  for (std::size_t m = 1; m <= 8; ++m) {
    INFO(m << " nodes");
    CHECK(std::abs(expected_tokens(sequoia(acceptance, m, 8), acceptance) - free[m - 1]) < 1e-12);
    CHECK(std::abs(expected_tokens(sequoia(acceptance, m, 2), acceptance) - three_levels[m - 1]) < 1e-12);
    CHECK(sequoia(acceptance, m, 8).size() == m);
  }
}

TEST_CASE("sequoia: no shape of up to 7 nodes expects more", "[sequoia]") {
  // Rates need not fall with the rank: a good second sibling costs a poor first one.
  for (const std::vector<double>& acceptance :
       {std::vector<double>{.5, .4, .3}, {.1, .8}, {.9}, {.3, .3, .3, .1}, {.05, .05, .9}})
    for (std::size_t m = 2; m <= 7; ++m)
      for (const std::uint32_t depth : {1u, 2u, 6u}) {
        double best = 1;
        for (std::size_t n = 2; n <= m; ++n) {
          std::vector<node_id> parents{no_node};
          best = std::max(best, best_by_trying(acceptance, n, depth, parents));
        }
        INFO(m << " nodes, depth " << depth << ", first rate " << acceptance[0]);
        CHECK(std::abs(expected_tokens(sequoia(acceptance, m, depth), acceptance) - best) < 1e-12);
      }
}

TEST_CASE("sequoia, tree_shape: bad input is refused with a reason", "[sequoia]") {
  CHECK_THROWS_AS(sequoia(std::vector{.5}, 0, 3), error);
  CHECK_THROWS_AS(sequoia(std::vector{1.5}, 4, 3), error);
  CHECK_THROWS_AS(tree_shape(std::vector<node_id>{}), error);
  CHECK_THROWS_AS(tree_shape(std::vector<node_id>{no_node, 0, 2}), error);
  CHECK_THROWS_AS(tree_shape(std::vector<node_id>{0}), error);
}

TEST_CASE("tree_shape: nodes are put in level order, siblings keep theirs", "[trees]") {
  const tree_shape shape{std::vector<node_id>{no_node, 0, 1, 0, 3, 3}};  // 0: (1: (2)), (3: (4), (5))
  const node_id parents[] = {no_node, 0, 0, 1, 2, 2};
  const std::uint32_t ranks[] = {0, 0, 1, 0, 0, 1};
  for (node_id n = 0; n < 6; ++n) {
    CHECK(shape.parent(n) == parents[n]);
    CHECK(shape.rank(n) == ranks[n]);
  }
  CHECK(constant_branching(std::vector{3u, 2u, 1u}).size() == 1 + 3 + 6 + 6);
}

TEST_CASE("gumbel_top_k: as many passes of the draft model as levels, as many nodes as the shape has", "[trees]") {
  testing::toy_backend draft{40, hashed_law<float>(3, 2.0)};
  auto drafter = gumbel_top_k(draft, plain, {3, 2, 1});
  const std::vector<token> text{1, 2, 3};
  const auto tree = proposal(drafter, context_of(text, 64, 10), 40);
  CHECK(tree.size() == 16);
  CHECK(draft.work().passes == 3);
  CHECK(draft.work().rows == 1 + 3 + 6);
  for (node_id n = 1; n < tree.size(); ++n) CHECK(tree.parent(n) < n);
}

TEST_CASE("trees: budget, depth limit and end of text bound every drafter", "[trees]") {
  const std::size_t vocab = 6;
  testing::toy_backend draft{vocab, hashed_law<float>(5, 3.0)};
  const std::vector<token> text{1, 4, 2};
  const std::vector<token> ends{3};
  const auto check = [&](auto drafter) {
    for (std::size_t budget = 2; budget < 20; ++budget)
      for (std::uint32_t deepest = 1; deepest < 5; ++deepest)
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
          auto ctx = context_of(text, budget, deepest, seed);
          ctx.end_of_text = ends;
          const auto tree = proposal(drafter, ctx, vocab);
          REQUIRE(tree.size() <= budget);
          for (node_id n = 1; n < tree.size(); ++n) {
            REQUIRE(tree.depth(n) <= deepest);
            REQUIRE(tree.parent(n) < n);
            REQUIRE((tree.parent(n) == 0 || tree[tree.parent(n)] != 3));
          }
        }
  };
  check(gumbel_top_k(draft, plain, {3, 2, 2}));
  check(stochastic_beam(draft, plain, 4, 4));
  check(best_first(draft, plain, 12));
  check(iid_children(draft, plain, {3, 2, 2}));
  check(spec_hub_pairs(draft, plain, 3));
  check(static_tree(draft, greedy{}, sequoia(std::vector{.6, .2, .1}, 16, 4)));
}

TEST_CASE("trees: a draft model whose context is full proposes what still fits", "[trees]") {
  testing::toy_backend draft{6, hashed_law<float>(5, 3.0), 8};
  const std::vector<token> text{1, 4, 2};
  auto drafter = gumbel_top_k(draft, plain, {3, 2, 2});
  CHECK(proposal(drafter, context_of(text, 64, 9), 6).size() == 10);  // the third level's 6 rows find no room
  const std::vector<token> full(9, 1);
  CHECK(proposal(drafter, context_of(full, 64, 9), 6).size() == 1);
}

TEST_CASE("best_first: the most likely nodes in order of probability", "[best_first]") {
  exact_backend draft{3, markov_law<double>({.6, .3, .1}, {{.49, .41, .1}, {.9, .05, .05}, {.8, .1, .1}})};
  const std::vector<token> text{0};
  // .6, .3, .294, .27, .246, .1
  const std::vector<std::vector<token>> order{{0}, {1}, {0, 0}, {1, 0}, {0, 1}, {2}};
  for (std::size_t nodes = 1; nodes <= 6; ++nodes) {
    auto drafter = best_first(draft, plain, nodes, {.depth = 2});
    const auto tree = proposal<double>(drafter, context_of(text, 64, 9), 3);
    REQUIRE(tree.size() == nodes + 1);
    for (node_id n = 1; n <= nodes; ++n) CHECK(path_to(tree, n) == order[n - 1]);
    for (node_id n = 0; n <= nodes; ++n) CHECK(tree.law(n) == deterministic);
  }
}

TEST_CASE("best_first: a child as likely as its parent never comes before it", "[best_first]") {
  exact_backend draft{3, markov_law<double>({.6, .4, 0}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}})};
  const std::vector<token> text{0};
  for (std::size_t nodes = 1; nodes <= 9; ++nodes) {
    auto drafter = best_first(draft, plain, nodes, {.depth = 5});
    const auto tree = proposal<double>(drafter, context_of(text, 64, 9), 3);
    REQUIRE(tree.size() == nodes + 1);
    for (node_id n = 1; n <= nodes; ++n)
      CHECK(path_to(tree, n) == std::vector<token>(n <= 5 ? n : n - 5, n <= 5 ? 0 : 1));
  }
}

TEST_CASE("best_first: finds what trying all nodes finds, with as few passes as levels it needs", "[best_first]") {
  const std::size_t vocab = 5;
  for (std::uint64_t salt = 0; salt < 20; ++salt) {
    exact_backend draft{vocab, hashed_law<double>(salt, 4.0)};
    const std::vector<token> text{2};
    std::vector<double> all;  // of every path up to depth 4
    const auto walk = [&](auto self, std::vector<token> context, double p, int depth) -> void {
      if (depth == 4) return;
      std::vector<double> row(vocab);
      draft.law()(context, row);
      for (std::size_t t = 0; t < vocab; ++t) {
        all.push_back(p * row[t]);
        auto longer = context;
        longer.push_back(static_cast<token>(t));
        self(self, longer, p * row[t], depth + 1);
      }
    };
    walk(walk, text, 1.0, 0);
    std::sort(all.rbegin(), all.rend());
    auto drafter = best_first(draft, plain, 8, {.depth = 4, .width = 8});
    const auto tree = proposal<double>(drafter, context_of(text, 64, 9), vocab);
    REQUIRE(tree.size() == 9);
    std::uint32_t deepest = 0;
    for (node_id n = 1; n < tree.size(); ++n) {
      double p = 1;
      std::vector<token> context = text;
      std::vector<double> row(vocab);
      for (const token t : path_to(tree, n)) {
        draft.law()(context, row);
        p *= row[static_cast<std::size_t>(t)];
        context.push_back(t);
      }
      CHECK(std::abs(p - all[n - 1]) < 1e-12);
      deepest = std::max(deepest, tree.depth(n));
    }
    CHECK(draft.work().passes <= deepest + 1);
  }
}

TEST_CASE("best_first: a level that gains less than asked is the last", "[best_first]") {
  exact_backend draft{3, markov_law<double>({.6, .3, .1}, {{.5, .4, .1}, {.9, .05, .05}, {.8, .1, .1}})};
  const std::vector<token> text{0};
  // Four nodes: .6 + .3 + .1 on one level; .6 + .3 + .3 + .27 on two, a gain of .47.
  auto curious = best_first(draft, plain, 4, {.depth = 2, .min_gain = 0.4});
  (void)proposal<double>(curious, context_of(text, 64, 9), 3);
  CHECK(draft.work().passes == 2);
  draft.reset_work();
  auto content = best_first(draft, plain, 4, {.depth = 4, .min_gain = 0.5});
  (void)proposal<double>(content, context_of(text, 64, 9), 3);
  CHECK(draft.work().passes == 2);  // the third level is not run
}
