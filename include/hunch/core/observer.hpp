// Concepts: who watches.
#pragma once

#include <concepts>
#include <cstddef>

#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// One step, told after it. Always: emitted + truncated == accepted + 1 + withdrawn.
struct step_event {
  std::size_t drafted = 0;    ///< nodes below the root
  std::size_t tested = 0;     ///< drafts that were decided about
  std::size_t accepted = 0;   ///< tested drafts that were kept
  std::size_t emitted = 0;    ///< tokens added to the text
  std::size_t truncated = 0;  ///< verified tokens that are not in the text: cut by end-of-text, the maximum or a stop
  std::size_t withdrawn = 0;  ///< of `truncated`, those that earlier steps had emitted and a stop rule took back
  double draft_s = 0;         ///< seconds; zero unless the observer wants time
  double target_s = 0;
  double verify_s = 0;
};

/// `static constexpr bool wants_time = true` makes the decoder read the clock.
template <class O>
concept Observer = requires(O& o, const step_event& e) {
  { o.on_step(e) } -> std::same_as<void>;
};

/// A round after its verdict, before the text grows. Valid during the call.
template <class P, class R>
struct basic_judged_round {
  const basic_draft_tree<P>& tree;
  basic_rows_ref<P> rows;  ///< the target's raw logits, one row per node of the tree
  const basic_verdict<P>& verdict;
  const basic_context<R>& context;
};
using judged_round = basic_judged_round<float, philox>;

/// Looks inside: traces, log-probabilities. `on_step` follows and says what of the verdict was emitted.
template <class O, class P = float, class R = philox>
concept RoundObserver = Observer<O> && requires(O& o, const basic_judged_round<P, R>& r) {
  { o.on_round(r) } -> std::same_as<void>;
};

struct no_observer {
  void on_step(const step_event&) const noexcept {}
};

template <class O>
[[nodiscard]] constexpr bool wants_time() noexcept {
  if constexpr (requires { O::wants_time; })
    return O::wants_time;
  else
    return false;
}

}  // namespace hunch
