// The messages behind misuse: one readable sentence for each missing piece, pinned by tests/misuse.
#pragma once

#include <hunch/core/backend.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/verifier.hpp>
#include <type_traits>

namespace hunch::detail {

/// What a factory returns after its message, so that no second error follows from a missing type.
struct see_the_message_above {};

template <class B>
consteval bool explain_backend() {
  if constexpr (Backend<B>) {
    return true;
  } else {
    static_assert(
        requires { typename B::sequence; },
        "hunch: a Backend needs a movable type `sequence`, the handle of one KV cache; see docs/concepts.md#backend");
    static_assert(
        requires(B & b) { b.vocab_size(); } && requires(B & b) { b.open(); },
        "hunch: a Backend needs `vocab_size()` and `sequence open()`; see docs/concepts.md#backend");
    static_assert(
        Backend<B>,
        "hunch: a Backend needs room(sequence), prefill(sequence, tokens), forward(sequence, tree_view) -> rows and "
        "commit(sequence, path); see docs/concepts.md#backend");
    return false;
  }
}

template <class D, class B, class P, class R>
consteval bool explain_drafter() {
  if constexpr (DrafterFor<D, B, P, R>) {
    return true;
  } else {
    constexpr bool stepwise = StepwiseDrafter<D, P, R>;
    static_assert(
        !stepwise,
        "hunch: this drafter draws one token at a time; give it a length: with_length(drafter, fixed_length{5})");
    static_assert(
        stepwise || DrafterFor<D, B, P, R>,
        "hunch: a Drafter needs `void propose(const decode_context&, draft_tree&)`; see docs/concepts.md#drafter");
    return false;
  }
}

template <class V, class Rows, class P, class R>
consteval bool explain_verifier() {
  if constexpr (Verifier<V, Rows, P, R>) {
    return true;
  } else {
    constexpr bool is_warper = Warper<V, P>;
    static_assert(!is_warper, "hunch: this is a warper; give it to a verifier: match(warper) or rejection(warper)");
    static_assert(is_warper || Verifier<V, Rows, P, R>,
                  "hunch: a Verifier needs `void verify(tree, rows, context, verdict) const`, `sibling_laws` and "
                  "`lossless`; see docs/concepts.md#verifier");
    return false;
  }
}

template <class D, class V>
consteval bool explain_laws() {
  constexpr laws drawn = laws_of<D>();
  constexpr bool shared_noise = drawn.contains(coupled) && !V::sibling_laws.contains(coupled);
  static_assert(
      !shared_noise,
      "hunch: this drafter shares the noise of the target's own draw (law `coupled`); only the match verifier is "
      "exact for it: use match(warper), or model_drafter instead of coupled_model_drafter");
  static_assert(shared_noise || V::sibling_laws.contains(drawn),
                "hunch: this verifier is not exact for the law that the drafter's siblings are drawn from; see "
                "docs/concepts.md#laws");
  return V::sibling_laws.contains(drawn);
}

template <class O>
consteval bool explain_observer() {
  static_assert(Observer<O>,
                "hunch: an Observer needs `void on_step(const step_event&)`; see docs/concepts.md#observer");
  return Observer<O>;
}

}  // namespace hunch::detail
