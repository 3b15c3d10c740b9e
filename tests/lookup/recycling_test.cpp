#include <cmath>
#include <limits>

#include "lookup/references.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

constexpr std::size_t vocab = 10;

/// Rows [nodes, vocab] in which the tokens `best[n]` stand out, the first one most.
std::vector<float> rows_with(const std::vector<tokens>& best) {
  std::vector<float> rows(best.size() * vocab, -std::numeric_limits<float>::infinity());
  for (std::size_t n = 0; n < best.size(); ++n)
    for (std::size_t rank = 0; rank < best[n].size(); ++rank)
      rows[n * vocab + static_cast<std::size_t>(best[n][rank])] = -static_cast<float>(rank);
  return rows;
}
/// Tells the drafter about a tree: {parent, token} of its nodes, the accepted path, the best of each row.
void teach(token_recycling& drafter, const std::vector<std::pair<node_id, token>>& nodes,
           const std::vector<node_id>& path, const std::vector<tokens>& best) {
  draft_tree tree{vocab};
  tree.reset(nodes[0].second);
  for (std::size_t n = 1; n < nodes.size(); ++n) tree.add(nodes[n].first, nodes[n].second);
  verdict result;
  result.path = path;
  const auto rows = rows_with(best);
  const matrix_view view{rows.data(), best.size(), vocab};
  drafter.observe(tree, result, rows_ref{view});
}
draft_tree proposal(token_recycling& drafter, const tokens& text, std::size_t budget = 64, std::uint32_t max_depth = 9,
                    const tokens& ends = {}, std::uint64_t run = 1) {
  draft_tree tree{vocab};
  tree.reset(text.back());
  drafter.propose(
      decode_context{.text = text, .budget = budget, .max_depth = max_depth, .end_of_text = ends, .run = run}, tree);
  return tree;
}
tokens tokens_of(const draft_tree& tree) {
  tokens out;
  for (node_id n = 1; n < tree.size(); ++n) out.push_back(tree[n]);
  return out;
}
tree_shape shape_of(std::vector<std::uint32_t> branching) { return constant_branching(branching); }

}  // namespace

TEST_CASE("most_likely: the largest first, ties by lower index, never -inf or NaN", "[recycling]") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> row{1, 5, nan, 5, -inf, 2, 9, 1};
  tokens best(4);
  most_likely(std::span<const float>{row}, std::span{best});
  CHECK(best == tokens{6, 1, 3, 5});
  best.assign(8, 77);
  most_likely(std::span<const float>{row}, std::span{best});
  CHECK(best == tokens{6, 1, 3, 5, 0, 7, no_token, no_token});
}

TEST_CASE("most_likely: finds what sorting finds, on rows of any length", "[recycling]") {
  dice roll;
  for (const std::size_t n : {1u, 7u, 255u, 256u, 257u, 1000u, 4096u, 5003u}) {
    std::vector<float> row(n);
    for (float& x : row) x = static_cast<float>(roll(500)) * 0.1f;
    std::vector<token> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<token>(i);
    std::stable_sort(order.begin(), order.end(), [&](token a, token b) {
      return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
    });
    for (const std::size_t k : {1u, 8u, 32u}) {
      tokens best(k);
      most_likely(std::span<const float>{row}, std::span{best});
      order.resize(std::max(n, k), no_token);
      CHECK(std::equal(best.begin(), best.end(), order.begin()));
    }
  }
}

TEST_CASE("token_recycling: proposes nothing before it has seen a row", "[recycling]") {
  token_recycling drafter;
  CHECK(proposal(drafter, {1, 2}).size() == 1);
}

TEST_CASE("token_recycling: fills its shape level by level with what each token's last row named", "[recycling]") {
  token_recycling drafter{shape_of({2, 2})};
  teach(drafter, {{no_node, 1}, {0, 2}, {0, 3}}, {0, 1}, {{2, 3, 4}, {5, 6, 7}, {8, 9}});
  // 1 → 2, 3; 2 → 5, 6; 3 was rejected, its row counts too: 8, 9.
  const draft_tree tree = proposal(drafter, {4, 1});
  CHECK(tokens_of(tree) == tokens{2, 3, 5, 6, 8, 9});
  CHECK((tree.parent(3) == 1 && tree.parent(4) == 1 && tree.parent(5) == 2 && tree.parent(6) == 2));
  CHECK(tokens_of(proposal(drafter, {4, 7})) == tokens{});  // 7 was never run
}

TEST_CASE("token_recycling: a later round replaces what a token had", "[recycling]") {
  token_recycling drafter{shape_of({2})};
  teach(drafter, {{no_node, 1}}, {0}, {{2, 3}});
  teach(drafter, {{no_node, 1}}, {0}, {{7}});
  CHECK(tokens_of(proposal(drafter, {1})) == tokens{7});
}

TEST_CASE("token_recycling: of several rows of a token the accepted path's counts, then the later one", "[recycling]") {
  token_recycling drafter{shape_of({1})};
  // Node 1 (accepted) and node 2's child 3 both carry 5.
  teach(drafter, {{no_node, 1}, {0, 5}, {0, 2}, {2, 5}}, {0, 1}, {{5}, {6}, {5}, {7}});
  CHECK(tokens_of(proposal(drafter, {5})) == tokens{6});
  teach(drafter, {{no_node, 1}, {0, 5}, {0, 2}, {2, 5}}, {0}, {{5}, {6}, {5}, {7}});
  CHECK(tokens_of(proposal(drafter, {5})) == tokens{7});
  // Both on the path.
  teach(drafter, {{no_node, 1}, {0, 5}, {1, 5}}, {0, 1, 2}, {{5}, {6}, {8}});
  CHECK(tokens_of(proposal(drafter, {5})) == tokens{8});
}

TEST_CASE("token_recycling: keeps to the budget, the depth, and the end of a text", "[recycling]") {
  token_recycling drafter{shape_of({2, 2, 2})};
  teach(drafter, {{no_node, 1}, {0, 2}, {0, 3}}, {0}, {{2, 3}, {1, 4}, {1, 5}});
  CHECK(tokens_of(proposal(drafter, {1}, 4)) == tokens{2, 3, 1});
  CHECK(tokens_of(proposal(drafter, {1}, 2)) == tokens{2});
  CHECK(tokens_of(proposal(drafter, {1}, 64, 1)) == tokens{2, 3});
  CHECK(tokens_of(proposal(drafter, {1}, 64, 0)) == tokens{});
  CHECK(tokens_of(proposal(drafter, {1}, 64, 2, {2})) == tokens{2, 3, 1, 5});  // 2 ends the text: no children
}

TEST_CASE("token_recycling: fewer candidates than the shape wants leave the others out", "[recycling]") {
  token_recycling drafter{shape_of({3}), {.k = 2}};
  teach(drafter, {{no_node, 1}}, {0}, {{2, 3, 4}});
  CHECK(tokens_of(proposal(drafter, {1})) == tokens{2, 3});
}

TEST_CASE("token_recycling: keeps what it learned for the next text, or forgets it", "[recycling]") {
  token_recycling keeps{shape_of({1})};
  token_recycling forgets{shape_of({1}), {.keep = false}};
  for (token_recycling* drafter : {&keeps, &forgets}) {
    (void)proposal(*drafter, {1}, 64, 9, {}, 1);
    teach(*drafter, {{no_node, 1}}, {0}, {{2}});
    CHECK(tokens_of(proposal(*drafter, {1}, 64, 9, {}, 1)) == tokens{2});
  }
  CHECK(tokens_of(proposal(keeps, {1}, 64, 9, {}, 2)) == tokens{2});
  CHECK(tokens_of(proposal(forgets, {1}, 64, 9, {}, 2)) == tokens{});
  keeps.forget();
  CHECK(tokens_of(proposal(keeps, {1}, 64, 9, {}, 2)) == tokens{});
}

TEST_CASE("token_recycling: options that make no sense are refused", "[recycling]") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(token_recycling(24, {.k = 0}), Contains("keeps 1 to 32 candidates a token, not 0"));
  CHECK_THROWS_WITH(token_recycling(24, {.k = 33}), Contains("not 33"));
  CHECK_THROWS_WITH(token_recycling(0), Contains("at least 1 node"));
}

TEST_CASE("recycling_shape: has the nodes that were asked for, at most six levels", "[recycling]") {
  for (const std::size_t nodes : {1u, 2u, 24u, 64u}) {
    const tree_shape shape = recycling_shape(nodes);
    CHECK(shape.size() == nodes);
    for (node_id n = 0; n < shape.size(); ++n) CHECK(shape.depth(n) <= 6);
  }
}
