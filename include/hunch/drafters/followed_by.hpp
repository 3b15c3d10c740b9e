// One draft after another: early positions by the better drafter, later ones by the cheaper (a horizontal cascade).
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/first_of.hpp>

namespace hunch {

/// `A` drafts; `B` goes on below the last node of its tree, as if what A drafted stood in the text. Later positions are
/// reached less often, so a cheaper guess is good enough there.
///
/// A vertical cascade is `staged`; both together, lookup inside and behind a model:
///   followed_by(staged(model, lookup(), match(warp), 3), lookup())
/// Cost: B's; a copy of the text, and of q rows that B drew from.
/// Source: Chen et al., "Cascade Speculative Drafting" (2023).
template <class A, class B, class P = float>
class followed_by_drafter {
 public:
  static constexpr laws sibling_laws = laws_of<A>() | laws_of<B>();
  static_assert(!laws_of<B>().contains(iid) && !laws_of<B>().contains(joint_pair),
                "hunch: followed_by goes on with drafts that are chosen or drawn without replacement");

  followed_by_drafter(A first, B second) : first_{std::move(first)}, second_{std::move(second)} {
    detail::check_one_vocabulary("followed_by", first_, second_);
  }

  /// 0: neither drafter has a vocabulary of its own.
  [[nodiscard]] std::size_t vocab_size() const { return detail::either_vocabulary(first_, second_); }
  [[nodiscard]] laws laws_at_run_time() const { return detail::held_laws(first_) | detail::held_laws(second_); }

  template <class R>
  requires Drafter<A, P, R> && Drafter<B, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    first_.propose(ctx, tree);
    begin_second(ctx, tree);
    graft(tree);
  }

  // The same where the host runs the passes of a part.
  template <class R>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    second_begun_ = false;
    detail::begin_draft(first_, ctx, tree);
  }
  template <class R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (!second_begun_) {
      if (auto wanted = detail::next_pass(first_, ctx, tree)) return wanted;
      begin_second(ctx, tree);
      second_begun_ = true;
    }
    if (drafts_)
      if (auto wanted = detail::next_pass(second_, behind(ctx, tree), more_)) return wanted;
    graft(tree);
    return std::nullopt;
  }
  template <class R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
    if (second_begun_)
      detail::supply_rows(second_, behind(ctx, tree), more_, rows);
    else
      detail::supply_rows(first_, ctx, tree, rows);
  }

  /// The verdict goes to the first drafter; the second one's part of the tree is not a tree of its own.
  template <class Q>
  requires learns<A, Q>
  void observe(const basic_draft_tree<Q>& tree, const basic_verdict<Q>& result, basic_rows_ref<Q> rows) {
    tell(first_, tree, result, rows);
  }

 private:
  template <class R>
  void begin_second(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) {
    const auto tip = static_cast<node_id>(tree.size() - 1);
    drafts_ = tree.depth(tip) < ctx.max_depth && tree.size() < ctx.budget &&
              (tip == 0 || std::ranges::find(ctx.end_of_text, tree[tip]) == ctx.end_of_text.end());
    text_.assign(ctx.text.begin(), ctx.text.end());
    text_.resize(ctx.text.size() + tree.depth(tip));
    for (node_id n = tip; n != 0; n = tree.parent(n)) text_[ctx.text.size() - 1 + tree.depth(n)] = tree[n];
    if (more_.vocab() != tree.vocab()) more_ = basic_draft_tree<P>{tree.vocab()};
    more_.reset(text_.back());
    if (drafts_) detail::begin_draft(second_, behind(ctx, tree), more_);
  }
  /// The round as the second drafter sees it. Its draws belong to the nodes that its own become.
  template <class R>
  [[nodiscard]] basic_context<R> behind(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) const {
    const auto tip = static_cast<node_id>(tree.size() - 1);
    basic_context<R> out = ctx;
    out.text = text_;
    out.budget = ctx.budget - tip;
    out.max_depth = ctx.max_depth - tree.depth(tip);
    out.run = 0;
    out.round = ctx.site(0).round;
    out.first_site = ctx.first_site + tip;
    return out;
  }
  void graft(basic_draft_tree<P>& tree) {
    const auto tip = static_cast<node_id>(tree.size() - 1);
    for (node_id n = 1; n < more_.size(); ++n) tree.add(tip + more_.parent(n), more_[n]);
    for (node_id n = 0; n < more_.size(); ++n) {
      const std::span<const P> q = more_.q(n);
      if (!q.empty()) std::copy(q.begin(), q.end(), tree.make_q(tip + n).begin());
    }
    more_.reset(text_.back());
  }

  A first_;
  B second_;
  basic_draft_tree<P> more_{0};  // the second one's, below the last node of the first one's
  std::vector<token> text_;      // up to that node
  bool second_begun_ = false;
  bool drafts_ = false;
};

template <class P = float, class A, class B>
[[nodiscard]] auto followed_by(A first, B second) {
  return followed_by_drafter<A, B, P>{std::move(first), std::move(second)};
}

}  // namespace hunch
