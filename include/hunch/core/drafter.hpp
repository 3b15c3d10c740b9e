// Concepts: what guesses.
#pragma once

#include <concepts>
#include <optional>
#include <span>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/pass.hpp>

namespace hunch {

template <Model B>
class text_sequence;

/// A function of the text: adds nodes below the root of `tree`, nothing else.
///
/// Laws (testing/laws.hpp): D1 same context, same tree, whatever was proposed before; D2 at most ctx.budget nodes, none
/// below ctx.max_depth, distinct siblings, q sums to 1 and is positive at every child; D3 whether another token is
/// drawn may depend on the tokens before it, never on itself (what was drawn stays in the tree).
/// Not required: commit, rollback, restart. A drafter that keeps a cache holds it in a text_sequence.
template <class D, class P = float, class R = philox>
concept Drafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
  { d.propose(ctx, tree) } -> std::same_as<void>;
};

/// Drafts with the target itself: layer skipping, early exit, heads. Leaves nothing pending in `target`.
template <class D, class B, class P = float, class R = philox>
concept SelfDrafter = Backend<B> &&
    requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
  { d.propose(ctx, tree, target) } -> std::same_as<void>;
};

template <class D, class B, class P = float, class R = philox>
concept DrafterFor = Drafter<D, P, R> || SelfDrafter<D, B, P, R>;

/// A drafter whose tree the target's next pass runs, and that alone: it may have that pass queued while it drafts
/// (ChainBackendFor). `propose_for` adds what `propose` adds; `target` is at the text, with nothing pending, and stays
/// so.
template <class D, class B, class P = float, class R = philox>
concept ChainDrafterFor = Backend<B> && Drafter<D, P, R> &&
    requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
  { d.propose_for(ctx, tree, target) } -> std::same_as<void>;
};

/// A drafter that has its model's passes run by somebody else. A round: `begin`; while `next` names a pass, `supply`
/// its rows; then the tree is done. A round that was not finished is forgotten at the next `begin`.
template <class D, class P = float, class R = philox>
concept PassDrafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
  { d.begin(ctx, tree) } -> std::same_as<void>;
  { d.next(ctx, tree) } -> std::same_as<std::optional<pass>>;
  { d.supply(ctx, tree, rows) } -> std::same_as<void>;
};

/// The same for a drafter that drafts with the target itself: its passes are the target's, planned by `target`. They
/// may leave nodes pending there; what they wrote without some layers is never kept.
template <class D, class P = float, class R = philox>
concept SelfPassDrafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows,
                                   text_sequence<basic_hosted_model<P>>& target) {
  { d.begin(ctx, tree, target) } -> std::same_as<void>;
  { d.next(ctx, tree, target) } -> std::same_as<std::optional<pass>>;
  { d.supply(ctx, tree, rows, target) } -> std::same_as<void>;
};

/// What is known right after a token was drawn. The root's signal is {0, 1, 0}.
struct draft_signal {
  node_id node = 0;
  float probability = 1.0f;  ///< of the drawn token under the law it was drawn from; 1 if the policy does not want it
  std::uint32_t depth = 0;
  float entropy = 0.0f;  ///< of that law, in nats; only where the length policy says `wants_entropy`
  /// [width] the draft model's last hidden state, which the token was drawn from; only where the length policy says
  /// `wants_hidden`. Valid until the next token is drawn.
  std::span<const float> hidden{};
};

/// Draws one child of `tip`; nothing to propose: nullopt. Becomes a Drafter by `with_length`.
template <class D, class P = float, class R = philox>
concept StepwiseDrafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
  { d.extend(ctx, tree, tip) } -> std::same_as<std::optional<draft_signal>>;
};

/// The same with a pass before each token: the pass that the next child of `tip` needs (nothing: no more children), and
/// the child from its rows.
template <class D, class P = float, class R = philox>
concept StepwisePassDrafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip,
                                       basic_rows_ref<P> rows) {
  { d.want(ctx, tree, tip) } -> std::same_as<std::optional<pass>>;
  { d.extend(ctx, tree, tip, rows) } -> std::same_as<std::optional<draft_signal>>;
};

/// Is told every verdict about its own drafts.
template <class D, class P = float>
concept Learner = requires(D& d, const basic_draft_tree<P>& t, const basic_verdict<P>& v) {
  { d.observe(t, v) } -> std::same_as<void>;
};

/// The same, and reads the target's raw logits of its tree, one row per node; valid during the call.
template <class D, class P = float>
concept RowLearner = requires(D& d, const basic_draft_tree<P>& t, const basic_verdict<P>& v, basic_rows_ref<P> rows) {
  { d.observe(t, v, rows) } -> std::same_as<void>;
};

/// Tells a drafter what became of its tree, as much as it wants to know.
template <class D, class P>
void tell(D& drafter, const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
  if constexpr (RowLearner<D, P>)
    drafter.observe(tree, result, rows);
  else if constexpr (Learner<D, P>)
    drafter.observe(tree, result);
}

/// Whether a drafter learns from verdicts, in either form.
template <class D, class P = float>
inline constexpr bool learns = Learner<D, P> || RowLearner<D, P>;

namespace detail {

// A drafter as a host meets it: one that needs nobody proposes at once, another one asks for passes.
template <class D, class P, class R>
void begin_draft(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
  if constexpr (Drafter<D, P, R>)
    drafter.propose(ctx, tree);
  else
    drafter.begin(ctx, tree);
}
template <class D, class P, class R>
[[nodiscard]] std::optional<pass> next_pass(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
  if constexpr (Drafter<D, P, R>)
    return std::nullopt;
  else
    return drafter.next(ctx, tree);
}
template <class D, class P, class R>
void supply_rows(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
  if constexpr (!Drafter<D, P, R>) drafter.supply(ctx, tree, rows);
}

// The same with the target at hand.
template <class D, class P, class R>
void begin_draft(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                 text_sequence<basic_hosted_model<P>>& target) {
  if constexpr (SelfPassDrafter<D, P, R>)
    drafter.begin(ctx, tree, target);
  else
    begin_draft(drafter, ctx, tree);
}
template <class D, class P, class R>
[[nodiscard]] std::optional<pass> next_pass(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                                            text_sequence<basic_hosted_model<P>>& target) {
  if constexpr (SelfPassDrafter<D, P, R>)
    return drafter.next(ctx, tree, target);
  else
    return next_pass(drafter, ctx, tree);
}
template <class D, class P, class R>
void supply_rows(D& drafter, const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows,
                 text_sequence<basic_hosted_model<P>>& target) {
  if constexpr (SelfPassDrafter<D, P, R>)
    drafter.supply(ctx, tree, rows, target);
  else
    supply_rows(drafter, ctx, tree, rows);
}

}  // namespace detail

/// Says after each drawn token whether to draw another. It cannot discard: that would bias the text (law D3).
template <class L>
concept LengthPolicy = requires(L& l, const draft_signal& s) {
  { l.keep_drafting(s) } -> std::same_as<bool>;
};

}  // namespace hunch
