// The tokens of a file: texts, kinds, scores, bytes, and which of them are special.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <hunch/gguf/tokenizer.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text_index.hpp"

namespace hunch::gguf {

/// Immutable once built; it owns its texts, so it must not be copied or moved.
class vocabulary {
 public:
  explicit vocabulary(const file& from);
  vocabulary(const vocabulary&) = delete;
  vocabulary& operator=(const vocabulary&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }
  [[nodiscard]] std::string_view text(token id) const noexcept { return texts_[index(id)]; }
  [[nodiscard]] std::string_view piece(token id) const noexcept { return pieces_[index(id)]; }
  [[nodiscard]] token_kind kind(token id) const noexcept { return kinds_[index(id)]; }
  [[nodiscard]] float score(token id) const noexcept { return scores_.empty() ? 0 : scores_[index(id)]; }
  [[nodiscard]] bool has_scores() const noexcept { return !scores_.empty(); }
  [[nodiscard]] bool contains(token id) const noexcept { return id >= 0 && index(id) < texts_.size(); }
  /// The token of that text, or no_token.
  [[nodiscard]] token find(std::string_view text) const noexcept { return index_.find(text, texts_); }

  tokenizer_kind model;
  std::optional<token> bos;
  std::optional<token> eos;
  std::optional<token> unknown;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
  std::vector<token> end_of_generation;  // ascending

 private:
  static std::size_t index(token id) noexcept { return static_cast<std::size_t>(id); }
  void read_tokens(const file& from);
  void read_special_ids(const file& from);
  void mark_by_text();
  void make_pieces();
  std::string_view keep(std::string text);

  std::string pool_;              // texts of all tokens, one after the other
  std::deque<std::string> made_;  // pieces that differ from the text
  std::vector<std::string_view> texts_;
  std::vector<std::string_view> pieces_;
  std::vector<token_kind> kinds_;
  std::vector<float> scores_;
  text_index index_;
};

/// The alphabet of byte-level BPE: each byte as a printable character, in UTF-8.
[[nodiscard]] const std::array<std::string, 256>& byte_alphabet();
/// The reverse: bytes of a text in that alphabet, or nothing when a character is not in it.
[[nodiscard]] std::optional<std::string> bytes_of_alphabet(std::string_view text);

}  // namespace hunch::gguf
