// How many tokens to draft: a stepwise drafter and a length policy make a drafter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

/// Always `gamma` tokens.
struct fixed_length {
  std::uint32_t gamma = 4;
  [[nodiscard]] bool keep_drafting(const draft_signal& s) const noexcept { return s.depth < gamma; }
};

/// Draws a chain token by token while the policy agrees. Stops after an end-of-text token (it stays in the tree),
/// at the budget, and where nothing could be emitted any more.
template <class D, class L>
class with_length {
 public:
  static constexpr laws sibling_laws = laws_of<D>();

  with_length(D drafter, L policy) : drafter_{std::move(drafter)}, policy_{std::move(policy)} {
    static_assert(
        LengthPolicy<L>,
        "hunch: a LengthPolicy needs `bool keep_drafting(const draft_signal&)`; see docs/concepts.md#length-policy");
  }

  [[nodiscard]] std::size_t vocab_size() const requires requires(const D& d) { d.vocab_size(); }
  { return drafter_.vocab_size(); }

  template <class P, class R>
  requires StepwiseDrafter<D, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    draft_signal last{};
    while (tree.size() < ctx.budget && last.depth < ctx.max_depth && policy_.keep_drafting(last)) {
      const auto next = drafter_.extend(ctx, tree, last.node);
      if (!next) return;
      last = *next;
      if (std::ranges::find(ctx.end_of_text, tree[last.node]) != ctx.end_of_text.end()) return;
    }
  }

  template <class P>
  requires learns<D, P> || learns<L, P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    tell(drafter_, tree, result, rows);
    tell(policy_, tree, result, rows);
  }

 private:
  D drafter_;
  L policy_;
};

}  // namespace hunch
