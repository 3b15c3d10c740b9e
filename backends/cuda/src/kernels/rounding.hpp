// Activations rounded to int8, as the CPU backend rounds them: d = max|x| / 127 over 32 or 256 values.
#pragma once

#include <cstdint>

#include "simt.hpp"

namespace hunch::cuda {

/// Where the rounded rows of a buffer go; null where no matrix reads that kind.
struct rounded_rows {
  std::int8_t* q_32 = nullptr;       // [rows, width]
  float* scale_32 = nullptr;         // [rows, width / 32]
  float* scaled_sum_32 = nullptr;    // [rows, width / 32]
  std::int8_t* q_256 = nullptr;      // [rows, width]
  float* scale_256 = nullptr;        // [rows, width / 256]
  std::int16_t* sums_256 = nullptr;  // [rows, width / 32]
};

/// Values of a row that one lane works on; a warp has 256, one block or eight.
inline constexpr unsigned lane_values = 8;
inline constexpr unsigned warp_values = lane_values * warp_lanes;

/// Nearest integer, ties to even, of |x| < 2^22, with the CPU's arithmetic.
__device__ __forceinline__ int nearest(float x) {
  return static_cast<int>(__builtin_bit_cast(std::uint32_t, x + 12582912.0f) - 0x4b400000u);
}

/// Rounds this lane's values and packs them; returns their sum.
__device__ __forceinline__ int round_values(const float (&v)[lane_values], float top, std::uint32_t (&packed)[2]) {
  const float inverse = top > 0.0f ? 127.0f / top : 0.0f;
  int sum = 0;
  packed[0] = packed[1] = 0;
  for (unsigned i = 0; i < lane_values; ++i) {
    const int q = static_cast<std::int8_t>(nearest(v[i] * inverse));
    sum += q;
    packed[i / 4] |= (static_cast<std::uint32_t>(q) & 0xffu) << (8 * (i % 4));
  }
  return sum;
}

/// Rounds values [at, at + 8) of a row of `width`; `at` is 8 * lane more than a multiple of 256, and the whole warp is
/// here. Values from `width` on count as 0 and are not written. Kinds are wanted only where width is whole blocks.
__device__ __forceinline__ void round_piece(const float (&v)[lane_values], unsigned at, unsigned width, unsigned row,
                                            const rounded_rows& to) {
  if (to.q_32 == nullptr && to.q_256 == nullptr) return;
  const bool inside = at < width;
  const std::size_t start = std::size_t{row} * width + at;
  const auto larger = [](float a, float b) { return a > b ? a : b; };
  float top = 0.0f;
  for (unsigned i = 0; i < lane_values; ++i) top = larger(fabsf(v[i]), top);
  for (int step = 1; step <= 2; step *= 2) top = larger(lane_xor(top, step), top);
  std::uint32_t packed[2];
  if (to.q_32 != nullptr) {
    int sum = round_values(v, top, packed);
    for (int step = 1; step <= 2; step *= 2) sum += lane_xor(sum, step);
    if (inside) {
      auto* const q = reinterpret_cast<std::uint32_t*>(to.q_32 + start);
      q[0] = packed[0];
      q[1] = packed[1];
      if (at % 32 == 0) {
        const float scale = top / 127.0f;
        to.scale_32[start / 32] = scale;
        to.scaled_sum_32[start / 32] = scale * static_cast<float>(sum);
      }
    }
  }
  if (to.q_256 != nullptr) {
    for (int step = 4; step <= 16; step *= 2) top = larger(lane_xor(top, step), top);
    int sum = round_values(v, top, packed);
    for (int step = 1; step <= 2; step *= 2) sum += lane_xor(sum, step);
    if (inside) {
      auto* const q = reinterpret_cast<std::uint32_t*>(to.q_256 + start);
      q[0] = packed[0];
      q[1] = packed[1];
      if (at % 32 == 0) to.sums_256[start / 32] = static_cast<std::int16_t>(sum);
      if (at % 256 == 0) to.scale_256[start / 256] = top / 127.0f;
    }
  }
}

}  // namespace hunch::cuda
