// Every bug in mutants.hpp must show in the harness, where known with its exact distance; the controls must not.
#include "lossless/mutants.hpp"

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Distance of one round on m: drafted by `drafter()`, judged with a bug.
template <bug Bug, class D, class W = temperature>
double seen(pair_of_models& m, const D& drafter, W warp = plain) {
  return round_distance(
      one_round([&] { return speculate<branching>(m.target, drafter(), wrong_rejection<W, Bug>{warp}); }), m.target, 2,
      warp);
}
/// A round of one draft.
template <bug Bug>
double seen_on_chain(pair_of_models m) {
  return seen<Bug>(m, [&] { return chain(m, 1); });
}
/// A round of two siblings without replacement.
template <bug Bug>
double seen_on_pair(pair_of_models m) {
  return seen<Bug>(m, [&] { return constant_tree(m.draft, plain, {2}); });
}
/// One wrong draft, judged by the library's verifier.
template <draft_bug Bug, class W = temperature>
double seen_in_drafter(pair_of_models m, W warp = plain) {
  return round_distance(
      one_round([&] {
        return speculate<branching>(m.target, wrong_drafter<exact_backend, W, Bug>{m.draft, warp}, rejection(warp));
      }),
      m.target, 2, warp);
}

}  // namespace

TEST_CASE("mutants: the controls are exact", "[mutants]") {
  CHECK(seen_on_chain<bug::none>(fixture_b()) < exact);
  CHECK(seen_on_pair<bug::none>(fixture_b()) < exact);
  CHECK(seen_on_pair<bug::none>(fixture_f2()) < exact);
  CHECK(seen_in_drafter<draft_bug::none>(fixture_b()) < exact);
}

TEST_CASE("mutant: the residual drawn from the target is 9/80 off on B and 2/25 on F1", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::residual_from_target>(fixture_b()) - 9. / 80) < exact);
  CHECK(std::abs(seen_on_chain<bug::residual_from_target>(fixture_f1()) - 2. / 25) < exact);
}

TEST_CASE("mutant: accepting equal draws, then the residual, is 17/50 off on F1 and 143/900 on B", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::residual_on_mismatch>(fixture_f1()) - 17. / 50) < exact);
  CHECK(std::abs(seen_on_chain<bug::residual_on_mismatch>(fixture_b()) - 143. / 900) < exact);
}

TEST_CASE("mutant: a uniform stuck at zero is 1/10 off on F1 and 9/20 on B", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::accept_all>(fixture_f1()) - 1. / 10) < exact);
  CHECK(std::abs(seen_on_chain<bug::accept_all>(fixture_b()) - 9. / 20) < exact);
}

TEST_CASE("mutant: one uniform for accept and residual is 1/9 off on B and 1/20 on F1", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::reused_uniform>(fixture_b()) - 1. / 9) < exact);
  CHECK(std::abs(seen_on_chain<bug::reused_uniform>(fixture_f1()) - 1. / 20) < exact);
}

TEST_CASE("mutant: one uniform for all positions shows in a chain of two", "[mutants]") {
  auto m = fixture_m();
  CHECK(round_distance(one_round([&] {
                         return speculate<branching>(m.target, chain(m, 2),
                                                     wrong_rejection<temperature, bug::one_uniform>{plain});
                       }),
                       m.target, 3) > 0.01);
}

TEST_CASE("mutant: a bonus token without the warper says what the warped target cannot", "[mutants]") {
  auto m = fixture_m();
  const auto drafter = [&] { return chain(m, 1, top_k{2}); };
  CHECK(seen<bug::none>(m, drafter, top_k{2}) < exact);
  CHECK(seen<bug::bonus_from_raw>(m, drafter, top_k{2}) > 0.05);
}

TEST_CASE("mutant: a bonus draw after a rejection is 9/80 off on B", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::bonus_after_rejection>(fixture_b()) - 9. / 80) < exact);
}

TEST_CASE("mutant: siblings judged with the first one's q are 101/4410 off on B and 17/392 on F2", "[mutants]") {
  CHECK(std::abs(seen_on_pair<bug::stale_q>(fixture_b()) - 101. / 4410) < exact);
  CHECK(std::abs(seen_on_pair<bug::stale_q>(fixture_f2()) - 17. / 392) < exact);
}

TEST_CASE("mutant: siblings judged by q and not in draw order are 15644/101745 off on B", "[mutants]") {
  CHECK(std::abs(seen_on_pair<bug::largest_q_first>(fixture_b()) - 15644. / 101745) < exact);
}

TEST_CASE("mutant: chosen siblings whose mass stays after a rejection are 9/50 off on B", "[mutants]") {
  auto m = fixture_b();
  const auto top = [] { return chosen_children{{2, 4}}; };
  CHECK(seen<bug::none>(m, top) < exact);
  CHECK(std::abs(seen<bug::stale_target>(m, top) - 9. / 50) < exact);
}

TEST_CASE("mutant: a second trial of a rejected draft is 3/70 off on B and 1/14 on F2", "[mutants]") {
  CHECK(std::abs(seen_on_chain<bug::retested>(fixture_b()) - 3. / 70) < exact);
  CHECK(std::abs(seen_on_chain<bug::retested>(fixture_f2()) - 1. / 14) < exact);
}

TEST_CASE("mutant: an argmax draft with a soft q is 9/35 off on F1 and 3/10 on B", "[mutants]") {
  CHECK(std::abs(seen_in_drafter<draft_bug::argmax_with_soft_q>(fixture_f1()) - 9. / 35) < exact);
  CHECK(std::abs(seen_in_drafter<draft_bug::argmax_with_soft_q>(fixture_b()) - 3. / 10) < exact);
}

TEST_CASE("mutant: a q row of zeros at a drawn token fails the step instead of accepting everything", "[mutants]") {
  auto m = fixture_f1();
  std::size_t refused = 0, steps = 0;
  (void)enumerate([&](const branching& random) {
    auto decoder = speculate<branching>(
        m.target, wrong_drafter<exact_backend, temperature, draft_bug::unfilled_q>{m.draft, plain}, rejection(plain));
    decoder.start(start_text, basic_request<branching>{random});
    decoder.step();
    ++steps;
    refused += decoder.fault() == fault::draft_law ? 1u : 0u;
    return std::vector<token>{};
  });
  CHECK(steps > 0);
  CHECK(refused == steps);
}

TEST_CASE("mutant: a wrong q is 9/40 off on B and 1/5 on F1", "[mutants]") {
  CHECK(std::abs(seen_in_drafter<draft_bug::wrong_q>(fixture_b()) - 9. / 40) < exact);
  CHECK(std::abs(seen_in_drafter<draft_bug::wrong_q>(fixture_f1()) - 1. / 5) < exact);
}

TEST_CASE("mutant: a q reported before the draft's warper is 4/45 off on F1", "[mutants]") {
  auto m = fixture_f1();
  const auto law = one_round([&] {
    return speculate<branching>(m.target, wrong_drafter<exact_backend, top_k, draft_bug::raw_q>{m.draft, top_k{2}},
                                rejection(plain));
  });
  CHECK(std::abs(round_distance(law, m.target, 2) - 4. / 45) < exact);
}

TEST_CASE("mutant: dropping the unsure last token is 33/400 off on B", "[mutants]") {
  CHECK(std::abs(seen_in_drafter<draft_bug::drops_unsure>(fixture_b()) - 33. / 400) < exact);
}

TEST_CASE("mutant: two draws pruned to the larger q are 15644/101745 off on B", "[mutants]") {
  CHECK(std::abs(seen_in_drafter<draft_bug::prunes_to_larger_q>(fixture_b()) - 15644. / 101745) < exact);
}

TEST_CASE("mutant: accept draws keyed by position show in the second round, and only there", "[mutants]") {
  // Exactly .0402 here; 400,000 texts drawn by philox gave .043 at a noise of .005.
  auto m = fixture_m();
  const auto by_round = [&] {
    return speculate<branching>(m.target, chain(m, 3), block_chain<temperature, false>{plain});
  };
  const auto by_position = [&] {
    return speculate<branching>(m.target, chain(m, 3), block_chain<temperature, true>{plain});
  };
  CHECK(round_distance(one_round(by_round), m.target, 4) < exact);
  CHECK(round_distance(one_round(by_position), m.target, 4) < exact);
  CHECK(text_distance(by_round, m.target, 4) < exact);
  CHECK(std::abs(text_distance(by_position, m.target, 4) - 0.0402) < 1e-4);
}

TEST_CASE("block verification of chains: the published numbers on Bin and M", "[mutants]") {
  const auto accepted = [](pair_of_models m, std::uint32_t gamma) {
    return one_round(
               [&] { return speculate<branching>(m.target, chain(m, gamma), block_chain<temperature, false>{plain}); })
        .accepted;
  };
  CHECK(std::abs(accepted(fixture_bin(), 2) - 11. / 9) < exact);
  CHECK(std::abs(accepted(fixture_bin(), 4) - 166. / 81) < exact);
  CHECK(std::abs(accepted(fixture_m(), 2) - 61. / 40) < exact);
  CHECK(std::abs(accepted(fixture_a(), 3) - 1371. / 800) < exact);
}

TEST_CASE("mutant: noise shared by two nodes is refused by the branching source", "[mutants]") {
  auto m = fixture_m();
  struct shared_noise {
    constant_tree<exact_backend, temperature>* inner;
    void propose(const basic_context<branching>& ctx, basic_draft_tree<double>& tree) const {
      inner->propose(ctx, tree);
      std::vector<candidate> out;
      const std::vector<double> other{.2, .3, .5};
      ctx.random.ordered_without_replacement(ctx.site(0), std::span<const double>{other}, 2, out);
    }
  };
  constant_tree tree{m.draft, plain, {2}};
  CHECK_THROWS_WITH(one_round([&] { return speculate<branching>(m.target, shared_noise{&tree}, rejection(plain)); }),
                    Catch::Matchers::Contains("one site's noise is used for two laws"));
}

TEST_CASE("rows: the library's verifiers leave them as they were, the mutant does not", "[mutants]") {
  const auto edited = [](const auto& verifier) {
    const std::vector<float> before{0.3f, 1.0f, -0.5f, 0.1f, 0.7f, 0.2f};
    std::vector<float> rows = before;
    draft_tree tree{3};
    tree.reset(0);
    for (float& x : tree.make_q(0)) x = 1.0f / 3;
    tree.add(0, 2);
    verdict out;
    const std::vector<token> text{0};
    bool rejected = false;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      verifier.verify(tree, matrix_view{rows.data(), 2, 3},
                      decode_context{.text = text, .budget = 2, .max_depth = 1, .random = philox{seed}}, out);
      rejected |= out.accepted() == 0;
    }
    REQUIRE(rejected);
    return rows != before;
  };
  CHECK_FALSE(edited(rejection(top_k{2})));
  CHECK_FALSE(edited(match(top_k{2})));
  CHECK(edited(wrong_rejection<temperature, bug::edits_rows>{plain}));
}
