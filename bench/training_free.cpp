// What do drafters without a model cost the host? A step of a growing text, at several lengths; memory a token.
//
// The roof of token recycling is memory: it reads each row that it learns from once, 4 bytes a token of the vocabulary.
#include <benchmark/benchmark.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cmath>
#include <cstdint>
#include <vector>

#include <hunch/core.hpp>

namespace {

using namespace hunch;

constexpr std::size_t vocab = 49152;
constexpr std::size_t steps = 1000;         // before the text begins anew
constexpr std::size_t tokens_per_step = 2;  // about what lookups emit

/// A text that repeats itself as answers do: runs of 1 to 16 tokens copied from a place before, between words of a
/// Zipf law.
std::vector<token> text_of(std::size_t length, std::uint32_t salt = 0) {
  std::vector<token> text{1};
  for (std::uint32_t i = 0; text.size() < length; ++i) {
    const auto r = philox4x32({i, salt, 0, 0}, 7);
    if (r[0] % 4 != 0) text.push_back(static_cast<token>(std::exp(uniform01(r[1]) * std::log(vocab))) - 1);
    const std::size_t from = r[2] % text.size();
    for (std::size_t n = r[0] % 4 == 0 ? 1 + r[3] % 16 : 0; n > 0; --n)
      text.push_back(text[from + n % (text.size() - from)]);
  }
  text.resize(length);
  return text;
}

/// Bytes on the heap; 0 where the C library does not say.
std::size_t heap() {
#if defined(__GLIBC__)
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

/// Steps of a chain of 8 guesses while a text grows from `length` on.
template <class Make>
void steps_of(benchmark::State& state, Make make) {
  const auto length = static_cast<std::size_t>(state.range(0));
  const std::vector<token> text = text_of(length + steps * tokens_per_step);
  draft_tree tree{vocab};
  const std::size_t before = heap();
  auto drafter = with_length(make(), fixed_length{8});
  std::uint64_t run = 0;
  const auto step = [&](std::size_t n) {
    tree.reset(text[n - 1]);
    const auto part = std::span<const token>{text}.first(n);
    drafter.propose(decode_context{.text = part, .budget = 64, .max_depth = 64, .run = run}, tree);
    benchmark::DoNotOptimize(tree.size());
  };
  std::size_t at = steps;
  std::size_t drafted = 0;
  for (auto _ : state) {
    if (at == steps) {
      state.PauseTiming();
      ++run;
      at = 0;
      step(length);
      state.ResumeTiming();
    }
    step(length + ++at * tokens_per_step);
    drafted += tree.drafted();
  }
  state.counters["bytes_per_token"] = static_cast<double>(heap() - before) / static_cast<double>(length);
  state.counters["drafted"] = benchmark::Counter(static_cast<double>(drafted), benchmark::Counter::kAvgIterations);
}

/// A new text of `length` tokens, taken in at once: what a prompt costs.
template <class Make>
void prompt_of(benchmark::State& state, Make make) {
  const auto length = static_cast<std::size_t>(state.range(0));
  const std::vector<token> text = text_of(length);
  draft_tree tree{vocab};
  auto drafter = with_length(make(), fixed_length{1});
  for (auto _ : state) {
    for (const std::size_t n : {std::size_t{1}, length}) {  // a text of one token makes it forget
      const auto part = std::span<const token>{text}.last(n);
      tree.reset(part.back());
      drafter.propose(decode_context{.text = part, .budget = 64, .max_depth = 64}, tree);
    }
    benchmark::DoNotOptimize(tree.size());
  }
  state.counters["s_per_token"] = benchmark::Counter(
      static_cast<double>(length), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

prompt_lookup three() { return prompt_lookup{3}; }
prompt_lookup three_to_one() { return prompt_lookup{{.n = 3, .n_min = 1}}; }
anpd four() { return anpd{{.n = 4, .window = default_window}}; }
suffix_automaton longest() { return suffix_automaton{}; }

void with_corpus(benchmark::State& state) {
  static const std::vector<std::byte> file = build_suffix_corpus(text_of(1000000, 1));
  steps_of(state, [] { return suffix_automaton{suffix_corpus{file}}; });
  state.counters["corpus_bytes_per_token"] = static_cast<double>(file.size()) / 1e6;
}
void build_corpus(benchmark::State& state) {
  const std::vector<token> text = text_of(static_cast<std::size_t>(state.range(0)), 1);
  for (auto _ : state) benchmark::DoNotOptimize(build_suffix_corpus(text).size());
  state.counters["s_per_token"] = benchmark::Counter(
      static_cast<double>(text.size()), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
void open_corpus(benchmark::State& state) {
  const auto file = build_suffix_corpus(text_of(static_cast<std::size_t>(state.range(0)), 1));
  for (auto _ : state) benchmark::DoNotOptimize(suffix_corpus{file}.size());
  state.counters["bytes_per_s"] =
      benchmark::Counter(static_cast<double>(file.size()), benchmark::Counter::kIsIterationInvariantRate);
}

/// Rows as models give them: a few likely tokens, a long tail.
std::vector<float> model_like_rows(std::size_t rows, std::size_t columns) {
  std::vector<float> all(rows * columns);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double u = uniform01(philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, 1)[0]);
    all[i] = static_cast<float>(-2.5 * std::log(-std::log(u)));
  }
  return all;
}

void recycling_learn(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const auto nodes = static_cast<std::size_t>(state.range(1));
  const auto data = model_like_rows(nodes, columns);
  const matrix_view rows{data.data(), nodes, columns};
  draft_tree tree{columns};
  tree.reset(1);
  for (token t = 2; static_cast<std::size_t>(t) <= nodes; ++t) tree.add(0, t);
  verdict result;
  result.path = {0, 1};
  token_recycling drafter;
  for (auto _ : state) drafter.observe(tree, result, rows_ref{rows});
  state.counters["bytes_per_s"] = benchmark::Counter(static_cast<double>(data.size() * sizeof(float)),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}
void recycling_propose(benchmark::State& state) {
  const auto nodes = static_cast<std::size_t>(state.range(0));
  const auto data = model_like_rows(64, vocab);
  draft_tree tree{vocab};
  token_recycling drafter{nodes};
  verdict result;
  result.path = {0};
  tree.reset(0);
  for (int round = 0; round < 20; ++round) {  // until the tree is full
    const matrix_view rows{data.data(), tree.size(), vocab};
    drafter.observe(tree, result, rows_ref{rows});
    tree.reset(0);
    drafter.propose(decode_context{.text = std::span<const token>{&result.next, 1}, .budget = 64, .max_depth = 64},
                    tree);
  }
  for (auto _ : state) {
    tree.reset(0);
    drafter.propose(decode_context{.text = std::span<const token>{&result.next, 1}, .budget = 64, .max_depth = 64},
                    tree);
    benchmark::DoNotOptimize(tree.size());
  }
  state.counters["drafted"] = static_cast<double>(tree.drafted());
}

void lengths(benchmark::internal::Benchmark* b) { b->Arg(1000)->Arg(16000)->Arg(128000)->ArgName("text"); }

BENCHMARK_CAPTURE(steps_of, lookup, three)->Name("training_free/step/lookup/n:3")->Apply(lengths);
BENCHMARK_CAPTURE(steps_of, lookup_back_off, three_to_one)->Name("training_free/step/lookup/n:3/min:1")->Apply(lengths);
BENCHMARK_CAPTURE(steps_of, anpd, four)->Name("training_free/step/anpd/n:4")->Apply(lengths);
BENCHMARK_CAPTURE(steps_of, sam, longest)->Name("training_free/step/sam")->Apply(lengths);
BENCHMARK(with_corpus)->Name("training_free/step/sam_and_corpus_of_1M")->Apply(lengths);
BENCHMARK_CAPTURE(prompt_of, lookup, three)->Name("training_free/prompt/lookup/n:3")->Apply(lengths);
BENCHMARK_CAPTURE(prompt_of, anpd, four)->Name("training_free/prompt/anpd/n:4")->Apply(lengths);
BENCHMARK_CAPTURE(prompt_of, sam, longest)->Name("training_free/prompt/sam")->Apply(lengths);
BENCHMARK(build_corpus)->Name("training_free/corpus/build")->Arg(1000000)->ArgName("tokens");
BENCHMARK(open_corpus)->Name("training_free/corpus/check")->Arg(1000000)->ArgName("tokens");
BENCHMARK(recycling_propose)->Name("training_free/recycling/propose")->Arg(24)->Arg(48)->ArgName("nodes");
BENCHMARK(recycling_learn)
    ->Name("training_free/recycling/learn")
    ->ArgsProduct({{49152, 151936}, {1, 24}})
    ->ArgNames({"vocab", "nodes"})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
