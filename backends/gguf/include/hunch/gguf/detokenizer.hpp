// Text of a stream of tokens, in whole characters.
#pragma once

#include <hunch/gguf/tokenizer.hpp>
#include <string>
#include <string_view>

namespace hunch::gguf {

/// Turns tokens into text as they come, never splitting a UTF-8 character.
///
/// What comes out is valid UTF-8 always: bytes that belong to no valid character become U+FFFD, one for each byte,
/// as soon as that is certain. One object follows one stream; tokens of a stream continue a text, so that a leading
/// space is kept.
class streaming_detokenizer {
 public:
  /// `special`: print control tokens too.
  explicit streaming_detokenizer(tokenizer from, bool special = false);

  /// Text that is complete now and was not before; valid until the next call. May be empty.
  std::string_view push(token id);
  /// The same over bytes.
  std::string_view push_bytes(std::string_view bytes);
  /// What is left, with an unfinished character as U+FFFD; then starts anew.
  std::string_view flush();

 private:
  void take_complete();

  tokenizer from_;
  bool special_;
  std::string pending_;  // bytes of at most one unfinished character between calls
  std::string out_;
};

}  // namespace hunch::gguf
