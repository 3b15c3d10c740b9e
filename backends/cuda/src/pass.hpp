// What kernels know of a pass: its rows, and where each row's keys lie.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hunch::cuda {

/// Rows that one run of the graph takes; longer passes run it several times.
inline constexpr unsigned max_rows = 64;
/// Slots of one page of a KV cache.
inline constexpr unsigned page_slots = 64;
/// Keys that attention reduces together: those whose positions share a multiple of this. The split depends on
/// positions only, so a row's result does not depend on the pass.
inline constexpr unsigned split_keys = 64;

/// One row. It sees the slots [0, run) and then its tail, in that order; its position is the number of slots less one.
struct pass_row {
  std::int32_t token;
  std::uint32_t slot;  // where its key and value go
  std::uint32_t run;
  std::uint32_t count;  // slots that it sees, its own included
  std::uint32_t tail;   // offset of the tail in the pass's slots
  std::uint32_t unused;
  std::uint16_t* const* pages;  // of its sequence, in device memory
  float* logits;                // [vocab], or null where the pass has no head
  float* hidden;                // [width], likewise
};

/// A pass in device memory: this, then the tails of all rows.
struct pass_block {
  std::uint32_t rows;
  std::uint32_t unused[3];
  pass_row row[max_rows];

  /// Slot of logical index i of a row.
  [[nodiscard]] constexpr std::uint32_t slot_of(const std::uint32_t* tails, const pass_row& r,
                                                std::uint32_t i) const noexcept {
    return i < r.run ? i : tails[r.tail + (i - r.run)];
  }
};

/// How a page is laid out: [layer][kv head][key or value][slot of the page][head_dim] half-precision numbers.
struct page_shape {
  std::uint32_t layers;
  std::uint32_t kv_heads;
  std::uint32_t head_dim;

  [[nodiscard]] constexpr std::size_t values() const noexcept {
    return std::size_t{layers} * kv_heads * 2 * page_slots * head_dim;
  }
  /// Offset in a page of the vector of a slot; `part` is 0 for keys, 1 for values.
  [[nodiscard]] constexpr std::size_t at(std::uint32_t layer, std::uint32_t head, std::uint32_t part,
                                         std::uint32_t slot) const noexcept {
    return (((std::size_t{layer} * kv_heads + head) * 2 + part) * page_slots + slot % page_slots) * head_dim;
  }
};

/// First and last split of the keys [first, count) of a row.
struct split_range {
  std::uint32_t first;
  std::uint32_t end;
};
[[nodiscard]] constexpr std::uint32_t first_key(std::uint32_t count, std::uint32_t window) noexcept {
  return window != 0 && count > window ? count - window : 0;
}
[[nodiscard]] constexpr split_range splits_of(std::uint32_t count, std::uint32_t window) noexcept {
  return {first_key(count, window) / split_keys, (count + split_keys - 1) / split_keys};
}

/// Shapes that graphs are recorded for: rows are rounded up to 1, 8, 16, 32 or 64, splits to a power of two. Kernels
/// look up what is really there; the rest of a grid ends at once.
[[nodiscard]] constexpr unsigned row_bucket(std::size_t rows) noexcept {
  return rows <= 1 ? 1 : rows <= 8 ? 8 : rows <= 16 ? 16 : rows <= 32 ? 32 : max_rows;
}
[[nodiscard]] constexpr unsigned split_bucket(std::size_t splits) noexcept {
  unsigned bucket = 1;
  while (bucket < splits) bucket *= 2;
  return bucket;
}

}  // namespace hunch::cuda
