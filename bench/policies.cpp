// Which policy accepts most? Block efficiency of chains and trees over a synthetic target and draft, at a fixed draft
// length and at a fixed number of drafted nodes: the two experiments of RSD (Jeon et al. 2024, section 4).
//
//   bench_policies --benchmark_out=policies.json --benchmark_out_format=json
//   python3 bench/policies_report.py policies.json docs/pictures/policies.svg
//
// Both models are Markov chains with Zipf-like rows; the draft's logits are the target's and noise, whose size sets how
// well they agree. Time is virtual: a pass of the target over n rows costs a + b·n, a pass of the draft c.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>

#include "watcher.hpp"

namespace {

using namespace hunch;

constexpr std::size_t vocab = 128;
constexpr std::size_t capacity = 1 << 16;
constexpr std::size_t texts = 96;
constexpr std::size_t steps_of_text = 250;
const temperature as_drawn{1.0f};  // the models' own laws

/// A Markov model: the row after a token depends on that token alone. Counts its passes.
class markov_model {
 public:
  struct sequence {
    std::size_t kept = 0;
    std::vector<token> pending;
  };
  struct rows {
    const markov_model* model;
    std::span<const token> after;
    [[nodiscard]] std::size_t size() const noexcept { return after.size(); }
    [[nodiscard]] std::span<const float> operator[](std::size_t i) const noexcept { return model->row(after[i]); }
  };

  explicit markov_model(std::vector<float> logits) : logits_{std::move(logits)} {}

  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab; }
  [[nodiscard]] sequence open() const { return {}; }
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept { return capacity - s.kept; }
  void prefill(sequence& s, std::span<const token> tokens) { s.kept += tokens.size(); }
  rows forward(sequence& s, tree_view tree) {
    ++passes_;
    s.pending.assign(tree.tokens.begin(), tree.tokens.end());
    return {this, std::span<const token>{s.pending}.subspan(tree.first)};
  }
  void commit(sequence& s, std::span<const node_id> path) {
    s.kept += path.size();
    s.pending.clear();
  }
  void rewind(sequence& s, std::size_t n) { s.kept = n; }

  [[nodiscard]] std::span<const float> row(token t) const noexcept {
    return std::span<const float>{logits_}.subspan(static_cast<std::size_t>(t) * vocab, vocab);
  }
  [[nodiscard]] std::size_t passes() const noexcept { return passes_; }

 private:
  std::vector<float> logits_;  // [token, vocab]
  std::size_t passes_ = 0;
};
static_assert(Rewindable<markov_model>);

std::vector<float> noise(std::uint32_t salt, double size) {
  std::vector<float> out(vocab * vocab);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(size * gumbel(philox4x32({static_cast<std::uint32_t>(i), salt, 0, 0}, 2024)[0]));
  return out;
}
std::vector<float> sum(std::vector<float> a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

/// Rows like e^(sharpness · Gumbel): probabilities fall with their rank as rank^-sharpness.
struct model_pair {
  std::string name;
  markov_model target;
  markov_model draft;
  model_pair(std::string called, double sharpness, double disagreement)
      : name{std::move(called)}, target{noise(1, sharpness)}, draft{sum(noise(1, sharpness), noise(2, disagreement))} {}
};

/// Tokens per time, relative to plain decoding: a pass over n rows costs 1 + slope·(n - 1), one of the draft 0.1.
double speed_up(const bench::watcher& w, double draft_passes, double slope) {
  return w.tokens / (w.steps + slope * w.drafted + 0.1 * draft_passes);
}

template <class Make, class V>
void run(benchmark::State& state, model_pair pair, Make make, V verifier) {
  bench::watcher seen;
  for (auto _ : state) {
    auto decoder = speculate(pair.target, make(pair.draft), verifier, bench::watcher{});
    for (std::size_t t = 0; t < texts; ++t) {
      const token first[] = {static_cast<token>(t)};
      decoder.start(first, request{.random = philox{t}});
      for (std::size_t i = 0; i < steps_of_text; ++i) benchmark::DoNotOptimize(decoder.step().emitted.data());
    }
    seen = decoder.observer();
  }
  const auto passes = static_cast<double>(pair.draft.passes());
  seen.report(state);
  state.counters["draft_passes"] = passes / seen.steps;
  state.counters["speed_up_b0.01"] = speed_up(seen, passes, 0.01);
  state.counters["speed_up_b0.12"] = speed_up(seen, passes, 0.12);
}

using shape = std::vector<std::uint32_t>;

std::string written(const shape& b) {
  std::string out;
  for (const std::uint32_t n : b) out += (out.empty() ? "" : "x") + std::to_string(n);
  return out;
}

/// Registers policies of one group: names are policy/PAIR/GROUP/POLICY/VERIFIER/SHAPE.
struct group {
  const model_pair* pair;
  std::string name;

  template <class Make, class V>
  void add(const std::string& what, Make make, V verifier) const {
    const auto full = "policy/" + pair->name + "/" + name + "/" + what;
    benchmark::RegisterBenchmark(
        full.c_str(), [p = *pair, make, verifier](benchmark::State& state) { run(state, p, make, verifier); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
  void chain(std::uint32_t length) const {
    const auto make = [length](markov_model& m) {
      return with_length(model_drafter(m, as_drawn), fixed_length{length});
    };
    add("chain/rejection/" + std::to_string(length), make, rejection(as_drawn));
    add("chain/block/" + std::to_string(length), make, block(as_drawn));
  }
  /// The same shape drawn with and without replacement.
  void branching(const shape& b) const {
    const auto iid = [b](markov_model& m) { return iid_children(m, as_drawn, b); };
    add("iid/multi_round/" + written(b), iid, multi_round(as_drawn));
    add("iid/k_sequence/" + written(b), iid, k_sequence(as_drawn));
    const auto rsd = [b](markov_model& m) { return gumbel_top_k(m, as_drawn, b); };
    add("RSD-C/rejection/" + written(b), rsd, rejection(as_drawn));
    add("RSD-C/traversal/" + written(b), rsd, traversal(as_drawn));
  }
  void beam(std::uint32_t width, std::uint32_t length) const {
    const auto make = [=](markov_model& m) { return stochastic_beam(m, as_drawn, width, length); };
    const auto size = std::to_string(width) + "*" + std::to_string(length);
    add("RSD-S/rejection/" + size, make, rejection(as_drawn));
    add("RSD-S/traversal/" + size, make, traversal(as_drawn));
  }
  void best(std::size_t nodes, std::uint32_t depth) const {
    const auto make = [=](markov_model& m) {
      return best_first(m, as_drawn, nodes, best_first_options{.depth = depth});
    };
    add("best_first/traversal/" + std::to_string(nodes), make, traversal(as_drawn));
  }
  void pairs(std::uint32_t length) const {
    const auto make = [length](markov_model& m) { return spec_hub_pairs(m, as_drawn, length); };
    add("pairs/spec_hub/" + std::to_string(length), make, spec_hub(as_drawn));
  }
};

/// Experiment 1. Trees of four sequences: 4·length nodes, but pairs, which double at each level.
void fixed_length_of(const model_pair& pair) {
  for (std::uint32_t length = 2; length <= 5; ++length) {
    const group at{&pair, "length:" + std::to_string(length)};
    shape b(length, 1);
    b[0] = 4;
    at.chain(length);
    at.branching(b);
    at.beam(4, length);
    at.best(4 * length, length);
    at.pairs(length);
  }
}

/// Experiment 2: the paper's shapes for each number of drafted nodes. Pairs have 2, 6, 14, 30 nodes.
void fixed_budget_of(const model_pair& pair) {
  struct budget {
    std::uint32_t nodes;
    std::vector<shape> branching;
    std::vector<shape> beams;
    std::uint32_t pairs;
  };
  const budget budgets[] = {
      {6, {{2, 1, 1}, {2, 2}, {3, 1}}, {{2, 3}, {3, 2}}, 2},
      {10, {{2, 1, 1, 1, 1}, {2, 2, 1}, {5, 1}}, {{2, 5}, {5, 2}}, 2},
      {14, {{2, 1, 1, 1, 1, 1, 1}, {2, 2, 2}, {7, 1}}, {{2, 7}, {7, 2}}, 3},
      {21, {{3, 1, 1, 1, 1, 1, 1}, {3, 2, 2}, {7, 1, 1}}, {{3, 7}, {7, 3}}, 3},
      {30, {{2, 2, 2, 2}, {5, 1, 1, 1, 1, 1}, {6, 1, 1, 1, 1}}, {{5, 6}, {6, 5}}, 4},
  };
  for (const budget& b : budgets) {
    const group at{&pair, "nodes:" + std::to_string(b.nodes)};
    at.chain(b.nodes);
    for (const shape& s : b.branching) at.branching(s);
    for (const shape& s : b.beams) at.beam(s[0], s[1]);
    at.best(b.nodes, 12);
    at.pairs(b.pairs);
  }
}

const bool registered = [] {
  static const model_pair near{"near", 1.5, 0.5};
  static const model_pair far{"far", 1.5, 1.0};
  for (const model_pair* pair : {&near, &far}) {
    fixed_length_of(*pair);
    fixed_budget_of(*pair);
  }
  return true;
}();

}  // namespace
