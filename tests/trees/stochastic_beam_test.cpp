// RSD-S by Monte Carlo with Philox: its noise is continuous, so its competition cannot be enumerated.
#include <cmath>
#include <map>
#include <vector>

#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

constexpr std::size_t draws = 50000;

auto beam(pair_of_models& m, std::uint32_t width, std::uint32_t length) {
  return [&m, width, length] { return stochastic_beam(m.draft, plain, width, length); };
}

/// Reference: 2e5 draws, ±.003; four standard deviations of ours are 4·.9/√5e4 = .016.
void check_expectation(std::uint32_t width, std::uint32_t length, double by_rejection, double by_traversal) {
  auto m = fixture_m();
  INFO("width " << width << ", length " << length);
  const double threshold = sampling_threshold(std::pow(3.0, length + 1), draws);
  const round_law top_down = sampled(m, beam(m, width, length), rejection(plain), draws);
  CHECK(std::abs(top_down.accepted - by_rejection) < .019);
  CHECK(round_distance(top_down, m.target, length + 1) < threshold);
  const round_law bottom_up = sampled(m, beam(m, width, length), traversal(plain), draws, 1000000);
  CHECK(std::abs(bottom_up.accepted - by_traversal) < .019);
  CHECK(round_distance(bottom_up, m.target, length + 1) < threshold);
}

decode_context context_of(std::uint64_t seed) {
  return {.text = start_text, .budget = 8, .max_depth = 8, .end_of_text = {}, .run = 0, .random = philox{seed}};
}

/// Judges the beam's children in order of q instead of draw order.
template <class D>
struct by_identity {
  static constexpr laws sibling_laws = without_replacement;
  D inner;
  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    basic_draft_tree<P> drawn{tree.vocab()};
    drawn.reset(tree[0]);
    inner.propose(ctx, drawn);
    std::vector<node_id> place(drawn.size(), 0);
    for (node_id n = 0; n < drawn.size(); ++n) {  // level order: n has its place already
      if (drawn.first_child(n) == no_node) continue;
      const auto q = drawn.q(n);
      std::copy(q.begin(), q.end(), tree.make_q(place[n]).begin());
      std::vector<node_id> children;
      for (node_id c = drawn.first_child(n); c != no_node; c = drawn.next_sibling(c)) children.push_back(c);
      std::stable_sort(children.begin(), children.end(), [&](node_id a, node_id b) {
        return q[static_cast<std::size_t>(drawn[a])] > q[static_cast<std::size_t>(drawn[b])];
      });
      for (const node_id c : children) place[c] = tree.add(place[n], drawn[c]);
    }
  }
};

}  // namespace

TEST_CASE("stochastic_beam: expected accepted tokens and law on M, width 2, length 2", "[stochastic_beam][long]") {
  check_expectation(2, 2, 1.623, 1.688);
}
TEST_CASE("stochastic_beam: expected accepted tokens and law on M, width 3, length 2", "[stochastic_beam][long]") {
  check_expectation(3, 2, 1.771, 1.835);
}
TEST_CASE("stochastic_beam: expected accepted tokens and law on M, width 3, length 3", "[stochastic_beam][long]") {
  check_expectation(3, 3, 2.357, 2.523);
}

TEST_CASE("stochastic_beam: children judged by identity are seen, TV .0635", "[stochastic_beam][long]") {
  auto m = fixture_m();
  const auto wrong = [&] { return by_identity<decltype(beam(m, 3, 2)())>{beam(m, 3, 2)()}; };
  CHECK(std::abs(round_distance(sampled(m, wrong, rejection(plain), draws), m.target, 3) - .0635) < .01);
}

TEST_CASE("stochastic_beam: the first level is an ordered pair drawn without replacement", "[stochastic_beam]") {
  // q = (.6, .3, .1): q_i·q_j/(1 - q_i). Four standard deviations of a proportion at 5e4 draws: .0089.
  auto m = models({.5, .3, .2}, {.6, .3, .1});
  std::map<std::pair<token, token>, double> share;
  auto drafter = stochastic_beam(m.draft, plain, 2, 1);
  basic_draft_tree<double> tree{3};
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    tree.reset(0);
    drafter.propose(context_of(seed), tree);
    share[{tree[1], tree[2]}] += 1.0 / static_cast<double>(draws);
  }
  const std::map<std::pair<token, token>, double> want{{{0, 1}, .45},      {{0, 2}, .15},      {{1, 0}, .18 / .7},
                                                       {{1, 2}, .03 / .7}, {{2, 0}, .06 / .9}, {{2, 1}, .03 / .9}};
  for (const auto& [pair, p] : want) CHECK(std::abs(share[pair] - p) < .0089);
}

TEST_CASE("stochastic_beam: its leaves are sequences drawn without replacement", "[stochastic_beam]") {
  // Width 2, length 2 on the draft of M: ordered pairs (s, t) with Q(s)·Q(t)/(1 - Q(s)), 72 cells.
  auto m = fixture_m();
  std::map<std::vector<token>, double> law;
  std::vector<double> first(3);
  std::vector<double> second(3);
  m.draft.law()(start_text, first);
  std::map<std::vector<token>, double> of_sequence;
  for (token a = 0; a < 3; ++a) {
    m.draft.law()(std::vector<token>{0, a}, second);
    for (token b = 0; b < 3; ++b)
      of_sequence[{a, b}] = first[static_cast<std::size_t>(a)] * second[static_cast<std::size_t>(b)];
  }
  for (const auto& [s, p] : of_sequence)
    for (const auto& [t, q] : of_sequence)
      if (s != t) law[{s[0], s[1], t[0], t[1]}] = p * q / (1 - p);
  std::map<std::vector<token>, double> share;
  auto drafter = stochastic_beam(m.draft, plain, 2, 2);
  basic_draft_tree<double> tree{3};
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    tree.reset(0);
    drafter.propose(context_of(seed), tree);
    REQUIRE(tree.size() == 5);
    share[{tree[tree.parent(3)], tree[3], tree[tree.parent(4)], tree[4]}] += 1.0 / static_cast<double>(draws);
  }
  CHECK(total_variation(share, law) < sampling_threshold(72, draws) / 2);
}

TEST_CASE("truncated_gumbel: the stable form is the formula, and stays finite at both ends", "[stochastic_beam]") {
  for (const double psi : {-3.0, 0.0, 2.0})
    for (const double top : {-2.0, 0.5, 4.0})
      for (double g = top - 8; g < top; g += 0.37) {
        const double plainly = -std::log(std::exp(-psi) - std::exp(-top) + std::exp(-g));
        CHECK(std::abs(detail::truncated_gumbel(psi, top, g) - plainly) < 1e-9);
      }
  CHECK(detail::truncated_gumbel(1.5, 3.0, 3.0) == 1.5);
  CHECK(detail::truncated_gumbel(-400.0, 3.0, 2.0) < -399.0);
  CHECK(std::isfinite(detail::truncated_gumbel(-400.0, 3.0, 2.0)));
  CHECK(std::isfinite(detail::truncated_gumbel(20.0, 800.0, -800.0)));
  CHECK(detail::truncated_gumbel(1.0, 2.0, std::nextafter(2.0, 0.0)) <= 1.0);
}
