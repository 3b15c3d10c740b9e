// What masks and warpers cost on SmolLM2's vocabulary: test_constraints_model "[.measure]" prints it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <hunch/constraints/regex.hpp>
#include <hunch/core.hpp>
#include <hunch/gguf/tokenizer.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/sampling/logprobs.hpp>
#include <hunch/sampling/penalties.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

using namespace hunch;
using constraints::regex;
using constraints::vocabulary;

namespace {

/// Microseconds of the fastest of several calls, and of the median one.
struct timing {
  double least;
  double median;
};
template <class F>
timing time(int calls, F f) {
  std::vector<double> us;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(us.begin(), us.end());
  return {us.front(), us[us.size() / 2]};
}
void print(const std::string& what, timing t) {
  std::printf("%-72s %9.1f us, median %9.1f\n", what.c_str(), t.least, t.median);
}

}  // namespace

TEST_CASE("measure: masks and warpers on SmolLM2's vocabulary", "[.measure]") {
  const auto path = test::model_path("smollm2");
  if (!path) HUNCH_SKIP(test::absent_model("smollm2"));
  const gguf::tokenizer tokenizer{gguf::file{*path}};
  const auto bytes = [&](token t) {
    return tokenizer.kind_of(t) == gguf::token_kind::normal ? tokenizer.piece(t) : std::string_view{};
  };
  print("vocabulary: prefix tree", time(10, [&] { (void)vocabulary{tokenizer.vocab_size(), bytes}; }));
  const vocabulary words{tokenizer.vocab_size(), bytes};
  std::vector<float> row(tokenizer.vocab_size(), 1.0f);
  draft_tree tree{row.size()};
  tree.reset(1000);
  std::vector<token> text(4096);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<token>(i * 7919 % row.size());
  const auto copy = [&](auto warp) {
    return time(200, [&, scratch = row]() mutable {
      scratch.assign(row.begin(), row.end());
      warp(std::span<float>{scratch}, prefix_view{text, tree.view(), 0});
    });
  };
  print("row: copied only", copy(as_is{}));
  for (const char* pattern : {R"(\d{4}-\d{2}-\d{2})", R"(\{"name": "[A-Za-z ]{1,20}", "age": \d{1,3}\})",
                              "[^\"\\\\\\n]*", "[\\s\\S]{0,200}"}) {
    const std::string name = std::string("regex ") + pattern;
    print(name + ": made", time(10, [&] { (void)regex{pattern, words}; }));
    print(name + ": first mask", time(10, [&, made = std::vector<regex>{}]() mutable {
            made.emplace_back(pattern, words);
            (void)made.back().allowed(made.back().start());
          }));
    const regex r{pattern, words};
    auto s = r.start();
    std::vector<double> fresh;
    for (int i = 0; i < 12; ++i) {  // along a text of single-byte tokens: each state is new
      const auto mask = r.allowed(s);
      auto best = no_token;
      for (std::size_t t = 0; t < row.size(); ++t)
        if (((*mask)[t / 64] >> (t % 64) & 1) != 0 && words.bytes(static_cast<token>(t)).size() == 1)
          best = static_cast<token>(t);
      if (best == no_token) break;
      r.advance(s, best);
      fresh.push_back(time(1, [&] { (void)r.allowed(s); }).least);
    }
    std::sort(fresh.begin(), fresh.end());
    if (!fresh.empty()) print(name + ": mask of a later state", {fresh.front(), fresh[fresh.size() / 2]});
    print(name + ": known state, row masked", copy(constrained(r, {2}, text.size())));
    CHECK_FALSE(r.exhausted());
  }
  print("penalties: window of 64", copy(penalties{{.repeat = 1.1f}}));
  print("penalties: window of 4096", copy(penalties{{.repeat = 1.1f, .last_n = penalties::all}}));
  verdict v;
  v.reset();
  v.next = 5;
  const matrix_view rows{row.data(), 1, row.size()};
  const decode_context ctx{.text = text, .run = 1};
  logprobs raw{};
  logprobs full{top_k{40} | temperature{0.8f}, 5};
  const auto watch = [&](auto& observer) {
    return time(200, [&] {
      observer.on_round(judged_round{tree, rows_ref{rows}, v, ctx});
      observer.on_step({.emitted = 1});
    });
  };
  print("logprobs: raw, a token", watch(raw));
  print("logprobs: top_k | temperature, 5 alternatives, a token", watch(full));
}
