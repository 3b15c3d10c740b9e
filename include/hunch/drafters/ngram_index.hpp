// A hash table from the n-grams of a text to places in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch {

/// Maps n-grams of one order to where they begin. The table holds places, not tokens: n-grams are compared in the text
/// itself, so no two are taken for one, whatever their ids. Memory: 8 to 16 bytes an n-gram (at most half full).
class ngram_index {
 public:
  explicit ngram_index(std::size_t n) : n_{n} {}

  [[nodiscard]] std::size_t order() const noexcept { return n_; }
  /// N-grams that it holds before it has to grow.
  [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size() / 2; }

  void clear() { std::fill(slots_.begin(), slots_.end(), 0u); }
  /// Makes room for `grams` of them. True: the table grew and is empty now, so all have to be entered again.
  bool reserve(std::size_t grams) {
    if (capacity() >= grams) return false;
    std::size_t size = 1024;
    while (size < 4 * grams) size *= 2;  // far enough ahead that growing stays rare
    slots_.assign(size, 0u);
    return true;
  }

  /// The number of the slot that belongs to `gram`: it holds a place of it, or is the empty one where it would go
  /// (linear probing). `text` is the one that the places are in. Needs one reserve() before.
  [[nodiscard]] std::size_t slot(std::span<const token> text, std::span<const token> gram) const noexcept {
    std::uint64_t hash = 0x9E3779B97F4A7C15ull;
    for (const token t : gram) {
      hash = (hash ^ static_cast<std::uint32_t>(t)) * 0xD6E8FEB86659FD93ull;
      hash ^= hash >> 32;
    }
    for (std::size_t i = hash;; ++i) {
      const std::size_t at = i & (slots_.size() - 1);
      if (slots_[at] == 0 || std::ranges::equal(text.subspan(slots_[at] - 1, n_), gram)) return at;
    }
  }
  /// What a slot holds: 1 + where its n-gram begins; 0: empty.
  [[nodiscard]] std::uint32_t& operator[](std::size_t slot) noexcept { return slots_[slot]; }
  [[nodiscard]] std::uint32_t operator[](std::size_t slot) const noexcept { return slots_[slot]; }

 private:
  std::size_t n_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace hunch
