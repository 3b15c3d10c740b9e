// Products of packed matrices and quantised rows. Lanes are outputs; every lane runs the same chain over the blocks.
#pragma once

#include "formats.hpp"
#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Asks for one line of the block that lies 4 KiB ahead; the processor alone does not keep enough of them on their way.
/// One line a step, since many at once would wait for each other and hold up the arithmetic.
template <std::size_t Bytes>
inline void fetch_ahead(const unsigned char* block, std::size_t line) {
  if (64 * line < Bytes) __builtin_prefetch(block + 4096 + 64 * line);
}

// A tile is some strips of a matrix by some rows. Every step of four inputs reads a vector of weights for each strip
// and a word of activations for each row, and makes a dot product of every pair, each a chain of its own: enough chains
// to hide the latency of one, few enough to stay in registers. The loops over them are unrolled because of that.

template <std::size_t Rows, std::size_t Strips, class T>
inline void fill(T (&t)[Strips][Rows], T value) {
  for (std::size_t s = 0; s < Strips; ++s)
    for (std::size_t r = 0; r < Rows; ++r) t[s][r] = value;
}

// --- one scale for 32 values: acc = fma(float(I), d_w * d_a, acc), I an exact integer ---

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_32(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  const std::size_t blocks = p.inputs / 32;
  for (std::size_t b = 0; b < blocks; ++b, strip += bytes) {
    const unsigned char* w[Strips];
    for (std::size_t s = 0; s < Strips; ++s) w[s] = strip + s * blocks * bytes;
    const std::size_t first = block_at(row, b, blocks);
    const signed char* q = p.in.q + first * 32;
    i32x16 dot[Strips][Rows];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const i32x16 start = broadcast_int(F::offset == 0 ? 0 : F::offset * p.in.sum[first + r]);
#pragma GCC unroll 2
      for (std::size_t s = 0; s < Strips; ++s) dot[s][r] = start;
    }
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      u8x64 v[Strips];
#pragma GCC unroll 2
      for (std::size_t s = 0; s < Strips; ++s) {
        fetch_ahead<bytes>(w[s], static_cast<std::size_t>(j));
        v[s] = F::vector(w[s], j);
      }
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        const word a = load_word(q + 32 * r + 4 * j);
#pragma GCC unroll 2
        for (std::size_t s = 0; s < Strips; ++s)
          dot[s][r] = F::wide ? dot4_wide(dot[s][r], v[s], a) : dot4(dot[s][r], v[s], a);
      }
    }
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) {
      const f32x16 d = load_halves(w[s] + F::scale_at);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        const std::size_t at = first + r;
        acc[s][r] = fma(to_float(dot[s][r]), mul(d, broadcast(p.in.scale[at])), acc[s][r]);
        if constexpr (F::has_minimum)
          acc[s][r] = fma(load_halves(w[s] + F::scale_at + 32), broadcast(p.in.scaled_sum[at]), acc[s][r]);
      }
    }
  }
}

// --- scales of scales for 256 values: acc = fma(float(I), d * d_a, acc), I over all 256 ---

/// Adds the parts of one turn, from side Side on, to the integers of a block.
template <class F, std::size_t Rows, std::size_t Strips, int Side = 0>
inline void add_turn(const product& p, const unsigned char* const (&w)[Strips], std::size_t first, int turn,
                     i32x16 (&whole)[Strips][Rows]) {
  if constexpr (Side < F::sides) {
    const int part = F::part(turn, Side);
    const signed char* q = p.in.q + first * 256 + F::vectors * 4 * part;
    i32x16 dot[Strips][Rows];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const i32x16 start = F::start(p.in, first + r, part);
#pragma GCC unroll 2
      for (std::size_t s = 0; s < Strips; ++s) dot[s][r] = start;
    }
#pragma GCC unroll 8
    for (int j = 0; j < F::vectors; ++j) {
      u8x64 v[Strips];
#pragma GCC unroll 2
      for (std::size_t s = 0; s < Strips; ++s) {
        fetch_ahead<strip_block_bytes(F::kind)>(w[s], static_cast<std::size_t>(F::vectors * part + j));
        v[s] = F::template vector<Side>(w[s], turn, j);
      }
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        const word a = load_word(q + 256 * r + 4 * j);
#pragma GCC unroll 2
        for (std::size_t s = 0; s < Strips; ++s) dot[s][r] = dot4(dot[s][r], v[s], a);
      }
    }
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) {
      const i32x16 scale = F::part_scale(w[s], part);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) whole[s][r] = add(whole[s][r], mul(dot[s][r], scale));
    }
    add_turn<F, Rows, Strips, Side + 1>(p, w, first, turn, whole);
  }
}

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_256(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  const std::size_t blocks = p.inputs / 256;
  for (std::size_t b = 0; b < blocks; ++b, strip += bytes) {
    const unsigned char* w[Strips];
    for (std::size_t s = 0; s < Strips; ++s) w[s] = strip + s * blocks * bytes;
    const std::size_t first = block_at(row, b, blocks);
    i32x16 whole[Strips][Rows];
    fill(whole, broadcast_int(0));
    for (int turn = 0; turn < F::turns; ++turn) add_turn<F, Rows, Strips>(p, w, first, turn, whole);
    for (std::size_t s = 0; s < Strips; ++s) {
      const f32x16 d = load_halves(w[s] + F::scale_at);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        const std::size_t at = first + r;
        const f32x16 da = broadcast(p.in.scale[at]);
        acc[s][r] = fma(to_float(whole[s][r]), mul(d, da), acc[s][r]);
        if constexpr (F::has_minimum) {
          i32x16 minima = broadcast_int(0);
          for (int j = 0; j < 4; ++j)
            minima = dot2(minima, w[s] + F::minima_at + 32 * j, p.in.sum_256 + at * 8 + 2 * j);
          acc[s][r] = fma(negated(mul(load_halves(w[s] + F::scale_at + 32), da)), to_float(minima), acc[s][r]);
        }
      }
    }
  }
}

// --- float weights: acc = fma(w, a, acc), even inputs in one chain and odd ones in another, added at the end ---
// Two chains, because one waits for its own result longer than memory needs for the next weights.

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_1(const product& p, const unsigned char* strip, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  f32x16 odd[Strips][Rows];
  fill(odd, broadcast(0.0f));
  const float* a = p.in.f32 + row * p.inputs;
  std::size_t i = 0;
  for (; i + 2 <= p.inputs; i += 2, strip += 2 * bytes) {
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) {
      const unsigned char* w = strip + s * p.inputs * bytes;
      for (std::size_t at = 0; at < 2 * bytes; at += 64) __builtin_prefetch(w + 4096 + at);
      const f32x16 first = F::column(w);
      const f32x16 second = F::column(w + bytes);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        acc[s][r] = fma(first, broadcast(a[r * p.inputs + i]), acc[s][r]);
        odd[s][r] = fma(second, broadcast(a[r * p.inputs + i + 1]), odd[s][r]);
      }
    }
  }
  for (std::size_t s = 0; s < Strips; ++s) {
    for (std::size_t r = 0; r < Rows; ++r) {
      if (i < p.inputs)
        acc[s][r] = fma(F::column(strip + s * p.inputs * bytes), broadcast(a[r * p.inputs + i]), acc[s][r]);
      acc[s][r] = add(acc[s][r], odd[s][r]);
    }
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

/// Products of Strips strips, from `strip` on, with Rows rows, from `row` on.
template <class F, std::size_t Rows, std::size_t Strips>
void multiply_tile(const product& p, std::size_t strip, std::size_t row) {
  const std::size_t strip_bytes = p.inputs / block_values(F::kind) * strip_block_bytes(F::kind);
  const unsigned char* weights = p.weights + strip * strip_bytes;
  f32x16 acc[Strips][Rows];
  fill(acc, broadcast(0.0f));
  if constexpr (activations_of(F::kind) == activation_kind::f32)
    tile_1<F, Rows, Strips>(p, weights, row, acc);
  else if constexpr (activations_of(F::kind) == activation_kind::int8_32)
    tile_32<F, Rows, Strips>(p, weights, row, acc);
  else
    tile_256<F, Rows, Strips>(p, weights, row, acc);
  for (std::size_t s = 0; s < Strips; ++s)
    for (std::size_t r = 0; r < Rows; ++r) store_outputs(p, strip + s, row + r, acc[s][r]);
}

static_assert(group_rows % tile_rows == 0);

/// All rows from `row` on, in tiles of Rows and smaller ones for what is left: one of the very size, except beside a
/// lone strip, where fewer sizes keep the program small.
template <class F, std::size_t Strips, std::size_t Rows = tile_rows>
inline void multiply_rows(const product& p, std::size_t strip, std::size_t row) {
  if constexpr (Rows > 0) {
    for (; row + Rows <= p.rows; row += Rows) multiply_tile<F, Rows, Strips>(p, strip, row);
    if (row < p.rows) multiply_rows<F, Strips, Strips == 1 ? Rows / 2 : Rows - 1>(p, strip, row);
  }
}

/// Strips of weights are read from memory once and serve all rows, a tile of rows at a time.
template <class F>
void multiply(const product& p) {
  std::size_t s = p.first_strip;
  for (; s + tile_strips <= p.last_strip; s += tile_strips) multiply_rows<F, tile_strips>(p, s, 0);
  for (; s < p.last_strip; ++s) multiply_rows<F, 1>(p, s, 0);
}

}  // namespace hunch::cpu::HUNCH_ISA
