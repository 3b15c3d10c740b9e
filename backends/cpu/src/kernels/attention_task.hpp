// What an attention kernel is asked to do.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hunch::cpu {

/// Slots whose keys lie interleaved, so that lanes are keys.
inline constexpr std::size_t key_block = 16;
/// Queries (rows times heads) that one call may have.
inline constexpr std::size_t most_queries = 12;

/// The keys that one row sees, in logical order: indices [first, count), where index i lies in slot i below `run` and
/// in tail[i - run] from there on. Tails ascend.
struct attention_row {
  const float* q;  // [heads, head_dim]
  float* out;      // [heads, head_dim]
  const std::uint32_t* tail;
  std::size_t first;
  std::size_t count;
  std::size_t run;

  /// One more than the last slot that the row sees.
  [[nodiscard]] std::size_t slots() const noexcept {
    return count > run ? std::size_t{tail[count - run - 1]} + 1 : count;
  }
};

/// Attention of some rows of one sequence, for query heads that share a key-value head.
struct attention {
  const std::uint16_t* k;  // halves [slot / 16, head_dim, slot % 16]
  const std::uint16_t* v;  // halves [slot, head_dim]
  const attention_row* rows;
  std::size_t row_count;  // row_count * heads <= most_queries
  std::size_t heads;
  std::size_t head_dim;  // a multiple of 16
  float scale;
  float* scratch;  // attention_scratch(head_dim, slots) floats
};

/// Floats that a call needs when no row sees a slot from `slots` on.
[[nodiscard]] constexpr std::size_t attention_scratch(std::size_t head_dim, std::size_t slots) noexcept {
  return most_queries * (head_dim + (slots + key_block - 1) / key_block * key_block);
}

}  // namespace hunch::cpu
