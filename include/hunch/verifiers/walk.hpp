// What verifiers share: warped rows in scratch, the walks of greedy targets and of chosen drafts, counts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch::detail {

/// Row `i` of a scratch matrix [rows, vocab] that `reserve_rows` has made large enough.
template <class P>
[[nodiscard]] std::span<P> scratch_row(std::vector<P>& rows, std::size_t i, std::size_t vocab) noexcept {
  HUNCH_EXPECTS((i + 1) * vocab <= rows.size(), "scratch rows are reserved before they are used");
  return {rows.data() + i * vocab, vocab};
}
template <class P>
void reserve_rows(std::vector<P>& rows, std::size_t count, std::size_t vocab) {
  if (rows.size() < count * vocab) rows.resize(count * vocab);
}
/// Rows that a walk from the root can need at once: one per depth.
template <class P>
[[nodiscard]] std::size_t depth_count(const basic_draft_tree<P>& tree) noexcept {
  return *std::ranges::max_element(tree.view().depths) + std::size_t{1};
}

/// The target's warped law after node `at`, into `law` [vocab]; false if the row is not usable.
template <class W, class P, class Rows, class R>
[[nodiscard]] bool target_law(const W& warp, const basic_draft_tree<P>& tree, const Rows& rows, node_id at,
                              const basic_context<R>& ctx, std::span<P> law) {
  return warped_law(warp, std::span<const P>{rows[at]}, prefix_view{ctx.text, tree.view(), at}, law);
}

/// Adds what was decided about to out.tested: on each node of the path the accepted child and the siblings before it,
/// below its last node all children.
template <class P>
void count_tested(const basic_draft_tree<P>& tree, basic_verdict<P>& out) noexcept {
  for (std::size_t i = 0; i < out.path.size(); ++i)
    for (node_id c = tree.first_child(out.path[i]); c != no_node; c = tree.next_sibling(c)) {
      ++out.tested;
      if (i + 1 < out.path.size() && c == out.path[i + 1]) break;
    }
}

/// Follows the target's argmax while a child carries it. Touches each row once; needs no law of drafts and no noise,
/// and leaves none in out.laws.
template <class W, class P, class Rows, class R>
void follow_argmax(const W& warp, const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
                   basic_verdict<P>& out) {
  out.reset();
  out.laws.clear();
  for (node_id at = 0;;) {
    out.next = token_at(warp, ctx.random, 0, rows[at], prefix_view{ctx.text, tree.view(), at}, out.residual);
    at = out.next == no_token ? no_node : tree.child_with(at, out.next);
    if (at == no_node) return count_tested(tree, out);
    out.path.push_back(at);
  }
}

/// Walks down from the root. At each node `judge(at, law)` returns the accepted child, or no_node after it has set
/// out.next; below a leaf comes the bonus token. Where the children were chosen and not drawn, the target's own draw
/// decides: the child that carries it, or the draw itself.
/// After: out.laws holds the laws of the path (V2).
template <class W, class P, class Rows, class R, class Judge>
void walk_down(const W& warp, const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
               basic_verdict<P>& out, Judge judge) {
  out.reset();
  reserve_rows(out.laws, depth_count(tree), tree.vocab());
  for (node_id at = 0;;) {
    const std::span<P> law = scratch_row(out.laws, out.path.size() - 1, tree.vocab());
    if (!target_law(warp, tree, rows, at, ctx, law)) {
      out.next = no_token;
      return;
    }
    const bool leaf = tree.first_child(at) == no_node;
    if (leaf || tree.q(at).empty()) {
      const purpose why = leaf ? purpose::bonus : purpose::residual;
      out.next = ctx.random.categorical(ctx.site(at), why, std::span<const P>{law});
      at = leaf ? no_node : tree.child_with(at, out.next);
    } else {
      at = judge(at, std::span<const P>{law});
    }
    if (at == no_node) return count_tested(tree, out);
    out.path.push_back(at);
  }
}

/// No node has a law: the whole tree was chosen.
template <class P>
[[nodiscard]] bool all_chosen(const basic_draft_tree<P>& tree) noexcept {
  for (node_id n = 0; n < tree.size(); ++n)
    if (tree.has_q(n)) return false;
  return true;
}

/// The trials below a node in the order in which they were drawn: f(child, index) until it returns true.
/// Returns the child of that trial, or no_node.
template <class P, class F>
node_id find_trial(const basic_draft_tree<P>& tree, node_id at, F f) {
  std::uint32_t index = 0;
  if (const auto draws = tree.draws(at); !draws.empty()) {
    for (const node_id c : draws)
      if (f(c, index++)) return c;
    return no_node;
  }
  node_id c = tree.first_child(at);
  while (c != no_node && !f(c, index++)) c = tree.next_sibling(c);
  return c;
}

}  // namespace hunch::detail
