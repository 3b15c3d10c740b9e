// Finds special tokens written in a text.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace hunch::gguf {

/// A stretch of text: a special token, or plain text (no_token).
struct fragment {
  std::string_view text;
  token id = no_token;
};

class special_tokens {
 public:
  explicit special_tokens(const vocabulary& vocab);

  /// Cuts a text at special tokens: user-defined ones always, control and unknown ones when `parse_special`.
  ///
  /// Longer tokens take their places first, wherever in the text; of equal length the leftmost comes first. Cost:
  /// O(n + candidates · lengths), where a candidate is a place whose two bytes start some special token.
  void split(std::string_view text, bool parse_special, std::vector<fragment>& out) const;

 private:
  struct length_group {
    std::size_t length;
    std::array<bool, 256> first{};  // bytes that tokens of this length start with
  };
  [[nodiscard]] std::vector<std::size_t> candidates(std::string_view text) const;

  const vocabulary& vocab_;
  std::vector<length_group> groups_;                 // longest first
  std::array<std::array<bool, 256>, 256> second_{};  // [first byte, second byte] of tokens of two bytes or more
  std::array<bool, 256> single_{};                   // tokens of one byte
};

}  // namespace hunch::gguf
