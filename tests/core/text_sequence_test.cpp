#include <hunch/core/text_sequence.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::testing;
using tokens = std::vector<token>;

namespace {

toy_backend small_model(std::size_t capacity = 64) { return {8, hashed_law<float>(1, 2.0), capacity}; }

template <class B>
tokens cached(const text_sequence<B>& s) {
  return {s.cached().begin(), s.cached().end()};
}

/// root -> 2 -> 3, and root -> 4
draft_tree fork_tree(token root) {
  draft_tree tree{8};
  tree.reset(root);
  tree.add(0, 2);
  tree.add(1, 3);
  tree.add(0, 4);
  return tree;
}

}  // namespace

TEST_CASE("sync: prefills what is missing, all but the root, once", "[text_sequence]") {
  toy_backend model = small_model();
  text_sequence s{model};
  REQUIRE(s.sync(tokens{1, 2, 3}));
  CHECK(cached(s) == tokens{1, 2});
  CHECK(s.sequence().kept == tokens{1, 2});
  REQUIRE(s.sync(tokens{1, 2, 3}));
  CHECK(model.work().prefilled == 2);
  REQUIRE(s.sync(tokens{1, 2, 3, 4, 5}));
  CHECK(model.work().prefilled == 4);
}

TEST_CASE("sync: a text of one token needs no prefill", "[text_sequence]") {
  toy_backend model = small_model();
  text_sequence s{model};
  REQUIRE(s.sync(tokens{1}));
  CHECK(cached(s).empty());
  CHECK(model.work().prefilled == 0);
}

TEST_CASE("sync: keeps the pending nodes that the text took and drops the others", "[text_sequence]") {
  toy_backend model = small_model();
  for (const auto& [text, kept, prefilled] :
       {std::tuple{tokens{1, 5, 2, 3, 6}, tokens{1, 5, 2, 3}, 0u}, std::tuple{tokens{1, 5, 4, 6}, tokens{1, 5, 4}, 0u},
        std::tuple{tokens{1, 5, 2, 7, 6}, tokens{1, 5, 2, 7}, 1u}, std::tuple{tokens{1, 5}, tokens{1}, 0u},
        std::tuple{tokens{1, 5, 6, 6, 6}, tokens{1, 5, 6, 6}, 2u}}) {
    text_sequence s{model};
    REQUIRE(s.sync(tokens{1, 5}));
    (void)s.forward(fork_tree(5));
    model.reset_work();
    REQUIRE(s.sync(text));
    CHECK(s.sequence().kept == kept);
    CHECK(cached(s) == kept);
    CHECK(s.sequence().tokens.empty());
    CHECK(model.work().prefilled == prefilled);
    CHECK(model.work().rewound == 0);
  }
}

TEST_CASE("sync: rewinds to the common prefix of an edited or shorter text", "[text_sequence]") {
  toy_backend model = small_model();
  text_sequence s{model};
  REQUIRE(s.sync(tokens{1, 2, 3, 4, 5}));
  (void)s.forward(fork_tree(5));
  model.reset_work();
  REQUIRE(s.sync(tokens{1, 2, 7, 6}));
  CHECK(s.sequence().kept == tokens{1, 2, 7});
  CHECK(model.work().rewound == 1);
  CHECK(model.work().prefilled == 1);
  REQUIRE(s.sync(tokens{1, 2}));
  CHECK(s.sequence().kept == tokens{1});
  CHECK(model.work().opened == 0);
}

TEST_CASE("sync: a backend that cannot rewind is opened anew and ends in the same state", "[text_sequence]") {
  toy_backend model = small_model();
  append_only model_without_rewind{model};
  text_sequence s{model_without_rewind};
  REQUIRE(s.sync(tokens{1, 2, 3, 4}));
  model.reset_work();
  REQUIRE(s.sync(tokens{1, 2, 3, 4, 5}));  // growing needs no rewind
  CHECK(model.work().opened == 0);
  REQUIRE(s.sync(tokens{1, 7, 6}));
  CHECK(model.work().opened == 1);
  CHECK(s.sequence().kept == tokens{1, 7});
  CHECK(cached(s) == tokens{1, 7});
}

TEST_CASE("sync: says no when the root has no room, and recovers with a shorter text", "[text_sequence]") {
  toy_backend model = small_model(4);
  text_sequence s{model};
  CHECK(s.sync(tokens{1, 2, 3, 4}));           // 3 kept, room for the root
  CHECK_FALSE(s.sync(tokens{1, 2, 3, 4, 5}));  // 4 kept would leave none
  CHECK_FALSE(s.sync(tokens{1, 2, 3, 4, 5, 6, 7, 1, 2}));
  CHECK(s.sync(tokens{1, 2, 6}));
  CHECK(s.room() == 2);
}

TEST_CASE("commit: keeps a path in path order and gives back the room of the rest", "[text_sequence]") {
  toy_backend model = small_model();
  text_sequence s{model};
  REQUIRE(s.sync(tokens{1, 5}));
  const draft_tree tree = fork_tree(5);
  const auto rows = s.forward(tree);
  CHECK(rows.size() == 4);
  CHECK(s.room() == 64 - 1 - 4);
  const node_id path[] = {0, 3};
  s.commit(path);
  CHECK(cached(s) == tokens{1, 5, 4});
  CHECK(s.room() == 64 - 3);
}

TEST_CASE("forward: nodes added to a pending tree run alone", "[text_sequence]") {
  toy_backend model = small_model();
  text_sequence s{model};
  REQUIRE(s.sync(tokens{1, 5}));
  draft_tree tree{8};
  tree.reset(5);
  CHECK(s.forward(tree).size() == 1);
  tree.add(0, 2);
  CHECK(s.forward(tree, 1).size() == 1);
  CHECK(model.work().rows == 2);
  s.drop_pending();
  CHECK(cached(s) == tokens{1});
}

TEST_CASE("toy_backend: broken calling contracts are refused in words", "[toy_backend]") {
  using Catch::Matchers::Contains;
  toy_backend model = small_model(6);
  auto s = model.open();
  const draft_tree tree = fork_tree(5);
  CHECK_THROWS_WITH(model.forward(s, tree.view(1)), Contains("tree.first must equal the number of pending nodes"));
  (void)model.forward(s, tree.view());
  CHECK_THROWS_WITH(model.prefill(s, tokens{1}), Contains("nodes are pending"));
  CHECK_THROWS_WITH(model.rewind(s, 0), Contains("nodes are pending"));
  CHECK_THROWS_WITH(model.fork(s), Contains("nodes are pending"));
  CHECK_THROWS_WITH(model.commit(s, std::vector<node_id>{1}), Contains("parent to child"));
  CHECK_THROWS_WITH(model.commit(s, std::vector<node_id>{0, 2}), Contains("parent to child"));
  CHECK_THROWS_WITH(model.commit(s, std::vector<node_id>{9}), Contains("no such pending node"));
  model.commit(s, {});
  CHECK_THROWS_WITH(model.prefill(s, tokens{1, 2, 3, 4, 5, 6, 7}), Contains("no room"));
  CHECK_THROWS_WITH(model.prefill(s, tokens{8}), Contains("outside of the vocabulary"));
  model.prefill(s, tokens{1, 2, 3});
  CHECK_THROWS_WITH(model.forward(s, tree.view()), Contains("no room"));
  CHECK_THROWS_WITH(model.rewind(s, 4), Contains("fewer tokens"));
}

TEST_CASE("toy_backend: nodes of a layer-skipping pass can only be dropped", "[toy_backend]") {
  using Catch::Matchers::Contains;
  toy_backend model = small_model();
  auto s = model.open();
  draft_tree tree{8};
  tree.reset(5);
  const std::vector<skip> some{skip::both, skip::none};
  (void)model.forward(s, tree.view(), layer_mask{some});
  CHECK_THROWS_WITH(model.commit(s, std::vector<node_id>{0}), Contains("can only be dropped"));
  tree.add(0, 1);
  CHECK_THROWS_WITH(model.forward(s, tree.view(1)), Contains("share no nodes"));
}
