// Which policy accepts most on texts of a real model? Block efficiency over recorded rows of SmolLM2, under match:
// exact and without the model (docs/traces.md says what that covers).
//
//   bench_replayed                 # the traces of tests/trace/data
//   HUNCH_TRACES=FOLDER bench_replayed
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/replay/backend.hpp>
#include <hunch/replay/trace.hpp>

namespace {

using namespace hunch;
using replay::replay_backend;

std::string trace_file(const std::string& name) {
  const char* folder = std::getenv("HUNCH_TRACES");
  return std::string{folder == nullptr ? HUNCH_TRACE_DATA : folder} + "/" + name;
}

template <class W, class Make>
void run(benchmark::State& state, const std::string& name, const W& warp, const Make& make) {
  const auto said = replay::read_trace(trace_file(name + ".trace"));
  const auto drafted = replay::read_trace(trace_file(name + ".draft.trace"));
  stats seen;
  double tokens = 0;
  double squares = 0;  // of the steps' tokens
  for (auto _ : state)
    for (std::size_t i = 0; i < said.size(); ++i) {
      replay_backend target{{&said[i], 1}};
      replay_backend draft{{&drafted[i], 1}};
      auto decoder = speculate(target, make(draft), match(warp));
      decoder.start(said[i].prompt,
                    {.random = philox{said[i].seed}, .max_tokens = said[i].text.size() - said[i].prompt.size()});
      while (decoder.status() == status::running) {
        const auto n = static_cast<double>(decoder.step().emitted.size());
        tokens += n;
        squares += n * n;
        seen.on_step({.drafted = decoder.tree().drafted(),
                      .tested = decoder.last_verdict().tested,
                      .accepted = decoder.last_verdict().accepted(),
                      .emitted = static_cast<std::size_t>(n)});
      }
      if (!std::ranges::equal(decoder.text(), said[i].text)) state.SkipWithError("the text is not the recorded one");
    }
  const auto steps = static_cast<double>(seen.steps);
  state.counters["tau"] = seen.tau();
  state.counters["tau_se"] = std::sqrt((squares / steps - tokens * tokens / steps / steps) / steps);
  state.counters["alpha"] = seen.alpha();
  state.counters["nodes"] = static_cast<double>(seen.drafted) / steps;
}

using shape = std::vector<std::uint32_t>;

/// Registers policies for one pair of traces; names are replayed/TRACE/POLICY.
template <class W>
struct group {
  std::string name;
  W warp;

  template <class Make>
  void add(const std::string& what, Make make) const {
    benchmark::RegisterBenchmark(("replayed/" + name + "/" + what).c_str(),
                                 [*this, make](benchmark::State& state) { run(state, name, warp, make); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
  void without_model() const {
    for (const std::uint32_t length : {2u, 4u, 8u}) {
      const auto l = "/len:" + std::to_string(length);
      add("lookup/n:3" + l, [=](auto&) { return with_length(prompt_lookup{3}, fixed_length{length}); });
      add("lookup/n:1-3" + l,
          [=](auto&) { return with_length(prompt_lookup{{.n = 3, .n_min = 1}}, fixed_length{length}); });
      add("anpd" + l, [=](auto&) { return with_length(anpd{4}, fixed_length{length}); });
      add("suffix" + l, [=](auto&) { return with_length(suffix_automaton(), fixed_length{length}); });
    }
    add("recycling/nodes:24", [](auto&) { return token_recycling{24}; });
  }
  /// The draft's own choice: argmax, or by the noise of the target's draw.
  [[nodiscard]] auto chain(replay_backend& d) const {
    if constexpr (is_greedy<W>())
      return model_drafter(d, warp);
    else
      return coupled_model_drafter(d, warp);
  }
  [[nodiscard]] auto tree(replay_backend& d, const shape& b) const {
    if constexpr (is_greedy<W>())
      return gumbel_top_k(d, warp, b);
    else
      return coupled_gumbel_top_k(d, warp, b);
  }
  void with_model() const {
    for (const std::uint32_t length : {2u, 3u, 4u, 5u, 8u})
      add("chain/len:" + std::to_string(length),
          [=, *this](auto& d) { return with_length(chain(d), fixed_length{length}); });
    add("chain/plus_two_minus_one", [*this](auto& d) { return with_length(chain(d), plus_two_minus_one{}); });
    for (const shape& b : {shape{2, 1}, shape{2, 2}, shape{2, 1, 1}, shape{2, 2, 1}, shape{2, 2, 2},
                           shape{2, 1, 1, 1, 1}, shape{2, 2, 2, 2}}) {
      std::string written;
      for (const std::uint32_t n : b) written += (written.empty() ? "" : "x") + std::to_string(n);
      add("tree/b:" + written, [=, *this](auto& d) { return tree(d, b); });
    }
  }
};

const bool registered = [] {
  const group<greedy> best{"greedy", greedy{}};
  best.without_model();
  best.with_model();
  const group<temperature> drawn{"sampled", temperature{0.8f}};
  drawn.without_model();
  drawn.with_model();
  return true;
}();

}  // namespace
