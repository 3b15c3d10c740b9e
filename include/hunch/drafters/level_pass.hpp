// What drafters of trees share: a draft model that runs a growing tree, one batched pass per level.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/random.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// The k largest entries of a row, largest first, -inf and NaN never; ties: lower index. Cost: O(vocab) comparisons.
template <class P>
void largest(std::span<const P> row, std::size_t k, std::vector<candidate>& out) {
  out.clear();
  if (k == 0) return;
  const auto nothing = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto x = static_cast<double>(row[i]);
    if (x > (out.size() == k ? out.back().score : nothing)) keep_largest({static_cast<token>(i), x}, k, out);
  }
}

/// Grows a tree below the root by passes of a draft model over whole levels. One object = one sequence.
template <Backend B, class W>
class level_pass {
 public:
  level_pass(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.backend().vocab_size(); }

  /// Level by level: one pass, expand(node, row) for each node that `wants(node)` children, end_level(). The nodes
  /// that these add are the next level. Ends where no node wants children, at the budget, and where the draft's
  /// context is full. Nodes that end the text and the deepest ones that can be emitted are never expanded.
  template <class P, class R, class Wants, class Expand, class EndLevel>
  void grow(const basic_context<R>& ctx, basic_draft_tree<P>& tree, Wants wants, Expand expand, EndLevel end_level) {
    if (!sequence_.sync(ctx.text)) return;
    const auto grows = [&](node_id n) { return may_grow(ctx, tree, n) && wants(n); };
    for (node_id first = 0; first < tree.size() && tree.size() < ctx.budget;) {
      const auto end = static_cast<node_id>(tree.size());
      node_id some = first;
      while (some < end && !grows(some)) ++some;
      if (some == end || sequence_.room() < end - first) return;
      const auto rows = sequence_.forward(tree, first);
      for (node_id n = some; n < end; ++n)
        if (grows(n)) expand(n, rows[n - first]);
      end_level();
      first = end;
    }
  }

  /// The warped law of the children of n, from the draft's row; in tree.q(n). Empty (and no q) if it is not usable.
  template <class P, class R, class Row>
  [[nodiscard]] std::span<const P> law(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n,
                                       const Row& row) const {
    const std::span<P> q = tree.make_q(n);
    std::copy(row.begin(), row.end(), q.begin());
    warp_(q, prefix_view{ctx.text, tree.view(), n});
    if (softmax(q)) return q;
    tree.drop_q(n);
    return {};
  }

  /// The warped logits in scratch, for drafts that leave no law. Valid until the next call.
  template <class P, class R, class Row>
  [[nodiscard]] std::span<logit_t<B>> logits(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, node_id n,
                                             const Row& row) {
    scratch_.assign(row.begin(), row.end());
    warp_(std::span<logit_t<B>>{scratch_}, prefix_view{ctx.text, tree.view(), n});
    return scratch_;
  }

  template <class P, class R>
  [[nodiscard]] static bool may_grow(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, node_id n) {
    const bool ends = n != 0 && std::ranges::find(ctx.end_of_text, tree[n]) != ctx.end_of_text.end();
    return tree.depth(n) < ctx.max_depth && !ends;
  }

 private:
  text_sequence<B> sequence_;
  W warp_;
  std::vector<logit_t<B>> scratch_;
};

}  // namespace hunch
