// Statistics of speculation, one meaning each.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <hunch/core/observer.hpp>

namespace hunch {

/// Counts what the steps of any number of texts did. Empty: all zero, never NaN.
///
/// Always: emitted + truncated == accepted + steps, and the histogram sums to steps.
class stats {
 public:
  static constexpr bool wants_time = true;

  void on_step(const step_event& e) {
    ++steps;
    drafted += e.drafted;
    tested += e.tested;
    accepted += e.accepted;
    emitted += e.emitted;
    emitted -= e.withdrawn;
    truncated += e.truncated;
    draft_s += e.draft_s;
    target_s += e.target_s;
    verify_s += e.verify_s;
    if (histogram_.size() <= e.accepted) histogram_.resize(e.accepted + 1);
    ++histogram_[e.accepted];
  }

  /// Block efficiency τ: tokens emitted per step, correction or bonus included.
  [[nodiscard]] double tau() const noexcept { return ratio(emitted, steps); }
  /// Acceptance rate α: accepted per tested draft; drafts behind a rejection were not tested.
  [[nodiscard]] double alpha() const noexcept { return ratio(accepted, tested); }
  /// Accepted per drafted token.
  [[nodiscard]] double draft_yield() const noexcept { return ratio(accepted, drafted); }
  /// [accepted in a step] → steps.
  [[nodiscard]] std::span<const std::size_t> accepted_histogram() const noexcept { return histogram_; }

  std::size_t steps = 0;
  std::size_t drafted = 0;
  std::size_t tested = 0;
  std::size_t accepted = 0;
  std::size_t emitted = 0;
  std::size_t truncated = 0;
  double draft_s = 0;
  double target_s = 0;
  double verify_s = 0;

 private:
  static double ratio(std::size_t a, std::size_t b) noexcept {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  }
  std::vector<std::size_t> histogram_;
};

static_assert(Observer<stats>);

/// Tells two observers.
template <Observer A, Observer B>
struct both {
  static constexpr bool wants_time = hunch::wants_time<A>() || hunch::wants_time<B>();
  A first;
  B second;
  void on_step(const step_event& e) {
    first.on_step(e);
    second.on_step(e);
  }
  template <class P, class R>
  requires RoundObserver<A, P, R> || RoundObserver<B, P, R>
  void on_round(const basic_judged_round<P, R>& r) {
    if constexpr (RoundObserver<A, P, R>) first.on_round(r);
    if constexpr (RoundObserver<B, P, R>) second.on_round(r);
  }
};
template <class A, class B>
both(A, B) -> both<A, B>;

}  // namespace hunch
