// Sums over steps, so that a mean has a standard error.
#pragma once

#include <benchmark/benchmark.h>

#include <cmath>

#include <hunch/core/observer.hpp>

namespace hunch::bench {

struct watcher {
  double steps = 0, tokens = 0, squares = 0, drafted = 0, tested = 0, accepted = 0;

  void on_step(const step_event& e) {
    const auto n = static_cast<double>(e.emitted);
    steps += 1;
    tokens += n;
    squares += n * n;
    drafted += static_cast<double>(e.drafted);
    tested += static_cast<double>(e.tested);
    accepted += static_cast<double>(e.accepted);
  }
  [[nodiscard]] double tau() const { return tokens / steps; }
  /// Of tau.
  [[nodiscard]] double standard_error() const { return std::sqrt((squares / steps - tau() * tau()) / steps); }

  void report(benchmark::State& state) const {
    state.counters["tau"] = tau();
    state.counters["tau_se"] = standard_error();
    state.counters["alpha"] = tested > 0 ? accepted / tested : 0;
    state.counters["yield"] = drafted > 0 ? accepted / drafted : 0;
    state.counters["nodes"] = drafted / steps;
  }
};

}  // namespace hunch::bench
