#include "lookup/references.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<std::string> nothing;

tokens drafts(anpd_options o, const tokens& text, std::uint32_t count) {
  auto drafter = with_length(anpd(o), fixed_length{count});
  return drafts_of(drafter, text, count);
}

}  // namespace

TEST_CASE("anpd: drafts the most frequent continuation, the most recent of equals", "[anpd]") {
  CHECK(drafts({.n = 1}, {1, 2, 1, 2, 1, 3, 1}, 1) == tokens{2});  // 2 twice, 3 once
  CHECK(drafts({.n = 1}, {1, 2, 1, 3, 1}, 1) == tokens{3});        // once each
  CHECK(drafts({.n = 1}, {1, 3, 1, 2, 1, 3, 1, 2, 1}, 1) == tokens{2});
}

TEST_CASE("anpd: the longest known context decides, then shorter ones", "[anpd]") {
  // After 2 comes mostly 8; after 5 2 comes 6.
  const tokens text{2, 8, 2, 8, 5, 2, 6, 5, 2};
  CHECK(drafts({.n = 2}, text, 1) == tokens{6});
  CHECK(drafts({.n = 1}, text, 1) == tokens{8});
  CHECK(drafts({.n = 3}, {9, 2, 8, 7, 2}, 1) == tokens{8});  // 7 2 was never followed by anything
  CHECK(drafts({.n = 3, .n_min = 2}, {9, 2, 8, 7, 2}, 1) == tokens{});
}

TEST_CASE("anpd: drafted tokens extend the context", "[anpd]") {
  CHECK(drafts({.n = 2}, {1, 2, 3, 4, 9, 1, 2}, 4) == tokens{3, 4, 9, 1});
  // 1 → 2; 1 2 was followed by 3 twice and by 4 once; 2 3 → 5; 3 5 → 1.
  CHECK(drafts({.n = 2}, {1, 2, 3, 5, 1, 2, 3, 5, 1, 2, 4, 6, 1}, 4) == tokens{2, 3, 5, 1});
}

TEST_CASE("anpd: proposes nothing where nothing was followed", "[anpd]") {
  CHECK(drafts({}, {5}, 3) == tokens{});
  CHECK(drafts({}, {1, 2, 3, 4}, 3) == tokens{});
  CHECK(drafts({}, {7, 7}, 3) == tokens{7, 7, 7});
}

TEST_CASE("anpd: the signal's probability is the continuation's share", "[anpd]") {
  // 1 was followed by 2, 2, 3; the last 1 by nothing yet. 2 was followed by 1 twice.
  const tokens text{1, 2, 1, 2, 1, 3, 1};
  anpd drafter{1};
  draft_tree tree{10};
  tree.reset(1);
  const decode_context ctx{.text = text, .budget = 8, .max_depth = 8};
  const auto first = drafter.extend(ctx, tree, 0);
  REQUIRE(first);
  CHECK((tree[first->node] == 2 && first->probability == 2.0f / 3.0f && first->depth == 1));
  const auto second = drafter.extend(ctx, tree, first->node);
  REQUIRE(second);
  CHECK((tree[second->node] == 1 && second->probability == 1.0f && second->depth == 2));
}

TEST_CASE("anpd: what it proposes is what counting in the whole text gives", "[anpd]") {
  for (const std::size_t n : {1u, 2u, 4u})
    for (const std::size_t n_min : {std::size_t{1}, n}) {
      INFO("n " << n << " n_min " << n_min);
      CHECK(text_violations([&] { return anpd({.n = n, .n_min = n_min}); },
                            [&](const tokens& text, std::size_t count) {
                              return anpd_by_search(text, n, n_min, count);
                            }) == nothing);
    }
}

TEST_CASE("anpd: a window counts its own tokens only", "[anpd]") {
  // A window of 8: of 12 tokens the last 8 are kept, of 13 the last 5.
  auto drafter = with_length(anpd({.n = 1, .window = 8}), fixed_length{1});
  CHECK(drafts_of(drafter, {1, 2, 1, 2, 5, 1, 3, 6, 7, 8, 9, 1}, 1) == tokens{3});
  CHECK(drafts_of(drafter, {1, 2, 1, 2, 5, 1, 3, 6, 7, 8, 9, 4, 1}, 1) == tokens{});
}

TEST_CASE("anpd: options that make no sense are refused", "[anpd]") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(anpd({.n = 1, .n_min = 2}), Contains("n_min is 2, more than n, which is 1"));
  CHECK_THROWS_WITH(anpd({.n = 1, .n_min = 0}), Contains("contexts of at least 1 token"));
  CHECK_THROWS_WITH(anpd(0), Contains("more than n, which is 0"));
}
