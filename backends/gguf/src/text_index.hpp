// Text → token by open addressing. Most look-ups of an encoder miss, and a miss here reads one cache line.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <hunch/core/types.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace hunch::gguf {

class text_index {
 public:
  /// Room for `count` texts.
  void reserve(std::size_t count) { slots_.assign(std::bit_ceil(count * 2 + 2), {0, no_token}); }

  /// Adds texts[id]. Returns the token that has the same text already, or no_token.
  token add(token id, std::span<const std::string_view> texts) {
    const auto text = texts[static_cast<std::size_t>(id)];
    const auto hash = std::hash<std::string_view>{}(text);
    std::size_t i = hash & mask();
    for (; slots_[i].id != no_token; i = (i + 1) & mask())
      if (same(slots_[i], hash, text, texts)) return slots_[i].id;
    slots_[i] = {static_cast<std::uint32_t>(hash >> 32), id};
    return no_token;
  }

  /// The token of that text, or no_token. Needs a reserve before.
  [[nodiscard]] token find(std::string_view text, std::span<const std::string_view> texts) const noexcept {
    const auto hash = std::hash<std::string_view>{}(text);
    std::size_t i = hash & mask();
    for (; slots_[i].id != no_token; i = (i + 1) & mask())
      if (same(slots_[i], hash, text, texts)) return slots_[i].id;
    return no_token;
  }

 private:
  struct slot {
    std::uint32_t tag;  // upper half of the hash: texts are compared only when it agrees
    token id;
  };
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] static bool same(const slot& s, std::size_t hash, std::string_view text,
                                 std::span<const std::string_view> texts) noexcept {
    return s.tag == static_cast<std::uint32_t>(hash >> 32) && texts[static_cast<std::size_t>(s.id)] == text;
  }

  std::vector<slot> slots_;
};

}  // namespace hunch::gguf
