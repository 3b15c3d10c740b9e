#include <hunch/core/draft_tree.hpp>

#include "support/catch.hpp"

using namespace hunch;

TEST_CASE("draft_tree: siblings keep their order, depths count from the root", "[draft_tree]") {
  draft_tree tree{10};
  tree.reset(7);
  const node_id a = tree.add(0, 3);
  const node_id b = tree.add(0, 1);
  const node_id c = tree.add(a, 1);
  const node_id d = tree.add(0, 2);
  CHECK(tree.size() == 5);
  CHECK(tree.drafted() == 4);
  CHECK(tree[0] == 7);
  CHECK(tree.first_child(0) == a);
  CHECK(tree.next_sibling(a) == b);
  CHECK(tree.next_sibling(b) == d);
  CHECK(tree.next_sibling(d) == no_node);
  CHECK(tree.first_child(b) == no_node);
  CHECK(tree.parent(0) == no_node);
  CHECK(tree.parent(c) == a);
  CHECK(tree.depth(0) == 0);
  CHECK(tree.depth(c) == 2);
  CHECK(tree.child_with(0, 2) == d);
  CHECK(tree.child_with(a, 2) == no_node);
}

TEST_CASE("draft_tree: the view shows the nodes and where a pass begins", "[draft_tree]") {
  draft_tree tree{10};
  tree.reset(7);
  tree.add(0, 3);
  tree.add(1, 4);
  const tree_view view = tree.view(1);
  CHECK(view.size() == 3);
  CHECK(view.fresh() == 2);
  CHECK(std::vector<token>(view.tokens.begin(), view.tokens.end()) == std::vector<token>{7, 3, 4});
  CHECK(std::vector<node_id>(view.parents.begin(), view.parents.end()) == std::vector<node_id>{no_node, 0, 1});
  CHECK(std::vector<std::uint32_t>(view.depths.begin(), view.depths.end()) == std::vector<std::uint32_t>{0, 1, 2});
}

TEST_CASE("draft_tree: q belongs to a parent, survives the rows of others and ends with reset", "[draft_tree]") {
  draft_tree tree{3};
  tree.reset(0);
  CHECK(tree.q(0).empty());
  const auto q0 = tree.make_q(0);
  REQUIRE(q0.size() == 3);
  q0[1] = 0.5f;
  tree.add(0, 1);
  tree.make_q(1)[2] = 0.25f;
  CHECK(tree.q(0)[1] == 0.5f);
  CHECK(tree.q(1)[2] == 0.25f);
  CHECK(tree.make_q(0).data() == tree.q(0).data());  // a second call gives the same row
  tree.drop_q(0);
  CHECK(tree.q(0).empty());
  CHECK(tree.q(1)[2] == 0.25f);
  tree.reset(5);
  CHECK(tree.size() == 1);
  CHECK(tree[0] == 5);
  CHECK(tree.q(0).empty());
  CHECK(tree.first_child(0) == no_node);
}

TEST_CASE("draft_tree: a law that was left elsewhere is copied when it is asked for, once", "[draft_tree]") {
  struct elsewhere {
    int copies = 0;
    float first = 0.75f;
  } there;
  const far_law law{&there, [](const void* at, std::span<float> to) {
                      auto& from = *static_cast<elsewhere*>(const_cast<void*>(at));
                      ++from.copies;
                      to[0] = from.first;
                      to[1] = 1 - from.first;
                    }};
  draft_tree tree{2};
  tree.reset(0);
  tree.make_q(0)[0] = 0.5f;
  const node_id child = tree.add(0, 0);
  tree.leave_q(child, law);
  CHECK(tree.has_q(child));
  CHECK(tree.law(child) == without_replacement);
  CHECK(tree.far_q(child).at == &there);
  CHECK(tree.far_q(0).copy == nullptr);
  CHECK(there.copies == 0);
  CHECK(tree.q(child)[1] == 0.25f);
  CHECK(tree.q(child)[0] == 0.75f);
  CHECK(tree.q(0)[0] == 0.5f);
  CHECK(there.copies == 1);
  CHECK(tree.far_q(child).at == &there);  // it is still there, too
  there.first = 0.5f;
  tree.leave_q(child, law);  // another draw
  CHECK(tree.q(child)[0] == 0.5f);
  tree.make_q(child)[0] = 0.125f;
  CHECK(tree.far_q(child).copy == nullptr);
  CHECK(tree.q(child)[0] == 0.125f);
  tree.reset(0);
  CHECK_FALSE(tree.has_q(0));
  tree.make_q(0)[0] = 0.25f;  // in the row that an earlier round left elsewhere
  tree.add(0, 0);
  tree.make_q(1)[0] = 1.0f;
  CHECK(tree.q(1)[0] == 1.0f);
  CHECK(there.copies == 2);
}

TEST_CASE("matrix_view: rows and slices", "[types]") {
  const std::vector<float> data{1, 2, 3, 4, 5, 6};
  const matrix_view rows{data.data(), 3, 2};
  CHECK(rows.size() == 3);
  CHECK(rows[2][1] == 6);
  const matrix_view tail = rows.slice(1, 2);
  CHECK(tail.size() == 2);
  CHECK(tail[0][0] == 3);
}

TEST_CASE("skips: each half of a layer by itself", "[types]") {
  CHECK(skips(skip::both, skip::attention));
  CHECK(skips(skip::both, skip::mlp));
  CHECK(skips(skip::mlp, skip::mlp));
  CHECK_FALSE(skips(skip::mlp, skip::attention));
  CHECK_FALSE(skips(skip::none, skip::mlp));
}
