// The match verifier: draw the target's own token, keep the draft where it is the same.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch {

/// At each node the target's token is drawn by Gumbel noise that belongs to (seed, position, token); a child that
/// carries it is accepted. Greedy warpers make it an argmax.
///
/// Exact for any tree, however it was made; needs no q rows. The text is the very text of plain decoding with the
/// same seed, bit for bit, as long as the backend's rows do not depend on what shares the pass (law B4).
/// Cost: a row per accepted token, plus one. Greedy reads each once; a temperature alone reads it twice and copies
/// nothing; other warpers work on a copy.
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
      out.next = target_token(tree, rows, at, ctx, out);
      at = out.next == no_token ? no_node : tree.child_with(at, out.next);
      if (at == no_node) return detail::count_tested(tree, out);
      out.path.push_back(at);
    }
  }

 private:
  template <class P, class Rows, class R>
  token target_token(const basic_draft_tree<P>& tree, const Rows& rows, node_id at, const basic_context<R>& ctx,
                     basic_verdict<P>& out) const {
    const std::span<const P> raw = rows[at];
    const std::uint64_t position = ctx.position(tree.depth(at) + 1);
    if constexpr (std::is_same_v<W, greedy>) {
      return argmax(raw);
    } else if constexpr (std::is_same_v<W, temperature> && divides<R, P>) {
      return ctx.random.at_position(position, raw, static_cast<P>(warp_.value()));
    } else {
      out.residual.assign(raw.begin(), raw.end());
      const std::span<P> row{out.residual};
      warp_(row, prefix_view{ctx.text, tree.view(), at});
      if constexpr (is_greedy<W>()) return argmax(std::span<const P>{row});
      return ctx.random.at_position(position, std::span<const P>{row});
    }
  }

  /// Whether the source of noise divides logits itself, so that no copy of the row is needed.
  template <class R, class P>
  static constexpr bool divides = requires(const R& r, std::uint64_t position, std::span<const P> row, P t) {
    r.at_position(position, row, t);
  };

  W warp_;
};

}  // namespace hunch
