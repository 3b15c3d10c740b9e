// Bugs of trees and their verifiers, put in on purpose: the harness must see each, by its exact distance where known.
#include <algorithm>
#include <vector>

#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Trials of the wrong kind: draws with replacement judged as without, or the other way round.
template <detail::replacement Assumed>
struct wrong_trials {
  static constexpr laws sibling_laws = any_law;
  static constexpr bool lossless = false;
  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    detail::walk_down(plain, tree, rows, ctx, out, [&](node_id at, std::span<const P> law) {
      return detail::judge_trials<Assumed>(tree, at, law, 1.0, ctx, out);
    });
  }
};

/// Two draws of one node, rearranged by what they are.
enum class rearranged { largest_q_first, pruned_to_larger_q, deduplicated };

template <rearranged How>
struct rearranged_pair {
  static constexpr laws sibling_laws = How == rearranged::pruned_to_larger_q ? without_replacement : iid;
  level_pass<exact_backend, temperature> pass;
  std::vector<candidate> drawn{};
  void propose(const basic_context<branching>& ctx, basic_draft_tree<double>& tree) {
    pass.grow(
        ctx, tree, [](node_id n) { return n == 0; },
        [&](node_id n, const auto& row) {
          const auto q = pass.law(ctx, tree, n, row);
          token a, b;
          if constexpr (How == rearranged::pruned_to_larger_q) {
            ctx.random.ordered_without_replacement(ctx.site(n), q, 2, drawn);
            a = drawn[0].index;
            b = drawn[1].index;
          } else {
            a = ctx.random.categorical(ctx.site(n), purpose::draft, q, 0);
            b = ctx.random.categorical(ctx.site(n), purpose::draft, q, 1);
          }
          const bool swap =
              How != rearranged::deduplicated && q[static_cast<std::size_t>(b)] > q[static_cast<std::size_t>(a)];
          if (swap) std::swap(a, b);
          if constexpr (How == rearranged::pruned_to_larger_q) {
            tree.add(n, a);
          } else {
            tree.begin_draws(n, iid);
            tree.draw(n, a);
            if (How != rearranged::deduplicated || a != b) tree.draw(n, b);
          }
        },
        [] {});
  }
};

template <rearranged How>
auto pair_of(pair_of_models& m) {
  return [&m] { return rearranged_pair<How>{{m.draft, plain}}; };
}

/// Draws whose counters belong to absolute positions: the next round reads those beyond the accepted prefix again.
struct position_keyed {
  branching inner;
  [[nodiscard]] static draw_site moved(draw_site at) { return {at.round + at.node, 0}; }
  [[nodiscard]] bool accept(draw_site at, double p, double q, std::uint32_t lane = 0) const {
    return inner.accept(moved(at), p, q, lane);
  }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const double> w, std::uint32_t lane = 0) const {
    return inner.categorical(moved(at), why, w, lane);
  }
  void ordered_without_replacement(draw_site at, std::span<const double> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    inner.ordered_without_replacement(at, q, k, out);
  }
};

/// Draft noise shared by the nodes of a level.
struct depth_shared {
  branching inner;
  [[nodiscard]] bool accept(draw_site at, double p, double q, std::uint32_t lane = 0) const {
    return inner.accept(at, p, q, lane);
  }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const double> w, std::uint32_t lane = 0) const {
    return inner.categorical(at, why, w, lane);
  }
  /// Node 1 and 2 of a tree of two by something are one level.
  void ordered_without_replacement(draw_site at, std::span<const double> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    inner.ordered_without_replacement({at.round, at.node == 2 ? 1 : at.node}, q, k, out);
  }
};

template <class Source, class Make>
double distance_with(const Make& make, const exact_backend& target, std::size_t length) {
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = make();
    return emitted_text(decoder, start_text, basic_request<Source>{Source{source}, length, {}});
  });
  return total_variation(emitted, target_law(target, start_text, length, plain));
}

}  // namespace

TEST_CASE("mutant: drafts without replacement judged as independent ones, TV 101/4410 on B", "[mutants]") {
  auto m = fixture_b();
  const round_law law = judged(m, rsd_c(m, {2}), wrong_trials<detail::replacement::with>{});
  CHECK(std::abs(round_distance(law, m.target, 1) - 101. / 4410) < exact);
  // F2: (.1, .2, .343, .357), to three digits.
  auto f2 = fixture_f2();
  const round_law of_f2 = judged(f2, rsd_c(f2, {2}), wrong_trials<detail::replacement::with>{});
  CHECK(std::abs(round_distance(of_f2, f2.target, 1) - .043) < 5e-4);
}

TEST_CASE("mutant: independent drafts judged as without replacement, TV 109/3600 on B", "[mutants]") {
  auto m = fixture_b();
  const round_law law = judged(m, independent(m, {2}), wrong_trials<detail::replacement::without>{});
  CHECK(std::abs(round_distance(law, m.target, 1) - 109. / 3600) < exact);
}

TEST_CASE("mutant: an independent pair judged by falling q, TV 3/25 on B", "[mutants]") {
  auto m = fixture_b();
  const round_law law = judged(m, pair_of<rearranged::largest_q_first>(m), multi_round(plain));
  CHECK(std::abs(round_distance(law, m.target, 1) - 3. / 25) < exact);
}

TEST_CASE("mutant: two draws pruned to the one of larger q, TV 15644/101745 on B whoever judges", "[mutants]") {
  auto m = fixture_b();
  const auto pruned = pair_of<rearranged::pruned_to_larger_q>(m);
  CHECK(std::abs(round_distance(judged(m, pruned, wrong_trials<detail::replacement::without>{}), m.target, 1) -
                 15644. / 101745) < exact);
  CHECK(std::abs(round_distance(judged(m, pruned, wrong_trials<detail::replacement::with>{}), m.target, 1) -
                 15644. / 101745) < exact);
}

TEST_CASE("a repeated draw may be left out: its second trial can never be accepted", "[multi_round]") {
  // After x was rejected the residual has no x, so keeping or dropping the repetition gives the same first tokens,
  // but only dropping changes how much of q is taken from the residual; both are exact.
  auto m = fixture_b();
  const round_law kept = judged(m, independent(m, {2}), multi_round(plain));
  const round_law dropped = judged(m, pair_of<rearranged::deduplicated>(m), multi_round(plain));
  CHECK(round_distance(kept, m.target, 1) < exact);
  CHECK(std::abs(dropped.accepted - kept.accepted) < exact);
}

TEST_CASE("mutant: draws of block keyed by position are read again by the next round", "[mutants]") {
  auto m = fixture_m();
  const auto make = [&] { return speculate<position_keyed>(m.target, chain(m, 3), block(plain)); };
  const double distance = distance_with<position_keyed>(make, m.target, 4);
  CHECK(distance > .02);  // .027 by sampling with drafts drawn by Gumbel noise; more with the inverse CDF of ours
  // One round alone cannot show it.
  const text_law once = enumerate([&](branching source) {
    auto decoder = make();
    decoder.start(start_text, basic_request<position_keyed>{position_keyed{source}});
    const auto emitted = decoder.step().emitted;
    return std::vector<token>(emitted.begin(), emitted.end());
  });
  CHECK(total_variation(extend(once, m.target, start_text, 4, plain), target_law(m.target, start_text, 4, plain)) <
        exact);
  // Nor does rejection, which reads nothing beyond the accepted prefix.
  CHECK(distance_with<position_keyed>(
            [&] { return speculate<position_keyed>(m.target, chain(m, 3), rejection(plain)); }, m.target, 4) < exact);
}

TEST_CASE("mutant: noise shared by the nodes of a depth biases traversal", "[mutants]") {
  // Without context both nodes of a level have one law, so the enumerator can share their draws.
  auto m = models({.5, .3, .2}, {.2, .3, .5});
  const auto shared = distance_with<depth_shared>(
      [&] {
        return speculate<depth_shared>(m.target, gumbel_top_k(m.draft, plain, {2, 1}), traversal(plain));
      },
      m.target, 3);
  CHECK(shared > 1e-3);
  CHECK(text_distance_of(m, rsd_c(m, {2, 1}), traversal(plain), 3) < exact);
}
