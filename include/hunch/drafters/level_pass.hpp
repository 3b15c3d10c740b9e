// What drafters of trees share: a draft model that runs a growing tree, one batched pass per level.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/device_rows.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/pass.hpp>
#include <hunch/core/random.hpp>
#include <hunch/core/row_scan.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// The k largest entries of a row, largest first, -inf and NaN never; ties: lower index. Cost: reads the row once;
/// looks into runs that hold something larger than the k-th so far.
template <class P>
void largest(std::span<const P> row, std::size_t k, std::vector<candidate>& out) {
  constexpr std::size_t run = 4 * row_lanes;
  out.clear();
  if (k == 0) return;
  P least = -std::numeric_limits<P>::infinity();  // what an entry must exceed
  for (std::size_t first = 0; first < row.size(); first += run) {
    const std::size_t end = std::min(row.size(), first + run);
    bool any = true;
    detail::wide([&]() __attribute__((always_inline)) {
      any = detail::any_above(row.data() + first, end - first, least);
    });
    for (std::size_t i = first; any && i < end; ++i) {
      if (!(row[i] > least)) continue;
      keep_largest({static_cast<token>(i), static_cast<double>(row[i])}, k, out);
      if (out.size() == k) least = static_cast<P>(out.back().score);
    }
  }
}

/// Grows a tree below the root by passes of a draft model over whole levels. One object = one sequence.
///
/// A round: `begin`, then level by level `next` and `supply`. It ends where no node wants children, at the budget, and
/// where the draft's context is full. Nodes that end the text and the deepest ones that can be emitted never grow.
template <Model B, class W>
class level_pass {
 public:
  level_pass(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.vocab_size(); }

  void begin() noexcept { first_ = 0; }

  /// The pass over the newest level, if a node of it `wants` children.
  template <class P, class R, class Wants>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, Wants wants) {
    if (tree.size() >= ctx.budget) return std::nullopt;
    for (node_id n = first_; n < tree.size(); ++n)
      if (may_grow(ctx, tree, n) && wants(n)) return sequence_.want(ctx.text, tree, first_);
    return std::nullopt;
  }

  /// Calls expand(node, row) for each node of that level that wants children; those that it adds are the next level.
  template <class P, class R, class Rows, class Wants, class Expand>
  void supply(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, const Rows& rows, Wants wants,
              Expand expand) {
    if constexpr (is_hosted<B>) sequence_.supplied();
    const node_id first = std::exchange(first_, static_cast<node_id>(tree.size()));
    for (node_id n = first; n < first_; ++n)
      if (may_grow(ctx, tree, n) && wants(n)) expand(n, rows[n - first]);
  }

  /// A whole round over a backend, in one call; close_level() follows each level.
  template <class P, class R, class Wants, class Expand, class CloseLevel>
  requires Backend<B>
  void grow(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, Wants wants, Expand expand,
            CloseLevel close_level) {
    begin();
    while (const auto wanted = next(ctx, tree, wants)) {
      supply(ctx, tree, run(*wanted), wants, expand);
      close_level();
    }
  }

  /// Runs a wanted pass.
  [[nodiscard]] auto run(const pass& wanted) requires Backend<B> { return sequence_.run(wanted); }

  /// The warped law of the children of n, from the draft's row; in tree.q(n). Empty (and no q) if it is not usable.
  template <class P, class R, class Row>
  [[nodiscard]] std::span<const P> law(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n,
                                       const Row& row) const {
    const std::span<P> q = tree.make_q(n);
    if (warped_law(warp_, std::span<const P>{row}, prefix_view{ctx.text, tree.view(), n}, q)) return q;
    tree.drop_q(n);
    return {};
  }

  /// Up to k children of n, drawn without replacement from that law, which is left in tree.q(n) or where the row is.
  /// None (and no q) if the row is not usable.
  template <class P, class R, class Row>
  void draw(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n, const Row& row, std::size_t k,
            std::vector<candidate>& out) const {
    if constexpr (DrawingRow<Row> && std::is_same_v<W, temperature> && std::is_same_v<R, philox>) {
      if (const auto there = row.draw(ctx.random, ctx.site(n), k, warp_.value(), out)) {
        if (!out.empty()) tree.leave_q(n, *there);
        return;
      }
    }
    out.clear();
    const std::span<const P> q = law(ctx, tree, n, row);
    if (!q.empty()) ctx.random.ordered_without_replacement(ctx.site(n), q, k, out);
  }

  /// The law of n in scratch, for drafts that leave none. Valid until the next call.
  template <class P, class R, class Row>
  [[nodiscard]] std::span<const logit_t<B>> scratch_law(const basic_context<R>& ctx, const basic_draft_tree<P>& tree,
                                                        node_id n, const Row& row) {
    scratch_.resize(row.size());
    const std::span<logit_t<B>> law{scratch_};
    if (warped_law(warp_, std::span<const logit_t<B>>{row}, prefix_view{ctx.text, tree.view(), n}, law)) return law;
    return {};
  }
  /// The warped logits: in scratch, or the row itself. Valid until the next call.
  template <class P, class R, class Row>
  [[nodiscard]] std::span<const logit_t<B>> logits(const basic_context<R>& ctx, const basic_draft_tree<P>& tree,
                                                   node_id n, const Row& row) {
    return warped_logits(warp_, std::span<const logit_t<B>>{row}, prefix_view{ctx.text, tree.view(), n}, scratch_);
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
  node_id first_ = 0;  // of the level that runs next
};

/// A drafter that grows by passes: `Self` has begin, next, and grow(ctx, tree, rows).
template <class Self, Model B, class W>
class grown_by_passes {
 public:
  [[nodiscard]] std::size_t vocab_size() const { return pass_.vocab_size(); }

  template <class P, class R>
  requires Backend<B>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    self().begin(ctx, tree);
    while (const auto wanted = self().next(ctx, tree)) self().grow(ctx, tree, pass_.run(*wanted));
  }
  template <class P, class R>
  requires is_hosted<B>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
    self().grow(ctx, tree, rows);
  }

 protected:
  grown_by_passes(B& draft, W warp) : pass_{draft, std::move(warp)} {}
  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }

  level_pass<B, W> pass_;
};

/// A drafter that grows its tree level by level: `Self` says which nodes want children and adds them.
///  - `open(ctx, tree)`            a round begins
///  - `wants(tree, n)`             whether n is to have children
///  - `expand(ctx, tree, n, row)`  adds them, from the draft's raw logits after n; no more than ctx.budget nodes in all
///  - `close_level(ctx, tree)`     all nodes of a level were expanded
template <class Self, Model B, class W>
class level_drafter : public grown_by_passes<Self, B, W> {
  using base = grown_by_passes<Self, B, W>;
  friend base;

 public:
  template <class P, class R>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    pass_.begin();
    self().open(ctx, tree);
  }
  template <class P, class R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    return pass_.next(ctx, tree, [&](node_id n) { return self().wants(tree, n); });
  }

 protected:
  using base::base;
  using base::pass_;

 private:
  using base::self;

  template <class P, class R, class Rows>
  void grow(const basic_context<R>& ctx, basic_draft_tree<P>& tree, const Rows& rows) {
    pass_.supply(
        ctx, tree, rows, [&](node_id n) { return self().wants(tree, n); },
        [&](node_id n, const auto& row) { self().expand(ctx, tree, n, row); });
    self().close_level(ctx, tree);
  }
};

}  // namespace hunch
