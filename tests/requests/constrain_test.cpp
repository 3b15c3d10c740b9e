// Constraints: masks by the prefix alone, whatever was asked before; beginnings and ends in the middle of a block.
#include <hunch/core.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>
#include <hunch/text/begin_after.hpp>

#include "requests/prefixes.hpp"
#include "requests/rules.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using row = std::vector<float>;
using tokens = std::vector<token>;

const tokens eos{0};

/// One block holds the trigger, the constrained part and what would follow.
struct drafts_all {
  static constexpr laws sibling_laws = deterministic;
  tokens script;
  void propose(const decode_context& ctx, draft_tree& tree) const {
    node_id at = 0;
    for (std::size_t i = ctx.text.size() - 1; i < script.size() && tree.depth(at) < ctx.max_depth; ++i)
      at = tree.add(at, script[i]);
  }
};

struct not_copyable_rule {
  struct state {
    state() = default;
    state(const state&) = delete;
  };
  [[nodiscard]] state start() const { return {}; }
  void advance(state&, token) const {}
  void restrict(const state&, std::span<float>) const {}
  [[nodiscard]] bool may_end(const state&) const { return true; }
};
static_assert(!Constraint<not_copyable_rule>);  // without copies there is no fork and no rollback
static_assert(Warper<constrained<brackets>>);
static_assert(Constraint<begin_after<brackets, token>> && Constraint<begin_after<brackets, char>, double>);

}  // namespace

TEST_CASE("constrained: each drafted position has the state of its own path", "[constraint][D11]") {
  const constrained c(brackets{}, eos, 1);
  const row r{1, 2, 3, 4};
  CHECK(warped(c, r, {9}) == row{1, 2, -inf, 4});                // nothing to close
  CHECK(warped(c, r, {9}, {1}) == row{-inf, 2, 3, 4});           // one open: no end
  CHECK(warped(c, r, {9}, {1, 1}) == row{-inf, -inf, 3, 4});     // two open
  CHECK(warped(c, r, {9}, {1, 1, 2}, 3) == row{-inf, 2, 3, 4});  // siblings do not count
  CHECK(warped(c, r, {9, 1, 1}, {2, 2}) == row{1, 2, -inf, 4});
}

TEST_CASE("constrained: the prompt is not subject to it, nor what comes after the end", "[constraint]") {
  const constrained c(brackets{}, eos, 3);
  const row r{1, 2, 3, 4};
  CHECK(warped(c, r, {2, 2, 2}) == row{1, 2, -inf, 4});
  CHECK(warped(c, r, {2, 2}) == r);                        // a decision about the prompt itself
  CHECK(warped(c, r, {2, 2}, {2}) == row{1, 2, -inf, 4});  // the prompt's end is a draft here
  CHECK(warped(c, r, {2, 2, 2}, {1, 2, 0}) == r);          // behind an end of text
  CHECK(warped(c, r, {2, 2, 2, 0}) == r);
}

TEST_CASE("constrained: a complete text allows its end only; a broken one nothing", "[constraint][D11]") {
  const constrained c(brackets{.closes = 1}, {0, 3}, 1);
  CHECK(warped(c, {1, 2, 3, 4, 5}, {9}, {1, 2}) == row{1, -inf, -inf, 4, -inf});
  CHECK(warped(c, {1, 2, 3, 4, 5}, {9}, {2}) == row(5, -inf));
  CHECK_THROWS_WITH(constrained(brackets{}, {}, 0), Catch::Matchers::Contains("end-of-text"));
}

TEST_CASE("constrained: a row depends on the prefix alone, in whatever order prefixes come", "[constraint]") {
  const brackets rule{.deepest = 3};
  const constrained used(rule, eos, 2);
  auto random = [n = std::uint32_t{0}](std::uint32_t below) mutable {
    return philox4x32({n++, 0, 0, 0}, 77)[0] % below;
  };
  std::vector<tokens> texts{{1, 2}};
  for (int i = 0; i < 30; ++i) {  // edited, shortened and continued texts
    tokens t = texts[random(static_cast<std::uint32_t>(texts.size()))];
    t.resize(std::max<std::size_t>(1, t.size() - random(3)));
    for (std::uint32_t k = random(4); k > 0; --k) t.push_back(static_cast<token>(random(4)));
    texts.push_back(t);
  }
  draft_tree tree{4};
  std::size_t masked = 0;
  for (int i = 0; i < 3000; ++i) {
    const tokens& text = texts[random(static_cast<std::uint32_t>(texts.size()))];
    if (i % 3 == 0 || tree[0] != text.back()) {
      tree.reset(text.back());
      for (int n = 0; n < 6; ++n) {
        const auto parent = static_cast<node_id>(random(static_cast<std::uint32_t>(tree.size())));
        const auto t = static_cast<token>(random(4));
        if (tree.child_with(parent, t) == no_node) tree.add(parent, t);
      }
    }
    const auto node = static_cast<node_id>(random(static_cast<std::uint32_t>(tree.size())));
    row a{1, 2, 3, 4};
    row b = a;
    used(std::span<float>{a}, prefix_view{text, tree.view(), node});
    constrained(rule, eos, 2)(std::span<float>{b}, prefix_view{text, tree.view(), node});
    REQUIRE(a == b);
    masked += a == row{1, 2, 3, 4} ? 0u : 1u;
  }
  CHECK(masked > 1000);
}

TEST_CASE("constrained: a step advances for its new tokens and nodes, not for the text", "[constraint]") {
  const brackets rule;
  const constrained c(rule, eos, 0);
  tokens text(1000, 3);
  draft_tree tree{4};
  const auto ask = [&](node_id n) {
    row r(4, 0.0f);
    c(std::span<float>{r}, prefix_view{text, tree.view(), n});
    return std::exchange(*rule.advanced, 0);
  };
  tree.reset(3);
  CHECK(ask(0) == 1000);
  const node_id a = tree.add(0, 1);
  const node_id b = tree.add(a, 2);
  const node_id s = tree.add(a, 3);
  CHECK(ask(b) == 2);
  CHECK(ask(b) == 0);
  CHECK(ask(a) == 0);
  CHECK(ask(s) == 1);
  text.insert(text.end(), {1, 2, 3});
  tree.reset(3);
  CHECK(ask(0) == 3);
  text.resize(900);
  CHECK(ask(0) == 0);  // rolled back to an older state
}

TEST_CASE("D11: match with a constraint says what plain decoding says; a drafter that knows it is accepted more",
          "[constraint][D11]") {
  testing::toy_backend target{6, testing::hashed_law<float>(2, 3.0)};
  testing::toy_backend draft{6, testing::hashed_law<float>(2, 2.5)};
  const tokens prompt{2, 2, 5};
  const brackets rule{.deepest = 2, .closes = 40};
  const temperature t{0.8f};
  const auto warp = constrained(rule, eos, prompt.size()) | t;
  const auto decode = [&](auto drafter) {
    auto decoder = speculate(target, std::move(drafter), match(warp), stats{});
    auto text = testing::emitted_text(decoder, prompt, request{philox{6}, 400, eos});
    CHECK(decoder.status() == status::end_of_text);
    return std::pair{std::move(text), decoder.observer().alpha()};
  };
  auto plain = decode(no_draft{}).first;
  const auto knows = decode(with_length(coupled_model_drafter(draft, warp), fixed_length{5}));
  const auto does_not = decode(with_length(coupled_model_drafter(draft, t), fixed_length{5}));
  CHECK(knows.first == plain);
  CHECK(does_not.first == plain);
  CHECK(knows.second > does_not.second + 0.05);
  CHECK(decode(with_length(prompt_lookup(1), fixed_length{8})).first == plain);
  CHECK(decode(gumbel_top_k(draft, warp, {3, 2})).first == plain);
  CHECK(decode(coupled_gumbel_top_k(draft, warp, {2, 2, 1})).first == plain);
  REQUIRE(plain.back() == 0);
  plain.pop_back();
  CHECK(rule.keeps(plain, true));
}

TEST_CASE("D11: a constraint that begins and ends in the middle of a block", "[constraint][D11]") {
  // The target says 5 (the trigger), then would close what is not open; once all is closed it would say more.
  testing::toy_backend target{6, [](std::span<const token> context, std::span<float> r) {
                                const token wants[] = {2, 2, 5, 2, 1, 2, 2, 4, 4, 4};
                                std::fill(r.begin(), r.end(), 0.01f);
                                r[static_cast<std::size_t>(wants[std::min<std::size_t>(context.size() - 1, 9)])] = 1;
                                r[1] += 0.005f;
                                r[0] += 0.002f;
                              }};
  const auto check = [&](auto rule) {
    const auto warp = constrained(rule, eos, 1) | greedy{};
    const auto decode = [&](auto drafter) {
      auto decoder = speculate(target, std::move(drafter), match(warp), stats{});
      auto text = testing::emitted_text(decoder, {3}, request{philox{}, 30, eos});
      CHECK(decoder.status() == status::end_of_text);
      return std::pair{text, decoder.observer().steps};
    };
    const tokens want{2, 2, 5, 1, 1, 2, 2, 0};
    CHECK(decode(no_draft{}).first == want);
    // Drafted right, it is one block; drafted as the free model would go on, it is corrected.
    CHECK(decode(drafts_all{want}) == std::pair{want, std::size_t{1}});
    CHECK(decode(drafts_all{{2, 2, 5, 2, 1, 2, 4}}).first == want);
    CHECK(decode(drafts_all{{2, 2, 5, 1, 1, 2, 2, 4, 4}}).first == want);
  };
  const brackets rule{.closes = 2};
  check(begin_after({5}, rule));
  check(begin_after({2, 5}, rule));
  const std::vector<std::string> pieces{"", "(", ")", "x", "y", ")</th"};
  const auto bytes = [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; };
  check(begin_after(")))</t", bytes, rule));
}

TEST_CASE("begin_after: nothing is ruled out before the trigger, a false beginning does not count", "[constraint]") {
  const constrained c(begin_after({4, 4, 5}, brackets{}), eos, 0);
  const row r(6, 1.0f);
  CHECK(warped(c, r, {2, 4, 4, 4}) == r);
  CHECK(warped(c, r, {2, 4, 4, 4, 5}) == row{1, 1, -inf, 1, 1, 1});
  CHECK(warped(c, r, {2, 4}, {4, 5, 1}) == row{-inf, 1, 1, 1, 1, 1});
  CHECK(warped(c, r, {2, 4, 4, 4, 5, 4, 4, 5, 1}) == row{-inf, 1, 1, 1, 1, 1});
  CHECK(warped(c, r, {4, 4, 5, 1, 4, 4, 5}) == row{-inf, 1, 1, 1, 1, 1});  // it begins once
  CHECK_THROWS_WITH(begin_after(tokens{}, brackets{}), Catch::Matchers::Contains("empty trigger"));
}

TEST_CASE("constrained: a text that has left the rule ends as failed", "[constraint]") {
  testing::toy_backend target{4, testing::iid_law<float>({.25f, .25f, .25f, .25f})};
  auto decoder = speculate(target, no_draft{}, match(constrained(brackets{}, eos, 1) | temperature{1.0f}));
  decoder.start(tokens{3, 2}, request{philox{1}, 5, eos});
  CHECK(decoder.step().status == status::failed);
}
