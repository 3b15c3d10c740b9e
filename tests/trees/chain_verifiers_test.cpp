// block and traversal on chains: the numbers of the block-verification table, and the law over several rounds.
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

struct row {
  std::uint32_t gamma;
  double accepted;
};

template <class V>
void check_chain(pair_of_models m, const V& verifier, std::initializer_list<row> rows) {
  for (const row& r : rows) {
    INFO("gamma " << r.gamma);
    const round_law law = judged(
        m, [&] { return chain(m, r.gamma); }, verifier);
    CHECK(std::abs(law.accepted - r.accepted) < exact);
    CHECK(round_distance(law, m.target, r.gamma + 1) < exact);
  }
}

template <class V>
void check_table(const V& verifier) {
  check_chain(fixture_bin(), verifier, {{1, 2. / 3}, {2, 11. / 9}, {3, 5. / 3}, {4, 166. / 81}});
  check_chain(fixture_a(), verifier, {{1, 7. / 10}, {2, 5. / 4}, {3, 1371. / 800}});
  check_chain(fixture_b(), verifier, {{1, 11. / 20}});
  check_chain(fixture_m(), verifier, {{1, 5. / 6}, {2, 61. / 40}, {3, 151. / 72}, {4, 31271. / 12000}});
}

}  // namespace

TEST_CASE("block: expected accepted tokens of a chain on Bin, A, B and M", "[block]") { check_table(block(plain)); }

TEST_CASE("traversal: a chain is accepted exactly as by block", "[traversal]") { check_table(traversal(plain)); }

TEST_CASE("block: a length that reads the drafted tokens is exact, 35/18 accepted on M", "[block]") {
  struct stop_after_unsure {
    bool keep_drafting(const draft_signal& s) const { return s.depth < 3 && s.probability >= 0.3f; }
  };
  auto m = fixture_m();
  const auto drafter = [&] { return with_length(model_drafter(m.draft, plain), stop_after_unsure{}); };
  const round_law by_block = judged(m, drafter, block(plain));
  CHECK(std::abs(by_block.accepted - 35. / 18) < exact);
  CHECK(round_distance(by_block, m.target, 4) < exact);
  const round_law by_traversal = judged(m, drafter, traversal(plain));
  CHECK(std::abs(by_traversal.accepted - 35. / 18) < exact);
  CHECK(text_distance_of(m, drafter, block(plain), 4) < exact);
}

TEST_CASE("block, traversal: the text of several rounds has the target's law on M", "[block][traversal]") {
  auto m = fixture_m();
  for (const std::uint32_t gamma : {1u, 2u, 3u}) {
    INFO("gamma " << gamma);
    const std::size_t length = gamma == 3 ? 4 : gamma + 2;
    CHECK(text_distance_of(
              m, [&] { return chain(m, gamma); }, block(plain), length) < exact);
    CHECK(text_distance_of(
              m, [&] { return chain(m, gamma); }, traversal(plain), length) < exact);
  }
}

TEST_CASE("block, traversal: chains on B, whose residual has several tokens, keep the law", "[block][traversal]") {
  // On Bin, A and M the residual behind an accepted token is a point or even, whatever its weight.
  auto m = fixture_b();
  for (const std::uint32_t gamma : {2u, 3u}) {
    CHECK(round_distance(judged(
                             m, [&] { return chain(m, gamma); }, block(plain)),
                         m.target, gamma + 1) < exact);
    CHECK(round_distance(judged(
                             m, [&] { return chain(m, gamma); }, traversal(plain)),
                         m.target, gamma + 1) < exact);
  }
  CHECK(text_distance_of(
            m, [&] { return chain(m, 2); }, block(plain), 3) < exact);
}

TEST_CASE("block, traversal: chosen drafts are judged by the target's own draws", "[block][traversal]") {
  auto m = fixture_m();
  const auto lookup = [] { return with_length(prompt_lookup(1), fixed_length{2}); };
  CHECK(text_distance_of(m, lookup, block(plain), 6) < exact);
  CHECK(text_distance_of(m, lookup, traversal(plain), 6) < exact);
  auto f1 = fixture_f1();
  CHECK(std::abs(judged(
                     f1, [] { return chosen_children{{0}}; }, block(plain))
                     .accepted -
                 .6) < exact);
  const auto mixture = [&] { return first_of(with_length(prompt_lookup(1), fixed_length{2}), chain(m, 2)); };
  CHECK(text_distance_of(m, mixture, block(plain), 4) < exact);
  CHECK(text_distance_of(m, mixture, traversal(plain), 4) < exact);
}

TEST_CASE("block: of a tree it judges the first children, exactly", "[block]") {
  auto m = fixture_m();
  const round_law law = judged(m, rsd_c(m, {2, 1}), block(plain));
  CHECK(std::abs(law.accepted - 61. / 40) < exact);
  CHECK(text_distance_of(m, rsd_c(m, {2, 1}), block(plain), 3) < exact);
}

TEST_CASE("block, traversal: warped laws of target and draft may differ", "[block][traversal]") {
  auto m = fixture_m();
  const auto drafter = [&] { return chain(m, 2, temperature{2.0f} | top_k{2}); };
  const auto warp = temperature{0.7f} | top_p{0.9f};
  const auto distance = [&](const auto& verifier) {
    return text_distance([&] { return speculate<branching>(m.target, drafter(), verifier); }, m.target, 3, warp);
  };
  CHECK(distance(block(warp)) < exact);
  CHECK(distance(traversal(warp)) < exact);
}

TEST_CASE("block, traversal: laws of the path are left in the verdict", "[block][traversal]") {
  // V2 on M: after the root the law is that of "^", after token t its row.
  auto m = fixture_m();
  const auto check = [&](const auto& verifier, auto drafter) {
    auto decoder = speculate(m.target, drafter(), verifier);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      decoder.start(start_text, request{philox{seed}});
      decoder.step();
      const auto& v = decoder.last_verdict();
      REQUIRE(v.laws.size() >= 3 * v.path.size());
      std::vector<token> context = start_text;
      for (std::size_t i = 0; i < v.path.size(); ++i) {
        if (i > 0) context.push_back(decoder.text()[i]);
        const auto want = warped_row(m.target, context, plain);
        for (std::size_t t = 0; t < 3; ++t) REQUIRE(std::abs(v.laws[3 * i + t] - want[t]) < 1e-9);
      }
    }
  };
  check(block(plain), [&] { return chain(m, 3); });
  check(traversal(plain), [&] { return chain(m, 3); });
  check(traversal(plain), rsd_c(m, {2, 2}));
  check(multi_round(plain), independent(m, {2, 2}));
}

TEST_CASE("block, traversal: q equal to p is always accepted, and rounding never stalls", "[block][traversal]") {
  auto m = fixture_m();
  auto same = pair_of_models{m.target, m.target};
  CHECK(std::abs(judged(
                     same, [&] { return chain(same, 3); }, block(plain))
                     .accepted -
                 3) < exact);
  CHECK(std::abs(judged(same, rsd_c(same, {2, 1}), traversal(plain)).accepted - 2) < exact);
}

TEST_CASE("block, traversal: a row without a usable law ends the round with an error status", "[block][traversal]") {
  auto m = fixture_m();
  const auto check = [&](const auto& verifier) {
    auto decoder = speculate(m.target, chain(m, 2), verifier);
    m.target.poison(0);
    decoder.start(start_text, request{philox{1}});
    CHECK(decoder.step().status == status::failed);
    m.target.heal();
  };
  check(block(plain));
  check(traversal(plain));
}
