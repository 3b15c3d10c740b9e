// Multi-round verification: independent siblings, tried one after another.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/trials.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// Each independent draw below a node is tried against what the ones before it left of the target's law; a token that
/// was drawn twice is tried twice.
///
/// Exact for siblings drawn independently (`iid`), and for chosen ones. For comparison: siblings without replacement
/// under `rejection` or `traversal` keep more for the same number of nodes.
/// Cost: a softmax per node of the path, one pass over the vocabulary per rejected draw.
/// Source: Miao et al., "SpecInfer" (2024), multi-step speculative sampling.
template <class W>
class multi_round {
 public:
  static constexpr laws sibling_laws = deterministic | iid;
  static constexpr bool lossless = true;

  explicit multi_round(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    if constexpr (is_greedy<W>())
      detail::follow_argmax(warp_, tree, rows, ctx, out);
    else
      detail::walk_down(warp_, tree, rows, ctx, out, [&](node_id at, std::span<const P> law) {
        return detail::judge_trials<detail::replacement::with>(tree, at, law, 1.0, ctx, out);
      });
  }

 private:
  W warp_;
};

}  // namespace hunch
