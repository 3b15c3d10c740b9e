// Concepts: what guesses.
#pragma once

#include <concepts>
#include <optional>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>

namespace hunch {

template <Backend B>
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

/// What is known right after a token was drawn. The root's signal is {0, 1, 0}.
struct draft_signal {
  node_id node = 0;
  float probability = 1.0f;  ///< of the drawn token under the law it was drawn from
  std::uint32_t depth = 0;
};

/// Draws one child of `tip`; nothing to propose: nullopt. Becomes a Drafter by `with_length`.
template <class D, class P = float, class R = philox>
concept StepwiseDrafter = requires(D& d, const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
  { d.extend(ctx, tree, tip) } -> std::same_as<std::optional<draft_signal>>;
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

/// Says after each drawn token whether to draw another. It cannot discard: that would bias the text (law D3).
template <class L>
concept LengthPolicy = requires(L& l, const draft_signal& s) {
  { l.keep_drafting(s) } -> std::same_as<bool>;
};

}  // namespace hunch
