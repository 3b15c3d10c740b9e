// Recursive rejection sampling: accept by probability ratio, else try the next sibling against the residual.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <hunch/core/device_rows.hpp>
#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// Exact for siblings drawn without replacement from q(parent), and for chosen ones (empty q: tested as if q were 1).
/// A chain is the case of one child: speculative sampling.
///
/// Rows on a device judge the tree there, or say their argmax, and leave no laws of the path (core/device_rows.hpp).
/// Cost: a softmax per node on the path; two passes over the vocabulary per rejected sibling, none per accepted one.
/// Sources: Leviathan et al. (2023) and Chen et al. (2023) for chains; Jeon et al., "Recursive Speculative Decoding"
/// (2024), for siblings without replacement.
template <class W>
class rejection {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = true;

  explicit rejection(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (RejectingRows<Rows> && std::is_same_v<W, temperature> && std::is_same_v<R, philox>) {
      if (rows.reject(tree, ctx, warp_.value(), out)) return;
    }
    if constexpr (ArgmaxRow<decltype(rows[0])> && std::is_same_v<W, greedy>) {
      if (detail::all_chosen(tree)) return detail::follow_argmax(warp_, tree, rows, ctx, out);
    }
    out.reset();
    for (node_id at = 0;;) {
      const std::span<const P> law = warped_law(tree, rows, at, ctx, out);
      if (law.empty()) return;
      const node_id accepted = judge_children(tree, at, law, ctx, out);
      if (accepted == no_node) return;
      out.path.push_back(at = accepted);
    }
  }

 private:
  /// The target's law after node `at`, kept in out.laws; empty if the row is not usable.
  template <class P, class Rows, class R>
  std::span<const P> warped_law(const basic_draft_tree<P>& tree, const Rows& rows, node_id at,
                                const basic_context<R>& ctx, basic_verdict<P>& out) const {
    const std::size_t vocab = tree.vocab();
    detail::reserve_rows(out.laws, out.path.size(), vocab);
    const std::span<P> law = detail::scratch_row(out.laws, out.path.size() - 1, vocab);
    if constexpr (is_greedy<W>()) {
      const std::span<const P> raw = rows[at];
      std::copy(raw.begin(), raw.end(), law.begin());
      warp_(law, prefix_view{ctx.text, tree.view(), at});
      const token best = argmax(std::span<const P>{law});
      if (best == no_token) return {};
      std::fill(law.begin(), law.end(), P{0});
      law[static_cast<std::size_t>(best)] = P{1};
    } else if (!detail::target_law(warp_, tree, rows, at, ctx, law)) {
      return {};
    }
    return law;
  }

  /// The accepted child, or no_node with out.next drawn from what is left.
  template <class P, class R>
  node_id judge_children(const basic_draft_tree<P>& tree, node_id at, std::span<const P> law,
                         const basic_context<R>& ctx, basic_verdict<P>& out) const {
    if (tree.first_child(at) == no_node) {
      out.next = ctx.random.categorical(ctx.site(at), purpose::bonus, law);
      return no_node;
    }
    std::span<const P> left = law;
    std::span<const P> q = tree.q(at);
    const bool drawn = !q.empty();
    double mass = 1;
    double q_mass = 1;
    // invariant: left / mass is the law of the token given that the siblings before c were rejected; q / q_mass is the
    // law that c was drawn from (the siblings before it have no mass left)
    for (node_id c = tree.first_child(at); c != no_node; c = tree.next_sibling(c)) {
      const auto x = static_cast<std::size_t>(tree[c]);
      const P px = static_cast<P>(static_cast<double>(left[x]) / mass);
      const P qx = drawn ? static_cast<P>(static_cast<double>(q[x]) / q_mass) : P{1};
      ++out.tested;
      if (ctx.random.accept(ctx.site(c), px, qx)) return c;
      if (left.data() == law.data()) out.residual.resize(law.size());
      mass = drawn ? subtract<P>(1 / mass, left, 1 / q_mass, q, out.residual) : without<P>(left, x, out.residual);
      left = out.residual;
      if (!(mass > 0)) {
        left = law;  // rounding only: the draft's law was the target's
        break;
      }
      if (!drawn || tree.next_sibling(c) == no_node) continue;
      if (q.data() == tree.q(at).data()) out.draft_law.assign(q.begin(), q.end());
      out.draft_law[x] = P{0};
      q = out.draft_law;
      q_mass = sum_of<P>(q);     // summed anew: subtracting would leave noise where little is left
      if (!(q_mass > 0)) break;  // every token that q can give was tried
    }
    out.next = ctx.random.categorical(ctx.site(at), purpose::residual, left);
    return no_node;
  }

  /// `from`, which may be `to`, without x; the mass of that.
  template <class P>
  static double without(std::span<const P> from, std::size_t x, std::span<P> to) noexcept {
    if (from.data() != to.data()) std::copy(from.begin(), from.end(), to.begin());
    to[x] = P{0};
    return sum_of<P>(to);
  }

  W warp_;
};

}  // namespace hunch
