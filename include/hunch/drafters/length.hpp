// How many tokens to draft: a stepwise drafter and a length policy make a drafter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

/// Always `gamma` tokens.
struct fixed_length {
  static constexpr bool reads_depth_alone = true;
  std::uint32_t gamma = 4;
  [[nodiscard]] bool keep_drafting(const draft_signal& s) const noexcept { return s.depth < gamma; }
};

/// Whether a length policy reads nothing of a signal but its depth, so that it can be asked before anything is drawn;
/// `static constexpr bool reads_depth_alone = true` says yes.
template <class L>
[[nodiscard]] constexpr bool reads_depth_alone() noexcept {
  if constexpr (requires { L::reads_depth_alone; })
    return L::reads_depth_alone;
  else
    return false;
}

/// Whether a length policy reads draft_signal::probability; `static constexpr bool wants_probability = false` says no.
template <class L>
[[nodiscard]] constexpr bool wants_probability() noexcept {
  if constexpr (requires { L::wants_probability; })
    return L::wants_probability;
  else
    return !reads_depth_alone<L>();
}

/// Whether a length policy reads draft_signal::hidden; `static constexpr bool wants_hidden = true` says yes.
template <class L>
[[nodiscard]] constexpr bool wants_hidden() noexcept {
  if constexpr (requires { L::wants_hidden; })
    return L::wants_hidden;
  else
    return false;
}

/// Draws a chain token by token while the policy agrees; in one go where the drafter can and the policy says its length
/// ahead. Stops after an end-of-text token (it stays in the tree), at the budget, and where nothing could be emitted
/// any more.
template <class D, class L>
class with_length {
 public:
  static constexpr laws sibling_laws = laws_of<D>();

  with_length(D drafter, L policy) : drafter_{std::move(drafter)}, policy_{std::move(policy)} {
    static_assert(
        LengthPolicy<L>,
        "hunch: a LengthPolicy needs `bool keep_drafting(const draft_signal&)`; see docs/concepts.md#length-policy");
    constexpr bool entropy = requires { L::wants_entropy; };
    if constexpr (requires { drafter_.fill_signals(true, true); })
      drafter_.fill_signals(wants_probability<L>(), entropy);
    else
      static_assert(
          !entropy,
          "hunch: this length policy reads the entropy of the drafted token's law; only model_drafter knows it");
    if constexpr (wants_hidden<L>() && requires { drafter_.fill_hidden(); })
      drafter_.fill_hidden();
    else
      static_assert(!wants_hidden<L>(),
                    "hunch: this length policy reads the draft model's hidden state; only a model_drafter over a "
                    "backend that models HiddenStates knows it");
  }

  [[nodiscard]] std::size_t vocab_size() const requires requires(const D& d) { d.vocab_size(); }
  { return drafter_.vocab_size(); }

  template <class P, class R>
  requires StepwiseDrafter<D, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if constexpr (reads_depth_alone<L>() && requires { drafter_.extend_by(ctx, tree, node_id{}, std::size_t{}); }) {
      draw_at_once(ctx, tree);
    } else {
      begin(ctx, tree);
      while (wants_more(ctx, tree)) take(ctx, tree, drafter_.extend(ctx, tree, last_.node));
    }
  }
  /// See ChainDrafterFor.
  template <class P, class R, class B>
  requires(reads_depth_alone<L>() &&
           requires(D & d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
             d.extend_by(ctx, tree, node_id{}, std::size_t{}, target);
           }) void propose_for(const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
    draw_at_once(ctx, tree, target);
  }

  // The same where the host runs the passes.
  template <class P, class R>
  void begin(const basic_context<R>&, basic_draft_tree<P>&) {
    last_ = {};
    ended_ = false;
  }
  template <class P, class R>
  requires StepwisePassDrafter<D, P, R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (!wants_more(ctx, tree)) return std::nullopt;
    return drafter_.want(ctx, tree, last_.node);
  }
  template <class P, class R>
  requires StepwisePassDrafter<D, P, R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
    take(ctx, tree, drafter_.extend(ctx, tree, last_.node, rows));
  }

  template <class P>
  requires learns<D, P> || learns<L, P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    tell(drafter_, tree, result, rows);
    tell(policy_, tree, result, rows);
  }

 private:
  /// As many tokens as the policy says before any of them is known.
  template <class P, class R, class... T>
  void draw_at_once(const basic_context<R>& ctx, basic_draft_tree<P>& tree, T&... target) {
    begin(ctx, tree);
    const std::size_t length = length_ahead(ctx, tree);
    while (!ended_ && last_.depth < length)
      take(ctx, tree, drafter_.extend_by(ctx, tree, last_.node, length - last_.depth, target...));
  }
  /// Tokens that the policy wants, if nothing ends the chain before.
  template <class P, class R>
  [[nodiscard]] std::size_t length_ahead(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) {
    draft_signal s;
    while (tree.size() + s.depth < ctx.budget && s.depth < ctx.max_depth && policy_.keep_drafting(s)) ++s.depth;
    return s.depth;
  }
  template <class P, class R>
  [[nodiscard]] bool wants_more(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) {
    return !ended_ && tree.size() < ctx.budget && last_.depth < ctx.max_depth && policy_.keep_drafting(last_);
  }
  template <class P, class R>
  void take(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, const std::optional<draft_signal>& drawn) {
    if (drawn) last_ = *drawn;
    ended_ = !drawn || std::ranges::find(ctx.end_of_text, tree[last_.node]) != ctx.end_of_text.end();
  }

  D drafter_;
  L policy_;
  draft_signal last_{};
  bool ended_ = false;
};

}  // namespace hunch
