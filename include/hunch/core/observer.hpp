// Concepts: who watches.
#pragma once

#include <concepts>
#include <cstddef>

namespace hunch {

/// One step, told after it. Always: emitted + truncated == accepted + 1.
struct step_event {
  std::size_t drafted = 0;    ///< nodes below the root
  std::size_t tested = 0;     ///< drafts that were decided about
  std::size_t accepted = 0;   ///< tested drafts that were kept
  std::size_t emitted = 0;    ///< tokens added to the text
  std::size_t truncated = 0;  ///< verified tokens cut by end-of-text or the maximum
  double draft_s = 0;         ///< seconds; zero unless the observer wants time
  double target_s = 0;
  double verify_s = 0;
};

/// `static constexpr bool wants_time = true` makes the decoder read the clock.
template <class O>
concept Observer = requires(O& o, const step_event& e) {
  { o.on_step(e) } -> std::same_as<void>;
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
