// Traversal verification: decides about a drafted tree from its leaves to its root.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// Visits the tree depth first, siblings in the order in which they were drawn. A node is entered with the weight
/// min(1, r·p(x)/q(x)) that its parent's weight r leaves for it; what its children do not take of that weight decides
/// about the node itself. So a child can be kept although its parent alone would have been rejected.
///
/// Exact for siblings drawn without replacement, and for chosen ones (tested as if q were 1); on a chain it is
/// `block`; on every fixture it keeps more than `rejection`.
/// Cost: a softmax per inner node that is reached with a positive weight, one pass over the vocabulary per rejected
/// child; leaves cost nothing until they are accepted. Memory: three scratch rows per level of depth. Greedy warpers:
/// one argmax per node of the path.
/// Source: Weng et al., "Traversal Verification for Speculative Tree Decoding" (2025).
template <class W>
class traversal {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = true;

  explicit traversal(W warp) : warp_{std::move(warp)} {}

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
      detail::reserve_rows(out.residual, detail::depth_count(tree), tree.vocab());
      detail::reserve_rows(out.draft_law, detail::depth_count(tree), tree.vocab());
      visitor<P, Rows, R> walk{warp_, tree, rows, ctx, out};
      if (!walk.visit(0, 1.0)) return;
      detail::count_tested(tree, out);
    }
  }

 private:
  /// What is left at a node after the children that were rejected: the law residual / mass with weight r.
  template <class P>
  struct remainder {
    std::span<const P> law;  // the target's
    std::span<P> residual;   // written once a child was rejected
    std::span<const P> q;    // q / q_mass: the law of the next child; empty: it was chosen
    double r;                // weight of the node given those rejections
    double mass = 1;         // of residual
    double q_mass = 1;       // what q has left
    bool touched = false;

    [[nodiscard]] double at(std::size_t x) const noexcept {
      return static_cast<double>(touched ? residual[x] : law[x]) / mass;
    }
  };

  template <class P, class Rows, class R>
  struct visitor {
    const W& warp;
    const basic_draft_tree<P>& tree;
    const Rows& rows;
    const basic_context<R>& ctx;
    basic_verdict<P>& out;
    bool broken = false;

    /// True once something was accepted: out.path and out.next are set (unless a row was not usable). Otherwise
    /// nothing at or below `at` was, which has probability 1 - r whatever the tree below looks like.
    bool visit(node_id at, double r) {
      const std::size_t depth = out.path.size() - 1;
      const std::span<P> law = detail::scratch_row(out.laws, depth, tree.vocab());
      if (tree.first_child(at) == no_node) return accepts(at, r) && emit(at, law);
      if (!detail::target_law(warp, tree, rows, at, ctx, law)) return fail();
      remainder<P> left{law, detail::scratch_row(out.residual, depth, tree.vocab()), tree.q(at), r};
      for (node_id c = tree.first_child(at); c != no_node && left.q_mass > 0; c = tree.next_sibling(c)) {
        const double weight = child_weight(c, left);
        out.path.push_back(c);
        if (weight > 0 && visit(c, weight)) return true;
        out.path.pop_back();
        if (broken) return true;
        take_away(at, c, left);
      }
      if (!accepts(at, left.r)) return false;
      const std::span<const P> rest = left.touched ? std::span<const P>{left.residual} : std::span<const P>{law};
      out.next = ctx.random.categorical(ctx.site(at), purpose::residual, rest);
      return true;
    }

   private:
    [[nodiscard]] bool accepts(node_id at, double r) const {
      return at == 0 || ctx.random.accept(ctx.site(at), static_cast<P>(r), P{1});
    }
    bool emit(node_id leaf, std::span<P> law) {
      if (!detail::target_law(warp, tree, rows, leaf, ctx, law)) return fail();
      out.next = ctx.random.categorical(ctx.site(leaf), purpose::bonus, std::span<const P>{law});
      return true;
    }
    bool fail() {
      out.next = no_token;
      return broken = true;
    }

    [[nodiscard]] double child_weight(node_id c, const remainder<P>& left) const noexcept {
      const auto x = static_cast<std::size_t>(tree[c]);
      const double qx = left.q.empty() ? 1 : static_cast<double>(left.q[x]) / left.q_mass;
      const double raised = left.r * left.at(x);
      return raised >= qx ? (raised > 0 ? 1 : 0) : raised / qx;
    }

    /// Child c was rejected: the residual becomes (r·p - q)+ with q the law that c was drawn from, then q loses c.
    void take_away(node_id at, node_id c, remainder<P>& left) const noexcept {
      const double s = left.q.empty() ? without(c, left) : minus_q(at, c, left);
      left.touched = true;
      const double all = s + 1 - left.r;
      left.r = all > 0 ? s / all : 1;
    }
    /// A chosen child: its q is a point, so only its own mass goes. Returns the surplus.
    double without(node_id c, remainder<P>& left) const noexcept {
      if (!left.touched) std::copy(left.law.begin(), left.law.end(), left.residual.begin());
      P& x = left.residual[static_cast<std::size_t>(tree[c])];
      const double rest = left.mass - static_cast<double>(x);
      if (!(rest > 0)) return 0;  // nothing else is possible: the child has all the weight there is
      const double s = left.r * rest / left.mass;
      left.mass = rest;
      x = P{0};
      return s;
    }
    double minus_q(node_id at, node_id c, remainder<P>& left) const noexcept {
      const std::span<P> p = left.residual;
      const std::span<const P> from = left.touched ? std::span<const P>{p} : left.law;
      const double s = subtract<P>(left.r / left.mass, from, 1 / left.q_mass, left.q, p);
      if (s > 0) {
        left.mass = s;
      } else {  // by rounding only, or with no weight left to give
        std::copy(left.law.begin(), left.law.end(), p.begin());
        left.mass = 1;
      }
      if (tree.next_sibling(c) != no_node) {
        const std::span<P> q = detail::scratch_row(out.draft_law, out.path.size() - 1, tree.vocab());
        if (left.q.data() == tree.q(at).data()) std::copy(left.q.begin(), left.q.end(), q.begin());
        q[static_cast<std::size_t>(tree[c])] = P{0};
        left.q = q;
        left.q_mass = sum_of<P>(q);
      }
      return s;
    }
  };

  W warp_;
};

}  // namespace hunch
