// The match verifier: draw the target's own token, keep the draft where it is the same.
#pragma once

#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// At each node the target's token is drawn by Gumbel noise that belongs to (seed, position, token); a child that
/// carries it is accepted. Greedy warpers make it an argmax.
///
/// Exact for any tree, however it was made; needs no q rows. The text is the very text of plain decoding with the
/// same seed, bit for bit, as long as the backend's rows do not depend on what shares the pass (law B4).
/// Cost: a row per accepted token, plus one. Greedy reads each once; a temperature alone reads it twice and copies
/// nothing; other warpers work on a copy. Rows that find these tokens themselves (ArgmaxRow) are read for others only.
/// Source: Daliri, Musco, Suresh, "Coupling without Communication and Drafter-Invariant Speculative Decoding" (2024).
template <class W>
class match {
 public:
  static constexpr laws sibling_laws = any_law;
  static constexpr bool lossless = true;

  explicit match(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    out.reset();
    for (node_id at = 0;;) {
      out.next = token_at(warp_, ctx.random, ctx.position(tree.depth(at) + 1), rows[at],
                          prefix_view{ctx.text, tree.view(), at}, out.residual);
      at = out.next == no_token ? no_node : tree.child_with(at, out.next);
      if (at == no_node) return detail::count_tested(tree, out);
      out.path.push_back(at);
    }
  }

 private:
  W warp_;
};

}  // namespace hunch
