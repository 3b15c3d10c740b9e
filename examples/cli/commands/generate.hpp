// Parts of `hunch generate` that its comparison shares.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../engine.hpp"
#include "../options.hpp"
#include "../report.hpp"
#include "../session.hpp"
#include "../wishes.hpp"

namespace hunch::cli {

struct generate_options {
  model_options model;
  std::string prompt;
  std::string file;
  bool chat = false;
  long max_tokens = 256;
  std::vector<std::string> stops;
  sampling_options sampling;
  wish_options wishes;
  std::vector<std::string> specs;
  draft_flags flags;
  bool compare = false;
  long repeat = 1;
  std::string output;
  bool logprobs = false;
  std::string color = "auto";
};

/// Prints text as it becomes certain.
class printer {
 public:
  explicit printer(bool color) : color_{color} {}
  void operator()(answer& text);

 private:
  bool color_;
};

[[nodiscard]] std::vector<token> encode_prompt(const generate_options& o, const model& target);
[[nodiscard]] text_request request_of(const generate_options& o);
[[nodiscard]] json result_json(const generate_options& o, const std::string& spec_text, std::size_t prompt_tokens,
                               const text_result& r);
/// The sampling options of this prompt: with its wishes.
[[nodiscard]] sampling_options sampling_of(const generate_options& o, const model& target, std::size_t prompt_tokens);
/// One line for people.
[[nodiscard]] std::string summary(const text_result& r, std::size_t prompt_tokens);

/// `hunch generate --compare`: plain decoding and the spec on the same prompt. Fails when texts that must be identical
/// are not.
int compare(const generate_options& o, engine& models, const std::string& spec_text);

}  // namespace hunch::cli
