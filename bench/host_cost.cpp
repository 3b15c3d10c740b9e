// What does a step cost outside the model's passes? Verification and drafting over rows of real vocabularies.
//
// The roof is memory: a verification must read each row that it uses once, 4 bytes a token of the vocabulary.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include <hunch/core.hpp>

namespace {

using namespace hunch;

/// Logits as models give them: a few likely tokens, a long tail some 10 to 25 below.
std::vector<float> model_like_rows(std::size_t rows, std::size_t vocab) {
  std::vector<float> all(rows * vocab);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double u = uniform01(philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, 1)[0]);
    all[i] = static_cast<float>(-2.5 * std::log(-std::log(u)));
  }
  return all;
}

/// A chain of `length` drafts; the target agrees with all but the last.
template <class V>
void verify_chain(benchmark::State& state, const V& verifier) {
  const auto vocab = static_cast<std::size_t>(state.range(0));
  const auto length = static_cast<std::size_t>(state.range(1));
  auto data = model_like_rows(length + 1, vocab);
  const matrix_view rows{data.data(), length + 1, vocab};
  draft_tree tree{vocab};
  const std::vector<token> text{1, 2, 3};
  tree.reset(3);
  for (std::size_t i = 0; i < length; ++i) {
    const token t = argmax(rows[i]);
    data[i * vocab + static_cast<std::size_t>(t)] += 40;  // the target is sure, so every draft is accepted
    tree.add(static_cast<node_id>(i), t);
  }
  verdict out;
  const decode_context ctx{.text = text, .budget = 64, .max_depth = 64, .random = philox{1}};
  for (auto _ : state) {
    verifier.verify(tree, rows, ctx, out);
    benchmark::DoNotOptimize(out.next);
  }
  state.counters["accepted"] = static_cast<double>(out.accepted());
  state.counters["bytes_per_s"] = benchmark::Counter(static_cast<double>(data.size() * sizeof(float)),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}

void match_greedy(benchmark::State& s) { verify_chain(s, match(greedy{})); }
void match_sampled(benchmark::State& s) { verify_chain(s, match(temperature(0.8f))); }
void match_top_p(benchmark::State& s) { verify_chain(s, match(top_k(40) | top_p(0.95f) | temperature(0.8f))); }
void rejection_sampled(benchmark::State& s) { verify_chain(s, rejection(temperature(0.8f))); }

void lookup_propose(benchmark::State& state) {
  const auto length = static_cast<std::size_t>(state.range(0));
  std::vector<token> text;
  for (std::size_t i = 0; i < length; ++i) text.push_back(static_cast<token>(i * 7919 % 1000));
  auto lookup = with_length(prompt_lookup(3), fixed_length{8});
  draft_tree tree{49152};
  for (auto _ : state) {
    tree.reset(text.back());
    lookup.propose(decode_context{.text = text, .budget = 64, .max_depth = 64, .run = 1}, tree);
    benchmark::DoNotOptimize(tree.size());
  }
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const int vocab : {49152, 151936})
    for (const int length : {0, 8}) b->Args({vocab, length});
  b->ArgNames({"vocab", "chain"})->Unit(benchmark::kMicrosecond);
}

BENCHMARK(match_greedy)->Name("host/match/greedy")->Apply(shapes);
BENCHMARK(match_sampled)->Name("host/match/T0.8")->Apply(shapes);
BENCHMARK(match_top_p)->Name("host/match/top_k40_top_p0.95_T0.8")->Apply(shapes);
BENCHMARK(rejection_sampled)->Name("host/rejection/T0.8")->Apply(shapes);
BENCHMARK(lookup_propose)->Name("host/lookup")->Arg(1000)->Arg(32000)->ArgName("text");

}  // namespace
