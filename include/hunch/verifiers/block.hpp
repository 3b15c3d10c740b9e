// Block verification: decides about a drafted chain as a whole, and keeps at least as much of it as token by token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// With weights w_0 = 1, w_i = min(1, w_{i-1}·p(x_i)/q(x_i)) it keeps the longest prefix whose own draw says so: at
/// the end of the chain with probability w_i, before it with s/(s + 1 - w_i), s = sum of (w_i·p - q)+ over the row
/// after x_i. The next token then comes from the normalised (w_i·p - q)+.
///
/// Exact for chains, also when the length was decided on the way (with_length); never keeps less than `rejection` on
/// average. Chosen drafts (no q row) give nothing to gain: the target's own draws decide about them. Of a tree it
/// judges the first child of each node, which is a chain too; `traversal` uses the others as well.
/// Cost: a softmax per drafted token whose weight is positive, a sum over the vocabulary per rejected one. Greedy
/// warpers: one argmax per node of the path.
/// Source: Sun et al., "Block Verification Accelerates Speculative Decoding" (2024), Algorithm 2.
template <class W>
class block {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = true;

  explicit block(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (is_greedy<W>()) {
      detail::follow_argmax(warp_, tree, rows, ctx, out);
    } else if (detail::all_chosen(tree)) {
      detail::walk_down(warp_, tree, rows, ctx, out, [](node_id, std::span<const P>) { return no_node; });
    } else {
      out.reset();
      detail::reserve_rows(out.laws, detail::depth_count(tree), tree.vocab());
      if (!weigh(tree, rows, ctx, out)) return;
      while (out.path.size() > 1 && !kept(tree, ctx, out)) out.path.pop_back();
      out.next = next_token(tree, rows, ctx, out);
      detail::count_tested(tree, out);
    }
  }

 private:
  /// After: out.path is the chain down to its end or to the first token of no weight, out.draft_law[i] = w_i, and
  /// out.laws holds the laws after all but the last. False if a row is not usable.
  template <class P, class Rows, class R>
  bool weigh(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
             basic_verdict<P>& out) const {
    out.draft_law.assign(1, P{1});
    for (node_id at = 0; tree.first_child(at) != no_node && out.draft_law.back() > P{0};) {
      const std::span<P> p = detail::scratch_row(out.laws, out.path.size() - 1, tree.vocab());
      if (!detail::target_law(warp_, tree, rows, at, ctx, p)) return false;
      const node_id child = tree.first_child(at);
      const auto x = static_cast<std::size_t>(tree[child]);
      const P qx = tree.q(at).empty() ? P{1} : tree.q(at)[x];
      const P raised = out.draft_law.back() * p[x];
      out.draft_law.push_back(raised >= qx ? (raised > P{0} ? P{1} : P{0}) : raised / qx);
      out.path.push_back(at = child);
    }
    return true;
  }

  template <class P, class R>
  static bool kept(const basic_draft_tree<P>& tree, const basic_context<R>& ctx, basic_verdict<P>& out) {
    const node_id at = out.path.back();
    const std::size_t i = out.path.size() - 1;
    const P w = out.draft_law[i];
    if (!(w > P{0})) return false;
    if (tree.first_child(at) == no_node) return ctx.random.accept(ctx.site(at), w, P{1});
    const std::span<const P> p{out.laws.data() + i * tree.vocab(), tree.vocab()};
    const double s = surplus(tree, at, p, static_cast<double>(w), out.residual);
    const double all = s + 1 - static_cast<double>(w);
    return ctx.random.accept(ctx.site(at), static_cast<P>(all > 0 ? s / all : 1), P{1});
  }

  /// The sum of (w·p - q)+, which is left in `residual` where there is a q.
  template <class P>
  static double surplus(const basic_draft_tree<P>& tree, node_id at, std::span<const P> p, double w,
                        std::vector<P>& residual) {
    const std::span<const P> q = tree.q(at);
    if (q.empty()) return w * (1 - static_cast<double>(p[static_cast<std::size_t>(tree[tree.first_child(at)])]));
    residual.resize(p.size());
    return subtract<P>(w, p, 1, q, residual);
  }

  template <class P, class Rows, class R>
  token next_token(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
                   basic_verdict<P>& out) const {
    const node_id at = out.path.back();
    const std::size_t i = out.path.size() - 1;
    const std::span<P> p = detail::scratch_row(out.laws, i, tree.vocab());
    const node_id child = tree.first_child(at);
    if (child == no_node) {
      if (!detail::target_law(warp_, tree, rows, at, ctx, p)) return no_token;
      return ctx.random.categorical(ctx.site(at), purpose::bonus, std::span<const P>{p});
    }
    if (tree.q(at).empty()) {
      out.residual.assign(p.begin(), p.end());
      out.residual[static_cast<std::size_t>(tree[child])] = P{0};
    } else if (at == 0) {
      surplus<P>(tree, at, p, 1, out.residual);
    }  // else the surplus that kept this node is still there
    const token drawn = ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{out.residual});
    if (drawn != no_token) return drawn;  // no mass by rounding only: q was the target's law
    return ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{p});
  }

  W warp_;
};

}  // namespace hunch
