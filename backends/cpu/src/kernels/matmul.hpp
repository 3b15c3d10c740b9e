// Products of packed matrices and quantised rows. Lanes are outputs; every lane runs the same chain over the blocks.
#pragma once

#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

// --- formats with one scale for 32 values: acc = fma(float(I), d_w * d_a, acc), I an exact integer ---

struct q4_1_blocks {
  static constexpr format kind = format::q4_1;
  static constexpr std::size_t scale_at = 256;
  static constexpr bool has_minimum = true;  // then acc = fma(m_w, d_a * float(sum a), acc)
  static constexpr std::int32_t offset = 0;
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) {
    for (int j = 0; j < 4; ++j) {
      const u8x64 both = load_bytes(p + 64 * j);
      w[j] = low_nibbles(both);
      w[j + 4] = high_nibbles(both);
    }
  }
};

struct q5_0_blocks {
  static constexpr format kind = format::q5_0;
  static constexpr std::size_t scale_at = 320;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -16;  // values are stored as 0..31
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) {
    for (int j = 0; j < 4; ++j) {
      const u8x64 both = load_bytes(p + 64 * j);
      w[j] = add_fifth_bits(low_nibbles(both), p + 256 + 8 * j);
      w[j + 4] = add_fifth_bits(high_nibbles(both), p + 288 + 8 * j);
    }
  }
};

struct q8_0_blocks {
  static constexpr format kind = format::q8_0;
  static constexpr std::size_t scale_at = 512;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -128;  // values are stored as 0..255
  static constexpr bool wide = true;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) {
    for (int j = 0; j < 8; ++j) w[j] = load_bytes(p + 64 * j);
  }
};

/// Asks for the lines of a block 4 KiB ahead: the processor alone does not keep enough of them on their way.
template <std::size_t Bytes>
inline void fetch_ahead(const unsigned char* p) {
#pragma GCC unroll 64
  for (std::size_t at = 0; at < Bytes; at += 64) __builtin_prefetch(p + 4096 + at);
}

template <class F, std::size_t Rows>
inline void tile_32(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Rows]) {
  const std::size_t blocks = p.inputs / 32;
  for (std::size_t r = 0; r < Rows; ++r) acc[r] = broadcast(0.0f);
  for (std::size_t b = 0; b < blocks; ++b, strip += strip_block_bytes(F::kind)) {
    fetch_ahead<strip_block_bytes(F::kind)>(strip);
    u8x64 w[8];
    F::unpack(strip, w);
    const f32x16 d = load_halves(strip + F::scale_at);
    f32x16 m = d;
    if constexpr (F::has_minimum) m = load_halves(strip + F::scale_at + 32);
    for (std::size_t r = 0; r < Rows; ++r) {
      const std::size_t at = (row + r) * blocks + b;
      const signed char* a = p.in.q + at * 32;
      i32x16 dot = broadcast_int(F::offset == 0 ? 0 : F::offset * p.in.sum[at]);
      for (int j = 0; j < 8; ++j) dot = F::wide ? dot4_wide(dot, w[j], a + 4 * j) : dot4(dot, w[j], a + 4 * j);
      acc[r] = fma(to_float(dot), mul(d, broadcast(p.in.scale[at])), acc[r]);
      if constexpr (F::has_minimum) acc[r] = fma(m, broadcast(p.in.scaled_sum[at]), acc[r]);
    }
  }
}

// --- formats with scales of scales for 256 values: acc = fma(float(I), d * d_a, acc), I over all 256 ---

struct q4_k_blocks {
  static constexpr format kind = format::q4_k;
  static constexpr int parts = 8;            // runs of values with one integer scale
  static constexpr int vectors = 8;          // of 4 values each in a part
  static constexpr bool has_minimum = true;  // then acc = fma(-(dmin * d_a), float(M), acc), M = sum of mn * sum a
  static constexpr std::size_t scale_at = 2304;

  static inline void unpack(const unsigned char* p, int part, u8x64 (&w)[vectors]) {
    const unsigned char* q = p + 512 * (part / 2);
    for (int j = 0; j < vectors; ++j)
      w[j] = part % 2 == 0 ? low_nibbles(load_bytes(q + 64 * j)) : high_nibbles(load_bytes(q + 64 * j));
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_u8(p + 2048 + 16 * part); }
  static inline i32x16 start(const activation_rows&, std::size_t, int) { return broadcast_int(0); }
};

struct q6_k_blocks {
  static constexpr format kind = format::q6_k;
  static constexpr int parts = 16;
  static constexpr int vectors = 4;
  static constexpr bool has_minimum = false;
  static constexpr std::size_t scale_at = 3328;

  // part = 8 half + 2 quarter + side, as the file orders them: quarters 0 and 1 are low nibbles.
  static inline void unpack(const unsigned char* p, int part, u8x64 (&w)[vectors]) {
    const int half = part / 8;
    const int quarter = part / 2 % 4;
    const int side = part % 2;
    const unsigned char* low = p + 1024 * half + 512 * (quarter % 2) + 256 * side;
    const unsigned char* up = p + 2048 + 512 * half + 256 * side;
    for (int j = 0; j < vectors; ++j) {
      const u8x64 nibbles = load_bytes(low + 64 * j);
      const u8x64 bits = load_bytes(up + 64 * j);
      switch (quarter) {
        case 0:
          w[j] = either(low_nibbles(nibbles), two_bits_up<0>(bits));
          break;
        case 1:
          w[j] = either(low_nibbles(nibbles), two_bits_up<2>(bits));
          break;
        case 2:
          w[j] = either(high_nibbles(nibbles), two_bits_up<4>(bits));
          break;
        default:
          w[j] = either(high_nibbles(nibbles), two_bits_up<6>(bits));
          break;
      }
    }
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_i8(p + 3072 + 16 * part); }
  /// Values are stored as 0..63; what that adds is taken back before the integer scale.
  static inline i32x16 start(const activation_rows& in, std::size_t block, int part) {
    return broadcast_int(in.offset[block * 16 + static_cast<std::size_t>(part)]);
  }
};

template <class F, std::size_t Rows>
inline void tile_256(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Rows]) {
  const std::size_t blocks = p.inputs / 256;
  for (std::size_t r = 0; r < Rows; ++r) acc[r] = broadcast(0.0f);
  for (std::size_t b = 0; b < blocks; ++b, strip += strip_block_bytes(F::kind)) {
    fetch_ahead<strip_block_bytes(F::kind)>(strip);
    i32x16 whole[Rows];
    for (std::size_t r = 0; r < Rows; ++r) whole[r] = broadcast_int(0);
#pragma GCC unroll 16
    for (int part = 0; part < F::parts; ++part) {
      u8x64 w[F::vectors];
      F::unpack(strip, part, w);
      const i32x16 scale = F::part_scale(strip, part);
      for (std::size_t r = 0; r < Rows; ++r) {
        const std::size_t at = (row + r) * blocks + b;
        const signed char* a = p.in.q + at * 256 + F::vectors * 4 * part;
        i32x16 dot = F::start(p.in, at, part);
        for (int j = 0; j < F::vectors; ++j) dot = dot4(dot, w[j], a + 4 * j);
        whole[r] = add(whole[r], mul(dot, scale));
      }
    }
    const f32x16 d = load_halves(strip + F::scale_at);
    f32x16 dmin = d;
    if constexpr (F::has_minimum) dmin = load_halves(strip + F::scale_at + 32);
    for (std::size_t r = 0; r < Rows; ++r) {
      const std::size_t at = (row + r) * blocks + b;
      const f32x16 da = broadcast(p.in.scale[at]);
      acc[r] = fma(to_float(whole[r]), mul(d, da), acc[r]);
      if constexpr (F::has_minimum) {
        i32x16 minima = broadcast_int(0);
        for (int j = 0; j < 4; ++j) minima = dot2(minima, strip + 2176 + 32 * j, p.in.sum_256 + at * 8 + 2 * j);
        acc[r] = fma(negated(mul(dmin, da)), to_float(minima), acc[r]);
      }
    }
  }
}

// --- float weights: acc = fma(w, a, acc) over the inputs in order ---

struct f32_blocks {
  static constexpr format kind = format::f32;
};

template <class F, std::size_t Rows>
inline void tile_1(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Rows]) {
  const float* w = reinterpret_cast<const float*>(strip);
  for (std::size_t r = 0; r < Rows; ++r) acc[r] = broadcast(0.0f);
  for (std::size_t i = 0; i < p.inputs; ++i) {
    const f32x16 column = load(w + 16 * i);
    for (std::size_t r = 0; r < Rows; ++r) acc[r] = fma(column, broadcast(p.in.f32[(row + r) * p.inputs + i]), acc[r]);
  }
}

// --- strips and rows ---

inline void store_outputs(const product& p, std::size_t strip, std::size_t row, f32x16 sums) {
  const std::size_t first = strip * strip_outputs;
  float* out = p.out[row] + first;
  if (first + strip_outputs <= p.outputs) {
    store(out, p.bias == nullptr ? sums : add(sums, load(p.bias + first)));
    return;
  }
  float lanes[strip_outputs];
  store(lanes, sums);
  for (std::size_t l = 0; first + l < p.outputs; ++l)
    out[l] = p.bias == nullptr ? lanes[l] : lanes[l] + p.bias[first + l];
}

template <class F, std::size_t Rows>
inline void multiply_tile(const product& p, const unsigned char* weights, std::size_t strip, std::size_t row) {
  f32x16 acc[Rows];
  if constexpr (F::kind == format::f32)
    tile_1<F, Rows>(p, weights, row, acc);
  else if constexpr (activations_of(F::kind) == activation_kind::int8_32)
    tile_32<F, Rows>(p, weights, row, acc);
  else
    tile_256<F, Rows>(p, weights, row, acc);
  for (std::size_t r = 0; r < Rows; ++r) store_outputs(p, strip, row + r, acc[r]);
}

/// The last rows of a strip, fewer than a full tile.
template <class F, std::size_t Rows>
inline void multiply_rest(const product& p, const unsigned char* weights, std::size_t strip, std::size_t row) {
  if constexpr (Rows > 0) {
    if (p.rows - row == Rows)
      multiply_tile<F, Rows>(p, weights, strip, row);
    else
      multiply_rest<F, Rows - 1>(p, weights, strip, row);
  }
}

/// A strip of weights is read from memory once and serves all rows, a tile of rows at a time.
template <class F>
void multiply(const product& p) {
  const std::size_t strip_bytes = p.inputs / block_values(F::kind) * strip_block_bytes(F::kind);
  for (std::size_t s = p.first_strip; s < p.last_strip; ++s) {
    const unsigned char* weights = p.weights + s * strip_bytes;
    std::size_t row = 0;
    for (; row + tile_rows <= p.rows; row += tile_rows) multiply_tile<F, tile_rows>(p, weights, s, row);
    multiply_rest<F, tile_rows - 1>(p, weights, s, row);
  }
}

}  // namespace hunch::cpu::HUNCH_ISA
