// SpecHub: pairs of siblings that always contain the draft's favourite.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// Couples the target's law with pairs (i, a) of probability q_i and (a, i) of probability q_a·q_i/(1 - q_a), where a
/// is the largest token of q: i is tried first, and whatever the pairs leave of their mass goes to a.
///
/// Exact for law `joint_pair` (spec_hub_pairs), and for chosen siblings; as good as any verifier can be for these
/// pairs. A node with a single drawn child is judged by rejection.
/// Cost: a softmax and one pass over the vocabulary per node of the path, one more after a rejected pair.
/// Source: Sun et al., "SpecHub: Provable Acceleration to Multi-Draft Speculative Decoding" (2024).
template <class W>
class spec_hub {
 public:
  static constexpr laws sibling_laws = deterministic | joint_pair;
  static constexpr bool lossless = true;

  explicit spec_hub(W warp) : warp_{std::move(warp)} {}

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
  /// Masses of p and q token by token, i != a; in doubles, since they are differences.
  struct split {
    double ia;       // q_i: pairs (i, a)
    double ai;       // pairs (a, i)
    double p_one;    // (p_i - ia)+
    double p_two;    // (p_one - ai)+
    double left_ia;  // (ia - p_i)+
    double left_ai;  // (ai - p_one)+
  };
  [[nodiscard]] static split split_of(double p, double q, double ratio) noexcept {
    const double ai = ratio * q;
    const double one = std::max(0.0, p - q);
    return {q, ai, one, std::max(0.0, one - ai), std::max(0.0, q - p), std::max(0.0, ai - one)};
  }

  template <class P, class R>
  static node_id judge(const basic_draft_tree<P>& tree, node_id at, std::span<const P> p, const basic_context<R>& ctx,
                       basic_verdict<P>& out) {
    const std::span<const P> q = tree.q(at);
    const std::span<const node_id> pair = tree.draws(at);
    const auto a = static_cast<std::size_t>(argmax(q));
    double others = 0;
    for (std::size_t i = 0; i < q.size(); ++i) others += i == a ? 0 : static_cast<double>(q[i]);
    if (pair.size() < 2) return judge_single(tree, at, p, ctx, out);
    const double ratio = static_cast<double>(q[a]) / others;
    double left_ia = 0;
    double left_ai = 0;
    for (std::size_t i = 0; i < q.size(); ++i) {
      if (i == a) continue;
      const split s = split_of(static_cast<double>(p[i]), static_cast<double>(q[i]), ratio);
      left_ia += s.left_ia;
      left_ai += s.left_ai;
    }
    const double p_a1 = std::max(0.0, static_cast<double>(p[a]) - left_ai);
    const bool first_is_a = static_cast<std::size_t>(tree[pair[0]]) == a;
    const node_id other = pair[first_is_a ? 1 : 0];
    const node_id hub = pair[first_is_a ? 0 : 1];
    HUNCH_EXPECTS(static_cast<std::size_t>(tree[hub]) == a, "a pair contains the largest token of q");
    const auto x = static_cast<std::size_t>(tree[other]);
    const split s = split_of(static_cast<double>(p[x]), static_cast<double>(q[x]), ratio);
    const auto accept = [&](node_id c, double have, double of) {
      return ctx.random.accept(ctx.site(c), static_cast<P>(have), static_cast<P>(of));
    };
    if (first_is_a ? accept(other, s.p_one, s.ai) : accept(other, static_cast<double>(p[x]), s.ia)) return other;
    if (first_is_a ? accept(hub, static_cast<double>(p[a]), left_ai) : accept(hub, p_a1, left_ia)) return hub;
    out.residual.resize(p.size());
    for (std::size_t i = 0; i < p.size(); ++i)
      out.residual[i] = static_cast<P>(split_of(static_cast<double>(p[i]), static_cast<double>(q[i]), ratio).p_two);
    out.residual[a] = static_cast<P>(std::max(0.0, p_a1 - left_ia));
    return draw_rest(at, p, ctx, out);
  }

  template <class P, class R>
  static node_id judge_single(const basic_draft_tree<P>& tree, node_id at, std::span<const P> p,
                              const basic_context<R>& ctx, basic_verdict<P>& out) {
    const std::span<const P> q = tree.q(at);
    const node_id c = tree.first_child(at);
    const auto x = static_cast<std::size_t>(tree[c]);
    if (ctx.random.accept(ctx.site(c), p[x], q[x])) return c;
    out.residual.resize(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) out.residual[i] = std::max(P{0}, p[i] - q[i]);
    return draw_rest(at, p, ctx, out);
  }

  template <class P, class R>
  static node_id draw_rest(node_id at, std::span<const P> p, const basic_context<R>& ctx, basic_verdict<P>& out) {
    out.next = ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{out.residual});
    if (out.next == no_token) out.next = ctx.random.categorical(ctx.site(at), purpose::residual, p);  // rounding only
    return no_node;
  }

  W warp_;
};

}  // namespace hunch
