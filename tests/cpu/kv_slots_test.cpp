#include <vector>

#include <hunch/transformer/kv_slots.hpp>

#include "support/catch.hpp"

using hunch::no_node;
using hunch::node_id;
using hunch::token;
using hunch::transformer::kv_slots;

namespace {

struct plain_tree {
  std::vector<token> tokens;
  std::vector<node_id> parents;
  std::vector<std::uint32_t> depths;

  [[nodiscard]] hunch::tree_view view(std::size_t first = 0) const { return {tokens, parents, depths, first}; }
};

//       0
//     1   2
//    3   4 5
plain_tree forked() { return {{9, 8, 7, 6, 5, 4}, {no_node, 0, 0, 1, 2, 2}, {0, 1, 1, 2, 2, 2}}; }

std::vector<std::size_t> seen_by(const kv_slots& s, node_id n) {
  std::vector<std::size_t> out;
  const auto v = s.visible(n);
  for (std::size_t i = 0; i < v.size(); ++i) out.push_back(v.slot(i));
  return out;
}

using slots = std::vector<std::size_t>;

}  // namespace

TEST_CASE("kv_slots: a node sees the kept slots, then its ancestors root first, then itself", "[kv_slots]") {
  kv_slots s{16};
  s.append_chain(2);
  s.commit_chain();
  s.append(forked().view());
  CHECK(seen_by(s, 0) == slots{0, 1, 2});
  CHECK(seen_by(s, 1) == slots{0, 1, 2, 3});
  CHECK(seen_by(s, 2) == slots{0, 1, 2, 4});
  CHECK(seen_by(s, 3) == slots{0, 1, 2, 3, 5});
  CHECK(seen_by(s, 4) == slots{0, 1, 2, 4, 6});
  CHECK(seen_by(s, 5) == slots{0, 1, 2, 4, 7});
  CHECK(s.position(0) == 2);
  CHECK(s.position(5) == 4);
  CHECK(s.room() == 8);
}

TEST_CASE("kv_slots: a chain lies in one run, whatever was kept before", "[kv_slots]") {
  kv_slots s{8};
  s.append_chain(3);
  s.commit_chain();
  s.append_chain(2);
  CHECK(s.visible(1).run == 5);
  CHECK(s.visible(1).tail.empty());
}

TEST_CASE("kv_slots: a tree may grow while it is pending", "[kv_slots]") {
  kv_slots s{16};
  plain_tree t = forked();
  auto first = t;
  first.tokens.resize(3);
  first.parents.resize(3);
  first.depths.resize(3);
  s.append(first.view());
  s.append(t.view(3));
  CHECK(s.pending() == 6);
  CHECK(seen_by(s, 5) == slots{0, 2, 5});
}

TEST_CASE("kv_slots: commit moves the path's nodes together and keeps their order", "[kv_slots]") {
  kv_slots s{16};
  s.append_chain(1);
  s.commit_chain();
  s.append(forked().view());
  const std::vector<node_id> path{0, 2, 5};
  const auto moves = s.commit(path);
  REQUIRE(moves.size() == 2);
  CHECK((moves[0].from == 3 && moves[0].to == 2));
  CHECK((moves[1].from == 6 && moves[1].to == 3));
  CHECK(s.kept() == 4);
  CHECK(s.pending() == 0);
}

TEST_CASE("kv_slots: committing the first child of every node moves nothing", "[kv_slots]") {
  kv_slots s{16};
  s.append_chain(4);
  const std::vector<node_id> path{0, 1, 2};
  CHECK(s.commit(path).empty());
  CHECK(s.kept() == 3);
}

TEST_CASE("kv_slots: an empty path drops all pending nodes", "[kv_slots]") {
  kv_slots s{16};
  s.append(forked().view());
  CHECK(s.commit({}).empty());
  CHECK(s.kept() == 0);
  CHECK(s.pending() == 0);
  CHECK(s.room() == 16);
}

TEST_CASE("kv_slots: retract forgets the nodes from one on and leaves the others", "[kv_slots]") {
  kv_slots s{16};
  s.append(forked().view());
  s.retract(4);
  CHECK(s.pending() == 4);
  CHECK(seen_by(s, 3) == slots{0, 1, 3});
  s.append(forked().view(4));
  CHECK(seen_by(s, 5) == slots{0, 2, 5});
}

TEST_CASE("kv_slots: rewind forgets kept tokens and pending nodes", "[kv_slots]") {
  kv_slots s{16};
  s.append_chain(5);
  s.commit_chain();
  s.append_chain(2);
  s.rewind(3);
  CHECK(s.kept() == 3);
  CHECK(s.pending() == 0);
  s.append_chain(1);
  CHECK(seen_by(s, 0) == slots{0, 1, 2, 3});
}

TEST_CASE("kv_slots: what does not fit or does not hang together is refused and changes nothing", "[kv_slots]") {
  kv_slots s{5};
  s.append_chain(1);
  s.commit_chain();
  CHECK_THROWS_WITH(s.append(forked().view()), Catch::Matchers::Contains("6 tokens do not fit, there is room for 4"));
  CHECK_THROWS_WITH(s.append_chain(5), Catch::Matchers::Contains("do not fit"));

  kv_slots wide{16};
  plain_tree t = forked();
  CHECK_THROWS_WITH(wide.append(t.view(2)), Catch::Matchers::Contains("0 nodes are pending"));
  t.parents[4] = 4;
  CHECK_THROWS_WITH(wide.append(t.view()), Catch::Matchers::Contains("node 4 has parent 4"));
  t = forked();
  t.depths[3] = 1;
  CHECK_THROWS_WITH(wide.append(t.view()), Catch::Matchers::Contains("node 3"));
  t = forked();
  t.parents[0] = 0;
  CHECK_THROWS_WITH(wide.append(t.view()), Catch::Matchers::Contains("node 0"));
  CHECK(wide.pending() == 0);
}

TEST_CASE("kv_slots: a committed path must go from the root from parent to child", "[kv_slots]") {
  kv_slots s{16};
  s.append(forked().view());
  const std::vector<node_id> not_from_root{1, 3};
  const std::vector<node_id> no_child{0, 1, 5};
  const std::vector<node_id> not_pending{0, 6};
  CHECK_THROWS_WITH(s.commit(not_from_root), Catch::Matchers::Contains("node 1 at place 0"));
  CHECK_THROWS_WITH(s.commit(no_child), Catch::Matchers::Contains("node 5 at place 2"));
  CHECK_THROWS_WITH(s.commit(not_pending), Catch::Matchers::Contains("node 6 at place 1"));
  CHECK(s.pending() == 6);
}
