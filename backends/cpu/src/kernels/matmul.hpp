// Products of packed matrices and quantised rows. Lanes are outputs; every lane runs the same chain over the blocks.
#pragma once

#include "formats.hpp"
#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Asks for the lines of a block 4 KiB ahead: the processor alone does not keep enough of them on their way.
template <std::size_t Bytes>
inline void fetch_ahead(const unsigned char* p) {
#pragma GCC unroll 64
  for (std::size_t at = 0; at < Bytes; at += 64) __builtin_prefetch(p + 4096 + at);
}

// --- one scale for 32 values: acc = fma(float(I), d_w * d_a, acc), I an exact integer ---

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

// --- scales of scales for 256 values: acc = fma(float(I), d * d_a, acc), I over all 256 ---

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
        for (int j = 0; j < 4; ++j) minima = dot2(minima, strip + F::minima_at + 32 * j, p.in.sum_256 + at * 8 + 2 * j);
        acc[r] = fma(negated(mul(dmin, da)), to_float(minima), acc[r]);
      }
    }
  }
}

// --- float weights: acc = fma(w, a, acc), even inputs in one chain and odd ones in another, added at the end ---
// Two chains, because one waits for its own result longer than memory needs for the next weights.

template <class F, std::size_t Rows>
inline void tile_1(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  f32x16 odd[Rows];
  for (std::size_t r = 0; r < Rows; ++r) acc[r] = odd[r] = broadcast(0.0f);
  const float* a = p.in.f32 + row * p.inputs;
  std::size_t i = 0;
  for (; i + 2 <= p.inputs; i += 2, strip += 2 * bytes) {
    fetch_ahead<2 * bytes>(strip);
    const f32x16 first = F::column(strip);
    const f32x16 second = F::column(strip + bytes);
    for (std::size_t r = 0; r < Rows; ++r) {
      acc[r] = fma(first, broadcast(a[r * p.inputs + i]), acc[r]);
      odd[r] = fma(second, broadcast(a[r * p.inputs + i + 1]), odd[r]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    if (i < p.inputs) acc[r] = fma(F::column(strip), broadcast(a[r * p.inputs + i]), acc[r]);
    acc[r] = add(acc[r], odd[r]);
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
  if constexpr (activations_of(F::kind) == activation_kind::f32)
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
