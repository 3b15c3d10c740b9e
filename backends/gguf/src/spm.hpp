// SentencePiece-style encoding: characters, merges by score, bytes where a character has no token.
#pragma once

#include <array>
#include <cstddef>
#include <hunch/gguf/file.hpp>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace hunch::gguf {

class spm {
 public:
  /// Throws hunch::error when scores are missing, or a byte has no token and there is no unknown token.
  spm(const file& from, const vocabulary& vocab);

  /// Appends the tokens of `text`, valid UTF-8 without special tokens; `space_first` puts a space before it.
  void encode(std::string_view text, bool space_first, std::vector<token>& out) const;

 private:
  const vocabulary& vocab_;
  std::size_t longest_ = 0;                 // bytes of the longest text that merges can reach
  std::array<token, 256> token_of_byte_{};  // "<0x0A>", or the byte itself, or the unknown token
};

}  // namespace hunch::gguf
