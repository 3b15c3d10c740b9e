// Conversations as the text that a model was trained on.
#pragma once

#include <hunch/gguf/file.hpp>
#include <optional>
#include <span>
#include <string>

namespace hunch::gguf {

struct chat_message {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

/// The chat format of a model: ChatML (SmolLM2, Qwen2.5) or Gemma's turns.
///
/// It is recognised from the template in the file; templates are not executed. A file without a template is taken
/// for Gemma's when its vocabulary has `<start_of_turn>` and `<end_of_turn>`; a base model answers poorly in it.
/// Throws hunch::error where nothing is recognised.
///
/// Encode the result with `encode_options{.add_special = true, .parse_special = true}`: the text carries no
/// begin-of-text, the tokenizer adds it where the file asks for it. Contents are inserted as they are, so a message
/// that contains "<|im_end|>" ends its turn: filter messages of strangers.
class chat_format {
 public:
  enum class style { chatml, gemma };

  explicit chat_format(const file& from);

  /// The conversation, and the start of the assistant's answer when `add_generation_prompt`.
  ///
  /// ChatML: a default system message is put first where the template has one and the first message is none.
  /// Gemma: a system message that is not empty goes before the first user's text; user and assistant must take
  /// turns; contents are trimmed.
  /// Throws hunch::error on no messages, on unknown roles and on turns out of order.
  [[nodiscard]] std::string render(std::span<const chat_message> messages, bool add_generation_prompt) const;

  [[nodiscard]] style kind() const noexcept { return style_; }
  /// The system message that the template puts first when there is none.
  [[nodiscard]] const std::optional<std::string>& default_system() const noexcept { return default_system_; }

 private:
  style style_ = style::chatml;
  std::optional<std::string> default_system_;
};

}  // namespace hunch::gguf
