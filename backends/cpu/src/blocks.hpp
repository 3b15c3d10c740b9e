// Blocks of quantised values as GGUF files hold them.
#pragma once

#include <cstdint>

namespace hunch::cpu {

struct block_q4_1 {  // 32 values d * q + m; low nibbles are values 0..15
  std::uint16_t d;
  std::uint16_t m;
  std::uint8_t q[16];
};
struct block_q5_0 {  // 32 values d * (q - 16); bit i of `fifth` belongs to value i
  std::uint16_t d;
  std::uint8_t fifth[4];
  std::uint8_t q[16];
};
struct block_q8_0 {  // 32 values d * q
  std::uint16_t d;
  std::int8_t q[32];
};
struct block_q4_k {  // 256 values d * sc * q - dmin * mn, sc and mn of 6 bits for 32 values
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];
  std::uint8_t q[128];  // 4 runs of 32 bytes: low nibbles 32 values, high nibbles the next 32
};
struct block_q6_k {  // 256 values d * sc * (q - 32), sc of 8 bits for 16 values
  std::uint8_t low[128];
  std::uint8_t high[64];
  std::int8_t scales[16];
  std::uint16_t d;
};
static_assert(sizeof(block_q4_1) == 20 && sizeof(block_q5_0) == 22 && sizeof(block_q8_0) == 34 &&
              sizeof(block_q4_k) == 144 && sizeof(block_q6_k) == 210);

/// Scale and minimum scale of run i (of 8) of a Q4_K block.
struct scale_pair {
  std::uint8_t scale;
  std::uint8_t minimum;
};
[[nodiscard]] inline scale_pair scales_of(const block_q4_k& b, unsigned i) noexcept {
  const auto at = [&](unsigned k) { return static_cast<unsigned>(b.scales[k]); };
  const auto byte = [](unsigned v) { return static_cast<std::uint8_t>(v); };
  if (i < 4) return {byte(at(i) & 63u), byte(at(i + 4) & 63u)};
  return {byte((at(i + 4) & 15u) | (at(i - 4) >> 6u) << 4u), byte((at(i + 4) >> 4u) | (at(i) >> 6u) << 4u)};
}

/// Value i (0..63, not yet minus 32) of a Q6_K block.
[[nodiscard]] inline unsigned value_of(const block_q6_k& b, unsigned i) noexcept {
  const unsigned half = i / 128;
  const unsigned quarter = i / 32 % 4;
  const unsigned at = i % 32;
  const unsigned low = b.low[64 * half + 32 * (quarter % 2) + at];
  const unsigned high = b.high[32 * half + at];
  return (quarter < 2 ? low & 15u : low >> 4u) | ((high >> (2 * quarter)) & 3u) << 4u;
}

}  // namespace hunch::cpu
