// LOSSY verifiers: they change the law of the text. Never a default; `lossless` is false and the namespace says so.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/trials.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch::lossy {

/// LOSSY. Keeps any draft that the target finds typical: p(x) > min(epsilon, delta·exp(-H(p))), H the entropy in nats.
/// Of the kept paths the deepest, then the most likely one; the token after it is drawn from the target's law.
///
/// The text does not have the target's law. Drafts are judged without their q rows, so any tree will do.
/// Cost: a softmax and an entropy per node that is kept and has children. Greedy warpers: as `match`, lossless.
/// Source: Cai et al., "Medusa" (2024), typical acceptance.
template <class W>
class typical {
 public:
  static constexpr laws sibling_laws = any_law;
  static constexpr bool lossless = is_greedy<W>();

  explicit typical(W warp, double epsilon = 0.09, double delta = 0.3)
      : warp_{std::move(warp)}, epsilon_{epsilon}, delta_{delta} {
    if (!(epsilon >= 0) || !(delta >= 0)) raise("hunch: lossy::typical needs epsilon and delta of at least 0");
  }

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (is_greedy<W>()) {
      detail::follow_argmax(warp_, tree, rows, ctx, out);
    } else {
      out.reset();
      out.laws.clear();
      out.residual.resize(tree.vocab());
      const std::span<P> law{out.residual};
      node_id best = 0;
      if (!score(tree, rows, ctx, law, best, out) || !detail::target_law(warp_, tree, rows, best, ctx, law)) return;
      for (node_id n = best; n != 0; n = tree.parent(n)) out.path.push_back(n);
      std::reverse(out.path.begin() + 1, out.path.end());
      out.next = ctx.random.categorical(ctx.site(best), purpose::bonus, std::span<const P>{law});
      detail::count_tested(tree, out);
    }
  }

 private:
  /// Scores nodes by the log-probability of their path (in out.draft_law; -inf: not kept) and finds the best.
  /// False if a row is not usable.
  template <class P, class Rows, class R>
  bool score(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx, std::span<P> law,
             node_id& best, basic_verdict<P>& out) const {
    constexpr P dropped = -std::numeric_limits<P>::infinity();
    out.draft_law.assign(tree.size(), dropped);
    const std::span<P> scores{out.draft_law};
    scores[0] = 0;
    for (node_id n = 0; n < tree.size(); ++n) {  // parents come before their children
      if (scores[n] == dropped) continue;
      const bool deeper = tree.depth(n) > tree.depth(best);
      if (deeper || (tree.depth(n) == tree.depth(best) && scores[n] > scores[best])) best = n;
      if (tree.first_child(n) == no_node) continue;
      if (!detail::target_law(warp_, tree, rows, n, ctx, law)) return false;
      const double cut = threshold(std::span<const P>{law});
      for (node_id c = tree.first_child(n); c != no_node; c = tree.next_sibling(c)) {
        const P p = law[static_cast<std::size_t>(tree[c])];
        if (static_cast<double>(p) > cut) scores[c] = scores[n] + std::log(p);
      }
    }
    return true;
  }
  template <class P>
  [[nodiscard]] double threshold(std::span<const P> law) const {
    double entropy = 0;
    for (const P x : law)
      if (x > P{0}) entropy -= static_cast<double>(x) * std::log(static_cast<double>(x));
    return std::min(epsilon_, delta_ * std::exp(-entropy));
  }

  W warp_;
  double epsilon_;
  double delta_;
};

/// LOSSY unless l = 1. Rejection with lowered demands: accepts with min(1, p/(l·q)), then goes on with (p - l·q)+.
/// l in (0, 1]; smaller keeps more drafts and moves the text towards the draft model's law.
///
/// Cost: as `rejection`. Greedy warpers: lossless.
/// Source: Leviathan et al. (2023), appendix on lenience.
template <class W>
class lenient {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = is_greedy<W>();

  lenient(W warp, double l) : warp_{std::move(warp)}, l_{l} {
    if (!(l > 0 && l <= 1)) raise("hunch: lossy::lenient needs l in (0, 1]");
  }

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (is_greedy<W>())
      detail::follow_argmax(warp_, tree, rows, ctx, out);
    else  // chosen children are judged as the target says: q = 1 leaves nothing to be lenient about
      detail::walk_down(warp_, tree, rows, ctx, out, [&](node_id at, std::span<const P> law) {
        return detail::judge_trials<detail::replacement::without>(tree, at, law, l_, ctx, out);
      });
  }

 private:
  W warp_;
  double l_;
};

}  // namespace hunch::lossy
