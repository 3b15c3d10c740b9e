// Text to tokens and back, as the model's file says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <hunch/core/types.hpp>
#include <hunch/gguf/file.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hunch::gguf {

/// What a token is for, by its number in the file.
///
/// control: steers the model, matched in text only with parse_special, hidden by decode.
/// user_defined: text that is always one token, matched before anything else.
/// byte: one byte, `<0x0A>`. unused and undefined: padding of the vocabulary, no text.
enum class token_kind : std::uint8_t {
  undefined = 0,
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

enum class tokenizer_kind {
  byte_bpe,       // "gpt2": merges by rank over bytes, after a pre-tokenizer (docs/limits.md lists them)
  sentencepiece,  // "llama": merges by score over characters, bytes where a character has no token
};

struct encode_options {
  bool add_special = true;     // begin- and end-of-text where the file asks for them
  bool parse_special = false;  // read control tokens written in the text; off for text of a user
};

/// The tokenizer of a model file. Copies are cheap and share one immutable state; const use from many threads is safe.
class tokenizer {
 public:
  /// Copies what it needs; the file may go. Throws hunch::error on an unknown kind or pre-tokenizer (naming those
  /// that are known), on vectors of unequal length, duplicate tokens and ids outside of the vocabulary.
  explicit tokenizer(const file& from);

  /// Tokens of a text.
  ///
  /// Bytes that belong to no valid UTF-8 character are read as U+FFFD, one for each byte. Bytes for which a
  /// byte-level vocabulary has no token are left out, as the models' training did. Special tokens are matched before
  /// anything else, longest first. Throws hunch::error for texts above 1 GiB only.
  ///
  /// What is a letter or a digit is up to PCRE2's Unicode tables. With version 10.42 (Unicode 14) words around the
  /// 5,010 letters, digits and marks of Unicode 15 are cut differently from llama.cpp; all other characters agree.
  /// Cost: O(n log n) in the worst case (one endless word), near linear on text.
  [[nodiscard]] std::vector<token> encode(std::string_view text, encode_options options = {}) const;

  /// Text of tokens; control and unknown tokens are left out unless `special`.
  ///
  /// The result is bytes as the tokens say, so a cut in the middle of a character leaves invalid UTF-8: see
  /// streaming_detokenizer. Where the file asks for a space before the text, one space at the start is removed again.
  [[nodiscard]] std::string decode(std::span<const token> tokens, bool special = false) const;

  /// Bytes of one token; the name of a control token ("<|im_end|>"). Throws hunch::error when `id` is no token.
  [[nodiscard]] std::string_view piece(token id) const;
  [[nodiscard]] token_kind kind_of(token id) const;

  /// The token with exactly this text in the file ("<|im_end|>", "Ġthe").
  [[nodiscard]] std::optional<token> find(std::string_view text) const;

  [[nodiscard]] tokenizer_kind kind() const noexcept;
  [[nodiscard]] std::size_t vocab_size() const noexcept;  // tokens of the file, padding included
  [[nodiscard]] std::optional<token> bos() const noexcept;
  [[nodiscard]] std::optional<token> eos() const noexcept;
  [[nodiscard]] bool adds_bos() const noexcept;
  [[nodiscard]] bool adds_eos() const noexcept;

  /// True for tokens that end an answer: those that the file names (eos, eot, eom) and those known by their text
  /// ("<|im_end|>", "<|endoftext|>", "<end_of_turn>", …), the set that llama.cpp stops at.
  [[nodiscard]] bool is_end_of_generation(token id) const noexcept;
  [[nodiscard]] std::span<const token> end_of_generation() const noexcept;  // ascending

 private:
  struct state;
  std::shared_ptr<const state> state_;
};

}  // namespace hunch::gguf
