// What does a pass of n rows cost on the GPU, what does it cost the host, what does a chain of drafts cost in one go
// and token by token, what does a target's pass gain that is queued behind its chain, and what does speculation gain?
//
//   bench_cuda [model.gguf]   without a file: random weights in the shapes of Qwen2.5-Coder-1.5B, all Q4_K
//
// Prints JSON. Every figure is the median of 21 passes, with the smallest and the largest.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/none.hpp>
#include <hunch/drafters/prompt_lookup.hpp>
#include <hunch/verifiers/match.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"

using namespace hunch;

namespace {

constexpr int repetitions = 21;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct spread {
  double median, low, high;
};
spread of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return {x[x.size() / 2], x.front(), x.back()};
}

test::tiny_shape qwen_shape() {
  test::tiny_shape s;
  s.arch = "qwen2";
  s.type = gguf::tensor_type::q4_k;
  s.layers = 28;
  s.width = 1536;
  s.ff = 8960;
  s.heads = 12;
  s.kv_heads = 2;
  s.head_dim = 128;
  s.vocab = 151936;
  s.context = 4096;
  return s;
}

void curve(const gguf::file& file, bool graphs, bool last) {
  cuda::backend b{file, {.context = 4096, .graphs = graphs}};
  auto s = b.open();
  b.prefill(s, test::random_tokens(512, b.vocab_size(), 1));
  std::printf("    {\"graphs\": %s, \"kept\": 512, \"rows\": [\n", graphs ? "true" : "false");
  for (const std::size_t n : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
    const draft_tree tree = test::chain_of(test::random_tokens(n, b.vocab_size(), 2), b.vocab_size());
    std::vector<double> whole, host;
    for (int i = -3; i < repetitions; ++i) {
      b.wait();
      const double start = now();
      const auto rows = b.forward(s, tree.view());
      const double queued = now();
      (void)rows[0].argmax();
      const double end = now();
      b.commit(s, {});
      if (i < 0) continue;  // the first passes of a shape record its graph
      whole.push_back(end - start);
      host.push_back(queued - start);
    }
    const spread t = of(whole), h = of(host);
    std::printf(
        "      {\"n\": %zu, \"microseconds\": %.1f, \"low\": %.1f, \"high\": %.1f, \"host_microseconds\": %.1f}%s\n", n,
        t.median * 1e6, t.low * 1e6, t.high * 1e6, h.median * 1e6, n == 64 ? "" : ",");
  }
  std::printf("    ]}%s\n", last ? "" : ",");
}

/// Greedy drafts, as model_drafter has them drawn where the length is known ahead, and where it is not.
void chains(cuda::backend& b) {
  auto s = b.open();
  b.prefill(s, test::random_tokens(512, b.vocab_size(), 1));
  std::vector<far_draw> drawn;
  draft_tree tree{b.vocab_size()};
  for (const std::size_t length : {1u, 4u, 8u}) {
    std::vector<double> whole, single;
    for (int i = -3; i < repetitions; ++i) {
      b.wait();
      const double start = now();
      b.draw_chain(s, 7, {.most = length}, drawn);
      const double half = now();
      b.commit(s, {});
      b.wait();
      const double second = now();
      tree.reset(7);
      for (node_id n = 0; n < length; ++n) tree.add(n, b.forward(s, tree.view(n))[0].argmax());
      const double end = now();
      b.commit(s, {});
      if (i < 0) continue;
      whole.push_back(half - start);
      single.push_back(end - second);
    }
    const spread w = of(whole), o = of(single);
    std::printf(
        "    {\"drafts\": %zu, \"microseconds\": %.1f, \"low\": %.1f, \"high\": %.1f,\n"
        "     \"token_by_token\": %.1f, \"token_by_token_low\": %.1f, \"token_by_token_high\": %.1f}%s\n",
        length, w.median * 1e6, w.low * 1e6, w.high * 1e6, o.median * 1e6, o.low * 1e6, o.high * 1e6,
        length == 8 ? "" : ",");
  }
}

/// Greedy drafts of a second copy of the model, and the pass that judges them: queued behind the chain, and when the
/// host has heard the tokens.
void judged_chains(cuda::backend& b, const gguf::file& file) {
  cuda::backend draft{file, {.context = 4096}};
  auto s = draft.open();
  auto t = b.open();
  const auto text = test::random_tokens(512, b.vocab_size(), 1);
  draft.prefill(s, text);
  b.prefill(t, text);
  std::vector<far_draw> drawn;
  draft_tree tree{b.vocab_size()};
  for (const std::size_t length : {1u, 4u, 8u}) {
    std::vector<double> times[2];
    for (int i = -6; i < 2 * repetitions; ++i) {
      const bool ahead = i % 2 == 0;
      draft.wait();
      b.wait();
      const double start = now();
      if (ahead)
        draft.draw_chain(s, 7, {.most = length}, drawn, b, t);
      else
        draft.draw_chain(s, 7, {.most = length}, drawn);
      tree.reset(7);
      for (node_id n = 0; n < length; ++n) tree.add(n, drawn[n].drawn);
      (void)b.forward(t, tree.view())[0].argmax();
      const double end = now();
      draft.commit(s, {});
      b.commit(t, {});
      if (i >= 0) times[ahead ? 0 : 1].push_back(end - start);
    }
    const spread a = of(times[0]), f = of(times[1]);
    std::printf(
        "    {\"drafts\": %zu, \"pass_ahead\": %.1f, \"pass_ahead_low\": %.1f, \"pass_ahead_high\": %.1f,\n"
        "     \"told_first\": %.1f, \"told_first_low\": %.1f, \"told_first_high\": %.1f}%s\n",
        length, a.median * 1e6, a.low * 1e6, a.high * 1e6, f.median * 1e6, f.low * 1e6, f.high * 1e6,
        length == 8 ? "" : ",");
  }
}

template <class Decoder>
void generate(const char* name, Decoder decoder, std::span<const token> prompt, bool last) {
  std::vector<double> rates;
  std::size_t steps = 0;
  for (int i = -1; i < 5; ++i) {
    decoder.start(prompt, {.random = philox{7}, .max_tokens = 128});
    steps = 0;
    (void)decoder.step();  // the prompt
    const double start = now();
    const std::size_t before = decoder.text().size();
    while (decoder.step().status == status::running) ++steps;
    if (i >= 0) rates.push_back(static_cast<double>(decoder.text().size() - before) / (now() - start));
  }
  const spread r = of(rates);
  std::printf("    {\"policy\": \"%s\", \"tokens_per_s\": %.1f, \"low\": %.1f, \"high\": %.1f, \"steps\": %zu}%s\n",
              name, r.median, r.low, r.high, steps, last ? "" : ",");
}

}  // namespace

int main(int argc, char** argv) try {
  std::unique_ptr<test::tiny_model> made;
  if (argc < 2) made = std::make_unique<test::tiny_model>(qwen_shape());
  const gguf::file file = argc < 2 ? made->file() : gguf::file{argv[1]};
  cuda::backend b{file, {.context = 4096}};
  std::printf(
      "{\n  \"device\": \"%s\", \"model\": \"%s\", \"weight_bytes\": %zu,\n  \"curve\": [\n", b.device_name().c_str(),
      argc < 2 ? "random weights in the shapes of Qwen2.5-Coder-1.5B, all Q4_K" : argv[1], b.memory().weight_bytes);
  curve(file, true, false);
  curve(file, false, true);
  std::printf("  ],\n  \"chains\": [\n");
  chains(b);
  std::printf("  ],\n  \"judged_chains_microseconds\": [\n");
  judged_chains(b, file);
  std::printf("  ],\n  \"policies\": [\n");
  std::vector<token> prompt = test::random_tokens(100, b.vocab_size(), 3);
  prompt.insert(prompt.end(), prompt.begin(), prompt.end());  // so that lookup finds something
  generate("plain", speculate(b, no_draft{}, match{greedy{}}), prompt, false);
  generate("lookup", speculate(b, with_length(prompt_lookup{3}, fixed_length{8}), match{greedy{}}), prompt, true);
  std::printf("  ]\n}\n");
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
