// What a text may ask for besides temperature and filters: penalties, biases, a rule that it must match.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <hunch/any.hpp>
#include <hunch/gguf/tokenizer.hpp>

namespace hunch::cli {

struct wish_options {
  float repeat = 1;
  float presence = 0;
  float frequency = 0;
  long last_n = 64;
  long min_tokens = 0;
  std::vector<std::string> biases;  // TOKEN+X, TOKEN-X
  std::string regex;

  [[nodiscard]] bool any() const noexcept {
    return repeat != 1 || presence != 0 || frequency != 0 || min_tokens > 0 || !biases.empty() || !regex.empty();
  }
};

void add_wish_options(CLI::App& command, wish_options& o);

/// The warper of the wishes for a text behind `prompt_tokens` tokens. Throws usage_error for a bias that cannot be
/// read, hunch::error for a pattern that is refused.
[[nodiscard]] any_warper warper_of(const wish_options& o, const gguf::tokenizer& words, std::size_t prompt_tokens);

}  // namespace hunch::cli
