// k-SEQ: independent siblings, all tried with one common, lowered acceptance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {
namespace detail {

/// What k-SEQ needs to know of a node: accept with min(1, p/(rho·q)); `beta` is how often one draw is.
struct k_sequence_rule {
  double rho = 1;
  double beta = 0;
};

/// The smallest valid rho in [1, k]: 1 - (1 - beta)^k = rho·beta with beta(rho) = sum of min(q, p/rho).
///
/// Bisection over what is undecided: tokens whose p/q lies below (above) the bracket count by p (by q) and leave the
/// scratch rows, so all steps together cost O(vocab). `p` and `q` are consumed.
template <class P>
[[nodiscard]] k_sequence_rule solve_k_sequence(std::span<P> p, std::span<P> q, std::size_t k) {
  double below = 0;  // sum of p where p <= low·q
  double above = 0;  // sum of q where p >= high·q
  double low = 1;
  double high = static_cast<double>(k);
  std::size_t open = p.size();
  const auto settle = [&] {
    for (std::size_t i = 0; i < open;) {
      const auto pi = static_cast<double>(p[i]);
      const auto qi = static_cast<double>(q[i]);
      if (pi > low * qi && pi < high * qi) {
        ++i;
        continue;
      }
      (pi <= low * qi ? below : above) += pi <= low * qi ? pi : qi;
      --open;
      p[i] = p[open];
      q[i] = q[open];
    }
  };
  const auto beta = [&](double rho) {
    double sum = below / rho + above;
    for (std::size_t i = 0; i < open; ++i) sum += std::min(static_cast<double>(q[i]), static_cast<double>(p[i]) / rho);
    return sum;
  };
  settle();
  // invariant: rho·beta(rho) falls short of 1 - (1 - beta)^k at low (or low is 1), and does not at high
  for (int step = 0; step < 60 && low < high; ++step) {
    const double middle = (low + high) / 2;
    const double b = beta(middle);
    double none = 1;
    for (std::size_t i = 0; i < k; ++i) none *= 1 - b;
    (1 - none > middle * b ? low : high) = middle;
    settle();
  }
  return {high, beta(high)};
}

}  // namespace detail

/// The first of k independent draws that is accepted with probability min(1, p/(rho·q)); rho is solved for each node,
/// so that the rest of the target's law can be drawn after k rejections.
///
/// Exact for siblings drawn independently (`iid`), and for chosen ones. Keeps a little more than `multi_round`.
/// Cost: a softmax per node of the path and a few passes over the vocabulary per node for rho.
/// Source: Sun et al., "SpecTr: Fast Speculative Decoding via Optimal Transport" (2023), Algorithm 2.
template <class W>
class k_sequence {
 public:
  static constexpr laws sibling_laws = deterministic | iid;
  static constexpr bool lossless = true;

  explicit k_sequence(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (is_greedy<W>())
      detail::follow_argmax(warp_, tree, rows, ctx, out);
    else
      detail::walk_down(warp_, tree, rows, ctx, out,
                        [&](node_id at, std::span<const P> law) { return judge(tree, at, law, ctx, out); });
  }

 private:
  template <class P, class R>
  static node_id judge(const basic_draft_tree<P>& tree, node_id at, std::span<const P> p, const basic_context<R>& ctx,
                       basic_verdict<P>& out) {
    const std::span<const P> q = tree.q(at);
    const std::size_t k = std::max<std::size_t>(1, tree.draws(at).size());
    out.residual.assign(p.begin(), p.end());
    out.draft_law.assign(q.begin(), q.end());
    const auto rule = detail::solve_k_sequence(std::span<P>{out.residual}, std::span<P>{out.draft_law}, k);
    const node_id hit = detail::find_trial(tree, at, [&](node_id c, std::uint32_t lane) {
      const auto x = static_cast<std::size_t>(tree[c]);
      return ctx.random.accept(ctx.site(c), p[x], static_cast<P>(rule.rho * static_cast<double>(q[x])), lane);
    });
    if (hit != no_node) return hit;
    double none = 1;
    for (std::size_t i = 0; i < k; ++i) none *= 1 - rule.beta;
    const double share = rule.beta > 0 ? (1 - none) / rule.beta : 0;  // each min(q, p/rho) was taken this often
    for (std::size_t v = 0; v < p.size(); ++v) {
      const auto pv = static_cast<double>(p[v]);
      const double taken = std::min(static_cast<double>(q[v]), pv / rule.rho) * share;
      out.residual[v] = static_cast<P>(std::max(0.0, pv - taken));
    }
    out.next = ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{out.residual});
    if (out.next == no_token) out.next = ctx.random.categorical(ctx.site(at), purpose::residual, p);  // rounding only
    return no_node;
  }

  W warp_;
};

}  // namespace hunch
