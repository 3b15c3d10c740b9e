// Sums of a benchmark: what many prompts cost, per category and for all.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <hunch/trace/stats.hpp>

namespace hunch::cli {

/// What one prompt (all its turns) cost.
struct prompt_cost {
  std::size_t tokens = 0;
  double decode_s = 0;
  std::size_t steps = 0;
  std::size_t drafted = 0;
  std::size_t tested = 0;
  std::size_t accepted = 0;

  void add(const stats& s, double seconds);
  [[nodiscard]] double tokens_per_s() const noexcept {
    return decode_s > 0 ? static_cast<double>(tokens) / decode_s : 0;
  }
};

/// One prompt under one spec, next to plain decoding of the same prompt.
struct measurement {
  std::string spec;
  std::string category;
  prompt_cost plain;
  prompt_cost cost;
  std::optional<bool> identical;  // nothing: texts cannot be compared
};

/// A row of the report.
struct bench_row {
  std::string spec;
  std::string category;  // "all": of every category
  std::size_t prompts = 0;
  std::size_t tokens = 0;
  double tokens_per_s = 0;  // all tokens ÷ all decode seconds
  double speedup = 0;       // that, ÷ plain decoding's
  double speedup_mean = 0;  // mean of the prompts' own ratios
  double tau = 0;           // tokens ÷ steps
  double alpha = 0;         // accepted ÷ tested
  double draft_yield = 0;   // accepted ÷ drafted
  std::optional<bool> identical;
};

/// Rows in the order in which specs and categories appear; each spec ends with "all".
[[nodiscard]] std::vector<bench_row> summarize(const std::vector<measurement>& measured);

}  // namespace hunch::cli
