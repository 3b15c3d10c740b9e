// The messages behind misuse: one readable sentence for each missing piece, pinned by tests/misuse.
#pragma once

#include <type_traits>

#include <hunch/core/backend.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/verifier.hpp>

namespace hunch::detail {

/// What a factory returns after its message, so that no second error follows from a missing type.
struct see_the_message_above {};

template <class B>
consteval bool explain_backend() {
  if constexpr (Backend<B>) {
    return true;
  } else {
    // One message at a time: the first missing piece explains the others.
    constexpr bool has_sequence = requires { typename B::sequence; };
    constexpr bool opens = requires(B & b) { b.vocab_size(), b.open(); };
    static_assert(
        has_sequence,
        "hunch: a Backend needs a movable type `sequence`, the handle of one KV cache; see docs/concepts.md#backend");
    static_assert(!has_sequence || opens,
                  "hunch: a Backend needs `vocab_size()` and `sequence open()`; see docs/concepts.md#backend");
    static_assert(
        !has_sequence || !opens || Backend<B>,
        "hunch: a Backend needs room(sequence), prefill(sequence, tokens), forward(sequence, tree_view) -> rows and "
        "commit(sequence, path); see docs/concepts.md#backend");
    return false;
  }
}

/// Whether a drafter leaves layers out of the target's passes.
template <class D>
consteval bool skips_layers() {
  if constexpr (requires { D::skips_layers; })
    return D::skips_layers;
  else
    return false;
}

template <class D, class B, class P, class R>
consteval bool explain_drafter() {
  if constexpr (DrafterFor<D, B, P, R>) {
    return true;
  } else {
    constexpr bool stepwise = StepwiseDrafter<D, P, R>;
    constexpr bool skips = skips_layers<D>() && !LayerSkippable<B>;
    static_assert(
        !stepwise,
        "hunch: this drafter draws one token at a time; give it a length: with_length(drafter, fixed_length{5})");
    static_assert(!skips,
                  "hunch: swift() needs a backend with layer_count() and forward(sequence, tree, layer_mask); see "
                  "docs/concepts.md#layer-skippable");
    static_assert(
        stepwise || skips || DrafterFor<D, B, P, R>,
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
  constexpr laws refused{drawn.bits & ~V::sibling_laws.bits};
  // One message at a time.
  constexpr bool shared_noise = refused.contains(coupled);
  constexpr bool repeats = !shared_noise && refused.contains(iid);
  constexpr bool pairs = !shared_noise && !repeats && refused.contains(joint_pair);
  constexpr bool removes = !shared_noise && !repeats && !pairs && refused.contains(without_replacement);
  static_assert(
      !shared_noise,
      "hunch: this drafter shares the noise of the target's own draw (law `coupled`); only the match verifier is "
      "exact for it: use match(warper), or model_drafter instead of coupled_model_drafter");
  static_assert(!repeats,
                "hunch: this drafter draws siblings independently of each other (law `iid`), this verifier is not "
                "exact for that; use multi_round, k_sequence or match; see docs/concepts.md#laws");
  static_assert(!pairs,
                "hunch: this drafter draws pairs (law `joint_pair`), this verifier is not exact for that; use spec_hub "
                "or match; see docs/concepts.md#laws");
  static_assert(!removes,
                "hunch: this drafter draws siblings one after another from what is left (law `without_replacement`), "
                "this verifier is not exact for that; use traversal, block, rejection or match; see "
                "docs/concepts.md#laws");
  static_assert(shared_noise || repeats || pairs || removes || V::sibling_laws.contains(drawn),
                "hunch: this verifier is not exact for the law that the drafter's siblings are drawn from; see "
                "docs/concepts.md#laws");
  return V::sibling_laws.contains(drawn);
}

/// The same for drafters that were chosen at run time. Throws where the pair would be biased.
template <class V, class D>
void check_laws([[maybe_unused]] const D& drafter) {
  if constexpr (requires { drafter.laws_at_run_time(); })
    if (!V::sibling_laws.contains(drafter.laws_at_run_time()))
      raise("hunch: the verifier is not exact for siblings of law " + names_of(drafter.laws_at_run_time()) +
            "; it is for " + names_of(V::sibling_laws) + "; see docs/concepts.md#laws");
}

template <class O>
consteval bool explain_observer() {
  static_assert(Observer<O>,
                "hunch: an Observer needs `void on_step(const step_event&)`; see docs/concepts.md#observer");
  return Observer<O>;
}

}  // namespace hunch::detail
