// What does a step cost outside the models' passes?
//
// Whole steps of a decoder over models whose rows lie ready: drafting, judging, and what is left (commit, text). Every
// draft comes from the target's own rows, so that nearly all are accepted: the most rows that a step can touch.
//   bench_host_cost [--pass_ms=9]      share of a step whose passes take so long
//                   [--model=FILE]     rows of a model instead of invented ones, and its time for a pass of nine rows
// The roof is memory: a verification must read each row that it uses once, 4 bytes a token of the vocabulary.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>
#ifdef HUNCH_BENCH_CPU
#include <hunch/cpu/backend.hpp>
#endif

namespace {

using namespace hunch;
using clock_type = std::chrono::steady_clock;

double pass_ms = 9;  // SmolLM2-135M, Q4_1, eight rows, two threads (docs/benchmarks.md)
std::vector<float> model_rows;
std::size_t model_vocab = 0;

constexpr std::size_t pool_rows = 16;

/// Logits as models give them: a few likely tokens, a long tail some 10 to 25 below.
std::vector<float> invented_rows(std::size_t vocab) {
  std::vector<float> all(pool_rows * vocab);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double u = uniform01(philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, 1)[0]);
    all[i] = static_cast<float>(-2.5 * std::log(-std::log(u)));
  }
  return all;
}

/// Row of a position, whatever the text says: its pass costs nothing.
struct ready_model {
  struct sequence {
    std::size_t kept = 0;
    std::vector<std::uint32_t> depths;
  };
  struct rows {
    const ready_model* of;
    std::size_t first, count;
    const std::uint32_t* depths;
    [[nodiscard]] std::size_t size() const { return count; }
    [[nodiscard]] std::span<const float> operator[](std::size_t i) const {
      return {of->data->data() + (first + depths[i]) % pool_rows * of->vocab, of->vocab};
    }
  };
  const std::vector<float>* data;
  std::size_t vocab;

  [[nodiscard]] std::size_t vocab_size() const { return vocab; }
  [[nodiscard]] sequence open() const { return {}; }
  [[nodiscard]] std::size_t room(const sequence&) const { return 64; }
  void prefill(sequence& s, std::span<const token> t) const { s.kept += t.size(); }
  rows forward(sequence& s, tree_view t) const {
    s.depths.assign(t.depths.begin(), t.depths.end());
    return {this, s.kept, t.fresh(), s.depths.data() + t.first};
  }
  void commit(sequence& s, std::span<const node_id> path) const {
    s.kept += path.size();
    s.depths.clear();
  }
};
static_assert(Backend<ready_model>);

/// A verifier that looks at the clock.
template <class V>
struct timed {
  static constexpr laws sibling_laws = V::sibling_laws;
  static constexpr bool lossless = V::lossless;
  V inner;
  double* seconds;

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    const auto begin = clock_type::now();
    inner.verify(tree, rows, ctx, out);
    *seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  }
};

struct times {
  static constexpr bool wants_time = true;
  std::vector<step_event> steps;
  void on_step(const step_event& e) { steps.push_back(e); }
};

/// In microseconds. Medians: other programs on the machine stretch some steps.
template <class F>
double median_us(const std::vector<step_event>& steps, F seconds) {
  std::vector<double> all;
  for (const step_event& e : steps) all.push_back(seconds(e) * 1e6);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

/// make(model) gives the drafter.
template <class Make, class V>
void steps(benchmark::State& state, Make make, V verifier) {
  const std::size_t vocab = model_vocab != 0 ? model_vocab : static_cast<std::size_t>(state.range(0));
  const std::vector<float> data = model_vocab != 0 ? model_rows : invented_rows(vocab);
  ready_model model{&data, vocab};
  double judge_s = 0;
  auto decoder = speculate(model, make(model), timed<V>{verifier, &judge_s}, times{});
  const std::vector<token> text{1, 2, 3};
  decoder.start(text, {.random = philox{1}});
  for (int i = 0; i < 8; ++i) decoder.step();  // warm
  auto& steps = decoder.observer().steps;
  steps.clear();
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder.step().emitted.data());
    steps.back().target_s = judge_s;  // what the verifier took; the rest of verify_s commits and appends
  }
  double accepted = 0;
  for (const step_event& e : steps) accepted += static_cast<double>(e.accepted);
  state.counters["accepted"] = accepted / static_cast<double>(steps.size());
  state.counters["propose_us"] = median_us(steps, [](const step_event& e) { return e.draft_s; });
  state.counters["verify_us"] = median_us(steps, [](const step_event& e) { return e.target_s; });
  state.counters["commit_us"] = median_us(steps, [](const step_event& e) { return e.verify_s - e.target_s; });
  const double all_us = median_us(steps, [](const step_event& e) { return e.draft_s + e.verify_s; });
  state.counters["step_us"] = all_us;
  state.counters["share_%"] = all_us / pass_ms / 10;
}

/// No model drafts: what judging alone costs, one row a step.
struct nothing {
  auto operator()(ready_model&) const { return no_draft{}; }
};
template <class W>
struct chain_of_8 {
  W warp;
  auto operator()(ready_model& m) const { return with_length(model_drafter(m, warp), fixed_length{8}); }
};
template <class W>
struct coupled_chain_of_8 {
  W warp;
  auto operator()(ready_model& m) const { return with_length(coupled_model_drafter(m, warp), fixed_length{8}); }
};
template <class W>
struct tree_of_24 {
  W warp;
  auto operator()(ready_model& m) const { return gumbel_top_k(m, warp, {6, 3}); }
};

template <class W>
void add_sampled(const std::string& name, W warp) {
  const auto add = [&name](const char* what, auto make, auto verifier) {
    auto* b = benchmark::RegisterBenchmark(("host/" + name + what).c_str(),
                                           [=](benchmark::State& s) { steps(s, make, verifier); });
    b->ArgName("vocab")->Unit(benchmark::kMicrosecond);
    for (const int vocab : {49152, 151936})
      if (model_vocab == 0 || vocab == 49152) b->Arg(vocab);
  };
  add("/none/match", nothing{}, match(warp));
  if constexpr (is_greedy<W>()) {
    add("/chain8/match", chain_of_8<W>{warp}, match(warp));
  } else {
    add("/chain8/match", coupled_chain_of_8<W>{warp}, match(warp));
    add("/chain8/rejection", chain_of_8<W>{warp}, rejection(warp));
    add("/chain8/block", chain_of_8<W>{warp}, block(warp));
    add("/tree24/traversal", tree_of_24<W>{warp}, traversal(warp));
  }
}

#ifdef HUNCH_BENCH_CPU
void use_model(const char* path) {
  cpu::backend target{gguf::file{path}};
  model_vocab = target.vocab_size();
  auto s = target.open();
  const std::vector<token> text{1, 504, 3575, 282, 4649, 314, 7042, 30, 657, 282, 260, 905, 1343, 3575, 314, 260, 31};
  for (std::size_t i = 0; i < pool_rows; ++i) {
    draft_tree one{model_vocab};
    one.reset(text[i]);
    const auto rows = target.forward(s, one.view());
    model_rows.insert(model_rows.end(), rows[0].begin(), rows[0].end());
    target.commit(s, std::vector<node_id>{0});
  }
  std::vector<double> ms;
  for (int i = 0; i < 11; ++i) {
    draft_tree chain{model_vocab};
    chain.reset(1);
    for (node_id n = 0; n < 8; ++n) chain.add(n, 1);
    const auto begin = clock_type::now();
    (void)target.forward(s, chain.view());
    ms.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - begin).count());
    target.commit(s, {});
  }
  std::sort(ms.begin(), ms.end());
  pass_ms = ms[5];
}
#endif

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg{argv[i]};
    if (arg.starts_with("--pass_ms=")) pass_ms = std::atof(argv[i] + 10);
#ifdef HUNCH_BENCH_CPU
    else if (arg.starts_with("--model="))
      use_model(argv[i] + 8);
#endif
    else
      return benchmark::ReportUnrecognizedArguments(argc, argv), 1;
  }
  add_sampled("greedy", greedy{});
  add_sampled("T0.8", temperature(0.8f));
  add_sampled("T0.8_top_p0.95", temperature(0.8f) | top_p(0.95f));
  add_sampled("top_k40_T0.8", top_k(40) | temperature(0.8f));
  benchmark::AddCustomContext("pass_ms", std::to_string(pass_ms));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
