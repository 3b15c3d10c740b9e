// How matrices lie in device memory, and how a block is unpacked there. Plain C++ without a library, so that tests read
// the very functions that the device runs.
//
// A matrix [outputs, inputs] of a quantised type is cut into groups: 128 inputs (four blocks) of types with blocks of
// 32, 256 inputs (one block) of the others. A group's codes are dealt out to the four lanes that share an output in a
// tensor-core product, each lane's bytes together. Three planes, each [outputs rounded up to 16, groups]:
//
//   type        codes of a lane                                       extra                scales
//   Q4_0 Q4_1   16: word t of each of 4 blocks                        -                    d, or d and m, of 4 blocks
//   Q5_0 Q5_1   the same                                              fifth bits, 4 words  the same
//   Q8_0        32: words t and 4 + t of each of 4 blocks             -                    d of 4 blocks
//   Q4_K        32: bytes 8t.. of each of 4 runs of 32 bytes          -                    d, dmin, 12 bytes of scales
//   Q5_K        the same                                              8 a lane: fifth bits the same
//   Q6_K        48: words of low bits, then of high bits              16 scales            d
//
// The numbers are those of the file in another order; blocks that fill the last group and outputs that fill the last
// tile are zero. Float types lie as in the file.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hunch/transformer/format.hpp>

namespace hunch::cuda {

using transformer::format;
using transformer::format_count;

[[nodiscard]] constexpr bool is_float(format f) noexcept { return f <= format::bf16; }
[[nodiscard]] constexpr bool has_blocks_of_256(format f) noexcept { return f >= format::q4_k; }
[[nodiscard]] constexpr bool has_minimum(format f) noexcept {
  return f == format::q4_1 || f == format::q5_1 || f == format::q4_k || f == format::q5_k;
}
/// Inputs with one scale; 1 for floats.
[[nodiscard]] constexpr unsigned block_inputs(format f) noexcept {
  return is_float(f) ? 1 : has_blocks_of_256(f) ? 256 : 32;
}
/// Inputs of a group, and its blocks.
[[nodiscard]] constexpr unsigned group_inputs(format f) noexcept { return has_blocks_of_256(f) ? 256 : 128; }
[[nodiscard]] constexpr unsigned group_blocks(format f) noexcept { return has_blocks_of_256(f) ? 1 : 4; }

/// Bytes of a group of one output in each plane.
[[nodiscard]] constexpr unsigned code_bytes(format f) noexcept {
  return f == format::q6_k ? 192 : f == format::q8_0 || has_blocks_of_256(f) ? 128 : 64;
}
[[nodiscard]] constexpr unsigned extra_bytes(format f) noexcept {
  if (f == format::q5_k) return 32;
  return f == format::q5_0 || f == format::q5_1 || f == format::q6_k ? 16 : 0;
}
[[nodiscard]] constexpr unsigned scale_bytes(format f) noexcept {
  if (f == format::q6_k) return 2;
  return has_minimum(f) ? 16 : 8;
}
/// Bytes of a value of a float type.
[[nodiscard]] constexpr unsigned float_bytes(format f) noexcept { return f == format::f32 ? 4 : 2; }

/// Outputs of one tile: the rows of a tensor-core product.
inline constexpr unsigned tile_outputs = 16;

/// A matrix in device memory. Planes are aligned to 256 bytes.
struct matrix_view {
  format kind = format::f32;
  unsigned inputs = 0;
  unsigned outputs = 0;
  const std::uint8_t* codes = nullptr;  // or the values of a float matrix, [outputs, inputs]
  const std::uint8_t* extra = nullptr;
  const std::uint8_t* scales = nullptr;

  [[nodiscard]] constexpr unsigned groups() const noexcept {
    return (inputs + group_inputs(kind) - 1) / group_inputs(kind);
  }
  [[nodiscard]] constexpr unsigned blocks() const noexcept { return inputs / block_inputs(kind); }
  [[nodiscard]] constexpr unsigned tiles() const noexcept { return (outputs + tile_outputs - 1) / tile_outputs; }
  /// Index of a group of an output in every plane.
  [[nodiscard]] constexpr std::size_t group_at(unsigned output, unsigned group) const noexcept {
    return std::size_t{output} * groups() + group;
  }
};

/// Bytes of the planes of a matrix, and of all three.
struct plane_sizes {
  std::size_t codes = 0;
  std::size_t extra = 0;
  std::size_t scales = 0;

  [[nodiscard]] static constexpr std::size_t aligned(std::size_t n) noexcept { return (n + 255) / 256 * 256; }
  [[nodiscard]] constexpr std::size_t all() const noexcept { return aligned(codes) + aligned(extra) + aligned(scales); }
};
[[nodiscard]] constexpr plane_sizes planes_of(const matrix_view& m) noexcept {
  if (is_float(m.kind)) return {std::size_t{m.outputs} * m.inputs * float_bytes(m.kind), 0, 0};
  const std::size_t n = std::size_t{m.tiles()} * tile_outputs * m.groups();
  return {n * code_bytes(m.kind), n * extra_bytes(m.kind), n * scale_bytes(m.kind)};
}

// --- words of four codes ---

[[nodiscard]] constexpr std::uint32_t low_nibbles(std::uint32_t w) noexcept { return w & 0x0f0f0f0fu; }
[[nodiscard]] constexpr std::uint32_t high_nibbles(std::uint32_t w) noexcept { return (w >> 4) & 0x0f0f0f0fu; }
/// 16 in byte i where bit i of the four lowest bits is set.
[[nodiscard]] constexpr std::uint32_t fifth_of(std::uint32_t bits) noexcept {
  return (((bits & 15u) * 0x00204081u) & 0x01010101u) << 4;
}
/// Takes `Offset` off every byte (all below 128) and leaves signed bytes. No borrow crosses bytes: each is 128 or more
/// while it is subtracted from.
template <std::uint32_t Offset>
[[nodiscard]] constexpr std::uint32_t less(std::uint32_t bytes) noexcept {
  if constexpr (Offset == 0) return bytes;
  return ((bytes | 0x80808080u) - Offset * 0x01010101u) ^ 0x80808080u;
}

/// What is taken off the stored codes.
[[nodiscard]] constexpr std::uint32_t code_offset(format f) noexcept {
  return f == format::q4_0 ? 8 : f == format::q5_0 ? 16 : f == format::q6_k ? 32 : 0;
}

/// Scales (in `a` runs 0..3, in `b` runs 4..7) or minimum scales of Q4_K and Q5_K, 6 bits each, from their 12 bytes.
struct eight_bytes {
  std::uint32_t a;
  std::uint32_t b;

  [[nodiscard]] constexpr int operator[](unsigned i) const noexcept {
    return static_cast<int>(((i < 4 ? a : b) >> (8 * (i % 4))) & 0xffu);
  }
};
[[nodiscard]] constexpr eight_bytes run_scales(std::uint32_t w0, std::uint32_t w2) noexcept {
  return {w0 & 0x3f3f3f3fu, (w2 & 0x0f0f0f0fu) | ((w0 >> 2) & 0x30303030u)};
}
[[nodiscard]] constexpr eight_bytes run_minima(std::uint32_t w1, std::uint32_t w2) noexcept {
  return {w1 & 0x3f3f3f3fu, ((w2 >> 4) & 0x0f0f0f0fu) | ((w1 >> 2) & 0x30303030u)};
}

// --- where a value of a block lies: the host's packing and the reading of single rows use these ---

/// Of value `i` of a group: the lane that holds it, the word of that lane, the byte of the word, high nibble or low.
struct code_place {
  unsigned lane;
  unsigned word;
  unsigned byte;
  bool high;
};
[[nodiscard]] constexpr code_place place_of(format f, unsigned i) noexcept {
  if (f == format::q6_k) {  // words [half of 128][quarter % 2][side of 16]; quarters 2 and 3 are high nibbles
    const unsigned quarter = i / 32 % 4;
    return {i % 16 / 4, 4 * (i / 128) + 2 * (quarter % 2) + i / 16 % 2, i % 4, quarter >= 2};
  }
  if (has_blocks_of_256(f)) return {i % 32 / 8, 2 * (i / 64) + i % 8 / 4, i % 4, i / 32 % 2 == 1};
  const unsigned side = i % 32 / 16;  // of a block
  if (f == format::q8_0) return {i % 16 / 4, 2 * (i / 32) + side, i % 4, false};
  return {i % 16 / 4, i / 32, i % 4, side == 1};
}
/// Bytes of codes of one lane.
[[nodiscard]] constexpr unsigned lane_bytes(format f) noexcept { return code_bytes(f) / 4; }

/// Exact value of a half-precision number, in plain C++.
[[nodiscard]] constexpr float half_of(std::uint32_t h) noexcept {
  float magnitude = static_cast<float>(h & 1023u);
  int exponent = static_cast<int>((h >> 10) & 31u);
  if (exponent != 0) magnitude += 1024.0f;
  for (exponent = (exponent == 0 ? 1 : exponent) - 25; exponent < 0; ++exponent) magnitude *= 0.5f;
  for (; exponent > 0; --exponent) magnitude *= 2.0f;
  return (h & 0x8000u) != 0 ? -magnitude : magnitude;
}

namespace detail {
[[nodiscard]] constexpr std::uint32_t half_at(const std::uint8_t* p) noexcept {
  return p[0] | std::uint32_t{p[1]} << 8;
}
[[nodiscard]] constexpr std::uint32_t word_at(const std::uint8_t* p) noexcept {
  return half_at(p) | half_at(p + 2) << 16;
}
}  // namespace detail

/// The stored code of value `i` of a group, its offset not yet taken off (signed for Q8_0).
[[nodiscard]] constexpr int code_of(const matrix_view& m, std::size_t group, unsigned i) noexcept {
  const code_place at = place_of(m.kind, i);
  const std::uint8_t* lane = m.codes + group * code_bytes(m.kind) + at.lane * lane_bytes(m.kind);
  const unsigned byte = lane[4 * at.word + at.byte];
  if (m.kind == format::q8_0) return static_cast<std::int8_t>(byte);
  unsigned code = at.high ? byte >> 4 : byte & 15u;
  const std::uint8_t* extra = m.extra + group * extra_bytes(m.kind);
  switch (m.kind) {
    case format::q5_0:
    case format::q5_1:
      code |= ((detail::word_at(extra + 4 * (i / 32)) >> (i % 32)) & 1u) << 4;
      break;
    case format::q5_k:
      code |= ((static_cast<unsigned>(extra[i % 32]) >> (i / 32)) & 1u) << 4;
      break;
    case format::q6_k: {  // high bits: words [half][side] behind the eight low ones, two bits a quarter
      const unsigned high = lane[32 + 4 * (2 * (i / 128) + i / 16 % 2) + at.byte];
      code |= ((high >> (2 * (i / 32 % 4))) & 3u) << 4;
      break;
    }
    default:
      break;
  }
  return static_cast<int>(code);
}

/// Value `input` of row `output`, with the roundings of the CPU backend's rows.
[[nodiscard]] constexpr float value_at(const matrix_view& m, unsigned output, unsigned input) noexcept {
  if (is_float(m.kind)) {
    const std::uint8_t* p = m.codes + (std::size_t{output} * m.inputs + input) * float_bytes(m.kind);
    if (m.kind == format::f16) return half_of(detail::half_at(p));
    const std::uint32_t bits = m.kind == format::bf16 ? detail::half_at(p) << 16 : detail::word_at(p);
    return __builtin_bit_cast(float, bits);
  }
  const std::size_t group = m.group_at(output, input / group_inputs(m.kind));
  const unsigned i = input % group_inputs(m.kind);
  const int code = code_of(m, group, i) - static_cast<int>(code_offset(m.kind));
  const std::uint8_t* scales = m.scales + group * scale_bytes(m.kind);
  switch (m.kind) {
    case format::q4_1:
    case format::q5_1: {
      const std::uint8_t* p = scales + 4 * (i / 32);
      return half_of(detail::half_at(p)) * static_cast<float>(code) + half_of(detail::half_at(p + 2));
    }
    case format::q4_k:
    case format::q5_k: {
      const std::uint32_t w0 = detail::word_at(scales + 4), w1 = detail::word_at(scales + 8);
      const std::uint32_t w2 = detail::word_at(scales + 12);
      const float low = half_of(detail::half_at(scales + 2)) * static_cast<float>(run_minima(w1, w2)[i / 32]);
      return half_of(detail::half_at(scales)) * static_cast<float>(run_scales(w0, w2)[i / 32] * code) - low;
    }
    case format::q6_k: {
      const int scale = static_cast<std::int8_t>(m.extra[group * extra_bytes(m.kind) + i / 16]);
      return half_of(detail::half_at(scales)) * static_cast<float>(scale * code);
    }
    default:
      return half_of(detail::half_at(scales + 2 * (i / 32))) * static_cast<float>(code);
  }
}

}  // namespace hunch::cuda
