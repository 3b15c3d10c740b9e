#include "tile_model.hpp"

#include <cstring>

namespace hunch::test {

tile_model& tiles() {
  static thread_local tile_model all;
  return all;
}

bool tile_model::refuse(bool when, const char* why) {
  if (when && fault_ == nullptr) fault_ = why;
  return fault_ != nullptr;
}

bool tile_model::usable(int t) {
  return !refuse(!configured_, "tiles are not configured") && !refuse(t < 0 || t > 7, "no such tile") &&
         !refuse(tiles_[t].rows == 0, "a tile without a shape");
}

// Bytes 0: palette, 1: first row after an interruption, 2..15: zero, 16..47: bytes of a row, 48..63: rows.
void tile_model::configure(const void* shapes) {
  std::uint8_t bytes[64];
  std::memcpy(bytes, shapes, sizeof bytes);
  for (tile& t : tiles_) t = {};
  configured_ = false;
  if (bytes[0] == 0) return;
  if (refuse(bytes[0] != 1, "a palette that is not 1")) return;
  for (std::size_t i = 1; i < 16; ++i)
    if (refuse(bytes[i] != 0, "a reserved byte that is not zero")) return;
  for (std::size_t t = 0; t < 16; ++t) {
    const std::size_t row_bytes = bytes[16 + 2 * t] + std::size_t{256} * bytes[17 + 2 * t];
    const std::size_t rows = bytes[48 + t];
    if (refuse(rows > 16 || row_bytes > 64, "a tile that is too large") ||
        refuse((rows == 0) != (row_bytes == 0), "a shape with rows or bytes alone") ||
        refuse(t >= 8 && rows != 0, "a tile beyond the eighth"))
      return;
    if (t < 8) tiles_[t] = {rows, row_bytes, {}};
  }
  configured_ = true;
}

void tile_model::release() {
  for (tile& t : tiles_) t = {};
  configured_ = false;
}

void tile_model::zero(int t) {
  if (usable(t)) std::memset(tiles_[t].data, 0, sizeof tiles_[t].data);
}

// What lies beyond the shape becomes zero.
void tile_model::load(int t, const void* rows, std::ptrdiff_t stride) {
  if (!usable(t)) return;
  tile& to = tiles_[t];
  std::memset(to.data, 0, sizeof to.data);
  for (std::size_t r = 0; r < to.rows; ++r)
    std::memcpy(to.data[r], static_cast<const char*>(rows) + static_cast<std::ptrdiff_t>(r) * stride, to.row_bytes);
}

void tile_model::store(int t, void* rows, std::ptrdiff_t stride) {
  if (!usable(t)) return;
  const tile& from = tiles_[t];
  for (std::size_t r = 0; r < from.rows; ++r)
    std::memcpy(static_cast<char*>(rows) + static_cast<std::ptrdiff_t>(r) * stride, from.data[r], from.row_bytes);
}

void tile_model::multiply_add(int sums, int a, int b, bool signed_b) {
  if (!usable(sums) || !usable(a) || !usable(b)) return;
  tile& c = tiles_[sums];
  const tile& left = tiles_[a];
  const tile& right = tiles_[b];
  if (refuse(sums == a || a == b || sums == b, "one tile twice") ||
      refuse(c.rows != left.rows || c.row_bytes != right.row_bytes || left.row_bytes != 4 * right.rows,
             "shapes that do not fit") ||
      refuse(c.row_bytes % 4 != 0, "sums of a part of 4 bytes"))
    return;
  ++products_;
  for (std::size_t m = 0; m < c.rows; ++m) {
    for (std::size_t n = 0; n < c.row_bytes / 4; ++n) {
      std::int32_t sum;
      std::memcpy(&sum, c.data[m] + 4 * n, 4);
      for (std::size_t k = 0; k < right.rows; ++k) {
        for (std::size_t i = 0; i < 4; ++i) {
          const std::uint8_t w = right.data[k][4 * n + i];
          sum += static_cast<std::int8_t>(left.data[m][4 * k + i]) * (signed_b ? static_cast<std::int8_t>(w) : int{w});
        }
      }
      std::memcpy(c.data[m] + 4 * n, &sum, 4);
    }
    std::memset(c.data[m] + c.row_bytes, 0, 64 - c.row_bytes);
  }
  for (std::size_t m = c.rows; m < 16; ++m) std::memset(c.data[m], 0, 64);
}

}  // namespace hunch::test
