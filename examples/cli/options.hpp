// Options that commands share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <hunch/any.hpp>

#include "draft_flags.hpp"

namespace hunch::cli {

struct model_options {
  std::string path;
  long threads = 0;        // 0: all cores
  long context = 0;        // 0: what the file says
  long draft_context = 0;  // 0: the target's
  std::string device = "cpu";
};

enum class verify_rule { match, rejection, block, traversal, multi_round, k_sequence, spec_hub };

struct sampling_options {
  float temperature = 0;
  long top_k = 0;
  float top_p = 1;
  float min_p = 0;
  std::uint64_t seed = 0;
  verify_rule verify = verify_rule::match;
  bool ignore_eos = false;
  std::optional<any_warper> wishes{};  // penalties, biases, a constraint: made for one prompt

  [[nodiscard]] bool greedy() const noexcept { return temperature <= 0; }
};

[[nodiscard]] const char* name_of(verify_rule rule) noexcept;
/// Rules that are there for comparison: multi-round, k-seq, spechub.
[[nodiscard]] bool judges_independent_draws(verify_rule rule) noexcept;

/// Numbers from low to high. The help says what they mean, so the range is told in errors only.
template <class T>
[[nodiscard]] CLI::Validator in_range(T low, T high) {
  return CLI::Range(low, high).description("");
}

void add_model_options(CLI::App& command, model_options& o);
void add_draft_context(CLI::App& command, model_options& o);
void add_sampling_options(CLI::App& command, sampling_options& o);
/// --spec and llama.cpp's draft flags.
void add_spec_options(CLI::App& command, std::vector<std::string>& specs, draft_flags& flags, bool several);
/// `forms`: the allowed values, the first one is the default.
void add_output_option(CLI::App& command, std::string& output, const std::vector<std::string>& forms);

/// The specs that were asked for, llama.cpp's flags translated. Throws usage_error when both are given.
[[nodiscard]] std::vector<std::string> chosen_specs(const std::vector<std::string>& specs, const draft_flags& flags);

/// CLI11 reads "-md" as "-m d": llama.cpp's two-letter flags in their long form.
[[nodiscard]] std::vector<std::string> with_long_flags(int argc, const char* const* argv);

}  // namespace hunch::cli
