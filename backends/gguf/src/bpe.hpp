// Byte-level byte-pair encoding: words, bytes, merges by rank.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <hunch/gguf/file.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "pretokenizer.hpp"
#include "vocabulary.hpp"

namespace hunch::gguf {

/// (left symbol, right symbol) → rank and merged symbol; open addressing.
class pair_table {
 public:
  struct entry {
    std::uint64_t key;  // left << 32 | right; `empty` where there is none
    std::int32_t rank;
    std::int32_t merged;
  };

  explicit pair_table(std::size_t pairs);
  /// Keeps the first of equal pairs.
  void insert(std::int32_t left, std::int32_t right, std::int32_t rank, std::int32_t merged);
  [[nodiscard]] const entry* find(std::int32_t left, std::int32_t right) const noexcept;

 private:
  static constexpr std::uint64_t empty = ~std::uint64_t{0};
  [[nodiscard]] std::size_t start(std::uint64_t key) const noexcept { return (key * 0x9E3779B97F4A7C15U) >> shift_; }

  std::vector<entry> entries_;
  unsigned shift_;
};

class bpe {
 public:
  /// Reads the merges. Throws hunch::error on a merge that is no pair, and on an unknown pre-tokenizer.
  bpe(const file& from, const vocabulary& vocab);

  /// Appends the tokens of `text`, valid UTF-8 without special tokens.
  void encode(std::string_view text, std::vector<token>& out) const;

 private:
  /// The token that a word is as a whole, or no_token. `printed` is scratch.
  [[nodiscard]] token whole_word(std::string_view word, std::string& printed) const;

  // Symbols are tokens; those from vocab.size() on are merges whose text is no token, and bytes without one.
  const vocabulary& vocab_;
  pretokenizer words_;
  pair_table merges_{0};
  std::array<std::int32_t, 256> symbol_of_byte_{};
};

}  // namespace hunch::gguf
