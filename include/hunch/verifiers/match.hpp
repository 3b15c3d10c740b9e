// The match verifier: draw the target's own token, keep the draft where it is the same.
#pragma once

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// At each node the target's token is drawn by Gumbel noise that belongs to (seed, position, token); a child that
/// carries it is accepted. Greedy warpers make it an argmax.
///
/// Exact for any tree, however it was made; needs no q rows. The text is the very text of plain decoding with the
/// same seed, bit for bit, as long as the backend's rows do not depend on what shares the pass (law B4).
/// Cost: one pass over the vocabulary per accepted token, plus one.
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
      const token y = target_token(tree, rows, at, ctx, out);
      const node_id hit = y == no_token ? no_node : count_tests(tree, at, y, out);
      if (hit == no_node) {
        out.next = y;
        return;
      }
      out.path.push_back(at = hit);
    }
  }

 private:
  template <class P, class Rows, class R>
  token target_token(const basic_draft_tree<P>& tree, const Rows& rows, node_id at, const basic_context<R>& ctx,
                     basic_verdict<P>& out) const {
    const std::span<const P> raw = rows[at];
    if constexpr (std::is_same_v<W, greedy>) {
      return argmax(raw);
    } else {
      out.residual.assign(raw.begin(), raw.end());
      const std::span<P> row{out.residual};
      warp_(row, prefix_view{ctx.text, tree.view(), at});
      if (argmax(std::span<const P>{row}) == no_token) return no_token;
      if constexpr (is_greedy<W>()) return argmax(std::span<const P>{row});
      return ctx.random.at_position(ctx.position(tree.depth(at) + 1), std::span<const P>{row});
    }
  }

  /// The child that carries y; counts it and the siblings before it as tested, or all if none does.
  template <class P>
  static node_id count_tests(const basic_draft_tree<P>& tree, node_id at, token y, basic_verdict<P>& out) {
    node_id c = tree.first_child(at);
    for (; c != no_node; c = tree.next_sibling(c)) {
      ++out.tested;
      if (tree[c] == y) break;
    }
    return c;
  }

  W warp_;
};

}  // namespace hunch
