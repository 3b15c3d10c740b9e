// One decoder over the models in memory: answers texts one after another and says what it cost.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <hunch/any.hpp>
#include <hunch/core/error.hpp>
#include <hunch/gguf/detokenizer.hpp>
#include <hunch/trace/stats.hpp>

#include "answer.hpp"
#include "drafters.hpp"
#include "engine.hpp"
#include "options.hpp"
#include "spec.hpp"
#include "watched.hpp"

namespace hunch::cli {

enum class finish { eos, stop, length, context };
[[nodiscard]] const char* name_of(finish f) noexcept;

/// What one text asks for.
struct text_request {
  std::size_t max_tokens = 0;
  std::vector<std::string> stops = {};
  bool logprobs = false;
};

/// What a text became. Seconds: `prefill_s` brings the caches of target and drafts to the prompt; `decode_s` is all
/// that the steps took after that, in two parts: drafting, and the target's passes with their verification.
struct text_result {
  answer text;
  std::vector<double> logprobs;  // [token] natural logarithm under the model's own law, before any warper
  finish end = finish::length;
  bool interrupted = false;
  hunch::stats stats;
  std::size_t prefilled = 0;  // tokens that the prefill ran through the target
  double prefill_s = 0;
  double decode_s = 0;
  double draft_s = 0;
  double verify_s = 0;

  [[nodiscard]] double tokens_per_s() const noexcept {
    return decode_s > 0 ? static_cast<double>(stats.emitted) / decode_s : 0;
  }
};

/// A prompt that the context does not hold.
class prompt_too_long : public error {
 public:
  using error::error;
};

/// Keeps its own KV caches; a text that continues the one before uses what is cached.
class session {
 public:
  /// Throws hunch::error when a draft model does not fit the target.
  session(engine& models, const spec& s, const sampling_options& sampling);

  /// Told after every step, outside of what is timed.
  using listener = std::function<void(answer&)>;

  /// Goes on until the text ends or the user interrupts. Throws prompt_too_long, and hunch::error for logits that are
  /// no numbers.
  [[nodiscard]] text_result run(std::span<const token> prompt, const text_request& wish, const listener& listen = {});

 private:
  void take_step(text_result& r, const text_request& wish, gguf::streaming_detokenizer& words, bool first);
  [[nodiscard]] finish end_of(const text_result& r) const noexcept;
  [[nodiscard]] double draft_prefill_s() const noexcept;
  [[nodiscard]] std::vector<token> end_of_text() const;

  model* target_model_;
  sampling_options sampling_;
  std::unique_ptr<watched> target_;
  drafter_maker drafters_;
  any_decoder decoder_;
  gguf::tokenizer tokenizer_;
};

/// After Ctrl-C running texts end at their next step; a second Ctrl-C ends the program.
void watch_for_interrupt();
[[nodiscard]] bool interrupted() noexcept;

}  // namespace hunch::cli
