// What does each policy bring on a real model? Block efficiency of every policy of docs/policies.md, the draft being
// the target itself without a share of its sub-layers: no second model is needed, and τ does not depend on the machine.
//
//   bench_self_drafted [--model=FILE] [--skip=0.1] [--tokens=64] [--texts=1] --benchmark_filter=T0.8/chain
//
// --tokens: of a text; --texts: of each of eight prompts. Verifiers write different texts, and τ depends on the text:
// to compare two of them take several. Without --model: SmolLM2 from the cache of examples/get_model.sh. Names are
// WARPER/POLICY/VERIFIER/SHAPE. Under match the text must be that of plain decoding, or the benchmark fails.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>

#include "self_drafted.hpp"
#include "watcher.hpp"

namespace {

using namespace hunch;
using bench::models;
using bench::plain_texts;
using bench::rates_by_rank;
using shape = std::vector<std::uint32_t>;

/// The policies under one warper.
template <class W>
struct group {
  models* m;
  std::string name;
  W warp;

  /// make() gives the drafter.
  template <class Make, class V>
  void add(const std::string& what, Make make, V verifier) const {
    const auto run = [*this, make, verifier](benchmark::State& state) {
      bench::watcher seen;
      m->draft.passes = 0;
      for (auto _ : state) {
        auto decoder = speculate(m->target, make(), verifier, bench::watcher{});
        for (std::size_t i = 0; i < m->prompts.size(); ++i) {
          decoder.start(m->prompts[i], m->wish(i));
          while (decoder.status() == status::running) decoder.step();
          if (std::is_same_v<V, match<W>> && !std::ranges::equal(decoder.text(), plain_texts(*m, name, warp)[i]))
            state.SkipWithError("the text is not that of plain decoding");
        }
        seen = decoder.observer();
      }
      seen.report(state);
      state.counters["draft_passes"] = static_cast<double>(m->draft.passes) / seen.steps;
    };
    benchmark::RegisterBenchmark((name + "/" + what).c_str(), run)->Iterations(1)->Unit(benchmark::kMillisecond);
  }

  void without_model() const {
    const match by_match{warp};
    const fixed_length eight{8};
    add(
        "lookup/match/n3", [=] { return with_length(prompt_lookup{3}, eight); }, by_match);
    add(
        "lookup/match/n1-3", [=] { return with_length(prompt_lookup{{.n = 3, .n_min = 1}}, eight); }, by_match);
    add(
        "anpd/match/n4", [=] { return with_length(anpd{4}, eight); }, by_match);
    add(
        "suffix/match/len8", [=] { return with_length(suffix_automaton(), eight); }, by_match);
    add(
        "recycling/match/nodes24", [] { return token_recycling{24}; }, by_match);
    add(
        "first_of/match/suffix,recycling",
        [=] { return first_of(with_length(suffix_automaton({.min_match = 3}), eight), token_recycling{24}); },
        by_match);
  }

  /// A chain of the draft, its own noise or the target's as the verifier wants it.
  template <class L, class V>
  void chain(const std::string& what, L length, V verifier) const {
    if constexpr (std::is_same_v<V, match<W>> && !is_greedy<W>())
      add(
          what, [*this, length] { return with_length(coupled_model_drafter(m->draft, warp), length); }, verifier);
    else
      add(
          what, [*this, length] { return with_length(model_drafter(m->draft, warp), length); }, verifier);
  }
  template <class V>
  void lengths(const std::string& verifier_name, V verifier) const {
    const auto named = [&](const char* what) { return std::string{what} + "/" + verifier_name + "/-"; };
    chain(named("confidence_stop"), confidence_stop{}, verifier);
    chain(named("entropy_stop"), entropy_stop{}, verifier);
    chain(named("plus_two_minus_one"), plus_two_minus_one{}, verifier);
    chain(named("specdec_pp"), specdec_pp{calibrated_confidence{}, 0.7}, verifier);
    chain(named("best_paying_length"), best_paying_length{draft_costs{0.1, {1, 1.01}}}, verifier);  // cheap drafts
  }
  template <class V>
  void joined(const std::string& verifier_name, V verifier) const {
    const auto lookup = [](std::uint32_t n, std::uint32_t length) {
      return with_length(prompt_lookup{n}, fixed_length{length});
    };
    const auto model = [*this](std::uint32_t length) {
      if constexpr (std::is_same_v<V, match<W>> && !is_greedy<W>())
        return with_length(coupled_model_drafter(m->draft, warp), fixed_length{length});
      else
        return with_length(model_drafter(m->draft, warp), fixed_length{length});
    };
    const auto at = [&](const char* what) { return what + ("/" + verifier_name) + "/-"; };
    add(
        at("staged"), [=, *this] { return staged(m->draft, lookup(2, 3), verifier, 5); }, verifier);
    add(
        at("cascade"), [=, *this] { return followed_by(staged(m->draft, lookup(2, 3), verifier, 2), lookup(2, 6)); },
        verifier);
    add(
        at("followed_by"), [=] { return followed_by(model(2), lookup(2, 6)); }, verifier);
    add(
        at("first_of"), [=] { return first_of(lookup(4, 8), model(4)); }, verifier);
  }
  template <class V>
  void by_swift(const std::string& what, V verifier, const swift_options& options) const {
    const confidence_stop stop{.8f, 8};
    if constexpr (std::is_same_v<V, match<W>> && !is_greedy<W>())
      add(
          what, [=, *this] { return coupled_swift(warp, m->skipped, stop, options); }, verifier);
    else
      add(
          what, [=, *this] { return swift(warp, m->skipped, stop, options); }, verifier);
  }

  void drawn(const shape& b, const std::string& at) const {
    add(
        "RSD-C/rejection/" + at, [=, *this] { return gumbel_top_k(m->draft, warp, b); }, rejection(warp));
    add(
        "RSD-C/traversal/" + at, [=, *this] { return gumbel_top_k(m->draft, warp, b); }, traversal(warp));
  }
  void chosen(std::size_t nodes) const {
    const auto at = std::to_string(nodes);
    add(
        "best_first/traversal/" + at,
        [=, *this] { return best_first(m->draft, warp, nodes, best_first_options{.depth = 12}); }, traversal(warp));
  }
};

std::string written(const shape& b) {
  std::string out;
  for (const std::uint32_t n : b) out += (out.empty() ? "" : "x") + std::to_string(n);
  return out;
}

struct budget {
  std::uint32_t nodes;
  std::vector<shape> branching;
  std::vector<shape> beams;
};
const budget budgets[] = {
    {6, {{2, 1, 1}, {2, 2}, {3, 1}}, {{2, 3}, {3, 2}}},
    {10, {{2, 1, 1, 1, 1}, {2, 2, 1}, {5, 1}}, {{2, 5}, {5, 2}}},
    {14, {{2, 1, 1, 1, 1, 1, 1}, {2, 2, 2}, {7, 1}}, {{2, 7}, {7, 2}}},
    {21, {{3, 1, 1, 1, 1, 1, 1}, {3, 2, 2}, {7, 1, 1}}, {{3, 7}, {7, 3}}},
    {30, {{2, 2, 2, 2}, {5, 1, 1, 1, 1, 1}, {6, 1, 1, 1, 1}}, {{5, 6}, {6, 5}}},
};

void add_greedy(models& m) {
  const group<greedy> all{&m, "greedy", greedy{}};
  all.without_model();
  for (const std::uint32_t n : {2u, 3u, 4u, 5u, 6u, 10u, 14u, 21u, 30u})
    all.chain("chain/match/" + std::to_string(n), fixed_length{n}, match(greedy{}));
  all.lengths("match", match(greedy{}));
  all.joined("match", match(greedy{}));
  all.by_swift("swift/match/chain", match(greedy{}), {});
  all.by_swift("swift/match/caterpillar", match(greedy{}), {.siblings = caterpillar});
  for (const budget& b : budgets) {
    for (const shape& s : b.branching)
      all.add(
          "tree/match/" + std::to_string(b.nodes) + "," + written(s),
          [=, &m] { return gumbel_top_k(m.draft, greedy{}, s); }, match(greedy{}));
    all.add(
        "best_first/match/" + std::to_string(b.nodes),
        [nodes = b.nodes, &m] {
          return best_first(m.draft, temperature{1.0f}, nodes, best_first_options{.depth = 12});
        },
        match(greedy{}));
  }
}

void add_sampled(models& m) {
  const temperature warp{0.8f};
  const group<temperature> all{&m, "T0.8", warp};
  all.without_model();
  for (const std::uint32_t n : {2u, 3u, 4u, 5u, 6u, 10u, 14u, 21u, 30u}) {
    all.chain("chain/block/" + std::to_string(n), fixed_length{n}, block(warp));
    if (n <= 5) {
      all.chain("chain/rejection/" + std::to_string(n), fixed_length{n}, rejection(warp));
      all.chain("chain/match/" + std::to_string(n), fixed_length{n}, match(warp));
    }
  }
  all.lengths("block", block(warp));
  all.joined("block", block(warp));
  all.joined("match", match(warp));
  all.by_swift("swift/block/chain", block(warp), {});
  all.by_swift("swift/match/chain", match(warp), {});
  all.by_swift("swift/traversal/caterpillar", traversal(warp), {.siblings = caterpillar_sampled});
  all.add(
      "prefetched/traversal/3x2x1",
      [&m, warp] {
        static prefetched mid{m.draft, with_length(prompt_lookup{2}, fixed_length{4})};
        return gumbel_top_k(mid, warp, {3, 2, 1});
      },
      traversal(warp));
  all.drawn({3, 2, 1}, "-,3x2x1");
  all.add(
      "RSD-C/match/-,3x2",
      [&m, warp] {
        return coupled_gumbel_top_k(m.draft, warp, {3, 2});
      },
      match(warp));
  all.add(
      "iid/multi_round/-,3x2x1",
      [&m, warp] {
        return iid_children(m.draft, warp, {3, 2, 1});
      },
      multi_round(warp));
  all.add(
      "iid/k_sequence/-,3x2x1",
      [&m, warp] {
        return iid_children(m.draft, warp, {3, 2, 1});
      },
      k_sequence(warp));
  all.add(
      "pairs/spec_hub/-,3", [&m, warp] { return spec_hub_pairs(m.draft, warp, 3); }, spec_hub(warp));
  all.chain("chain/lenient/4", fixed_length{4}, lossy::lenient(warp, 0.8));
  all.add(
      "best_first/typical/24", [&m, warp] { return best_first(m.draft, warp, 24); }, lossy::typical(warp));
  const auto rates = rates_by_rank(m, warp);
  std::fprintf(stderr, "acceptance by rank:");
  for (const double r : rates) std::fprintf(stderr, " %.3f", r);
  std::fprintf(stderr, "\n");
  for (const budget& b : budgets) {
    const auto size = std::to_string(b.nodes);
    for (const shape& s : b.branching) all.drawn(s, size + "," + written(s));
    for (const shape& s : b.beams)
      all.add(
          "RSD-S/traversal/" + size + "," + std::to_string(s[0]) + "*" + std::to_string(s[1]),
          [=, &m] { return stochastic_beam(m.draft, warp, s[0], s[1]); }, traversal(warp));
    all.chosen(b.nodes);
    all.add(
        "static/traversal/" + size,
        [=, &m] {
          return static_tree{m.draft, warp, sequoia(rates, b.nodes + 1, 12)};
        },
        traversal(warp));
  }
}

std::string cached_model() {
  const auto folder = [](const char* name) {
    return std::getenv(name) == nullptr ? "" : std::string{std::getenv(name)};
  };
  const std::string cache = folder("XDG_CACHE_HOME").empty() ? folder("HOME") + "/.cache" : folder("XDG_CACHE_HOME");
  const std::string models = folder("HUNCH_MODELS").empty() ? cache + "/hunch/models" : folder("HUNCH_MODELS");
  return models + "/smollm2-135m-instruct-q4_1.gguf";
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  std::string path = cached_model();
  double share = 0.1;
  std::size_t tokens = 64;
  std::size_t texts = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg{argv[i]};
    if (arg.starts_with("--model="))
      path = arg.substr(8);
    else if (arg.starts_with("--skip="))
      share = std::atof(argv[i] + 7);
    else if (arg.starts_with("--tokens="))
      tokens = static_cast<std::size_t>(std::atoi(argv[i] + 9));
    else if (arg.starts_with("--texts="))
      texts = static_cast<std::size_t>(std::atoi(argv[i] + 8));
    else
      return benchmark::ReportUnrecognizedArguments(argc, argv), 1;
  }
  models m{path, share, tokens, texts};
  add_greedy(m);
  add_sampled(m);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
