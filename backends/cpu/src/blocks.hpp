// Blocks of quantised values as GGUF files hold them.
#pragma once

#include <cstdint>

namespace hunch::cpu {

struct block_q4_0 {  // 32 values d * (q - 8); low nibbles are values 0..15
  std::uint16_t d;
  std::uint8_t q[16];
};
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
struct block_q5_1 {  // 32 values d * q + m, q as in Q5_0
  std::uint16_t d;
  std::uint16_t m;
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
struct block_q5_k {  // as Q4_K; bit r of fifth[i] belongs to value i of run r
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];
  std::uint8_t fifth[32];
  std::uint8_t q[128];
};
struct block_q6_k {  // 256 values d * sc * (q - 32), sc of 8 bits for 16 values
  std::uint8_t low[128];
  std::uint8_t high[64];
  std::int8_t scales[16];
  std::uint16_t d;
};
static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q4_1) == 20 && sizeof(block_q5_0) == 22 &&
              sizeof(block_q5_1) == 24 && sizeof(block_q8_0) == 34 && sizeof(block_q4_k) == 144 &&
              sizeof(block_q5_k) == 176 && sizeof(block_q6_k) == 210);
/// Floats of 16 bits: half precision, and the upper half of a float.
struct float_16 {
  std::uint16_t bits;
};
struct bfloat_16 {
  std::uint16_t bits;
};

/// Value i (0..31, not yet scaled) of a Q5_0 or Q5_1 block.
template <class Block>
[[nodiscard]] unsigned five_bits_of(const Block& b, unsigned i) noexcept {
  const unsigned low = i < 16 ? b.q[i] & 15u : static_cast<unsigned>(b.q[i - 16]) >> 4u;
  return low | ((static_cast<unsigned>(b.fifth[i / 8]) >> (i % 8)) & 1u) << 4u;
}

/// Scale and minimum scale of run i (of 8) of a Q4_K or Q5_K block.
struct scale_pair {
  std::uint8_t scale;
  std::uint8_t minimum;
};
template <class Block>
[[nodiscard]] scale_pair scales_of(const Block& b, unsigned i) noexcept {
  const auto at = [&](unsigned k) { return static_cast<unsigned>(b.scales[k]); };
  const auto byte = [](unsigned v) { return static_cast<std::uint8_t>(v); };
  if (i < 4) return {byte(at(i) & 63u), byte(at(i + 4) & 63u)};
  return {byte((at(i + 4) & 15u) | (at(i - 4) >> 6u) << 4u), byte((at(i + 4) >> 4u) | (at(i) >> 6u) << 4u)};
}

/// Value i (0..15 and 0..31, not yet scaled) of a Q4_K and a Q5_K block.
template <class Block>
[[nodiscard]] unsigned nibble_of(const Block& b, unsigned i) noexcept {
  const unsigned byte = b.q[32 * (i / 64) + i % 32];
  return i / 32 % 2 == 0 ? byte & 15u : byte >> 4u;
}
[[nodiscard]] inline unsigned value_of(const block_q4_k& b, unsigned i) noexcept { return nibble_of(b, i); }
[[nodiscard]] inline unsigned value_of(const block_q5_k& b, unsigned i) noexcept {
  return nibble_of(b, i) | ((static_cast<unsigned>(b.fifth[i % 32]) >> (i / 32)) & 1u) << 4u;
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
