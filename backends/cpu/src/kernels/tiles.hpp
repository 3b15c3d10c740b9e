// Tiles: some strips of a matrix by some rows. Every step of four inputs reads a vector of weights for each strip and a
// word of activations for each row, and makes a dot product of every pair, each a chain of its own: enough chains to
// hide the latency of one, few enough to stay in registers. The loops over them are unrolled because of that.
#pragma once

#include "formats.hpp"
#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Where a block of each strip lies. A lone strip is there twice, and what comes of the second is dropped: that costs
/// less than tiles of their own for it.
template <std::size_t Strips>
struct strip_blocks {
  const unsigned char* at[Strips];

  void advance(std::size_t bytes) {
    for (std::size_t s = 0; s < Strips; ++s) at[s] += bytes;
  }
};

/// Asks for one line of the block that lies 4 KiB ahead; the processor alone does not keep enough of them on their way.
/// One line a step, since many at once would wait for each other and hold up the arithmetic.
template <std::size_t Bytes>
inline void fetch_ahead(const unsigned char* block, std::size_t line) {
  if (64 * line < Bytes) __builtin_prefetch(block + 4096 + 64 * line);
}

template <std::size_t Rows, std::size_t Strips, class T>
inline void fill(T (&t)[Strips][Rows], T value) {
  for (std::size_t s = 0; s < Strips; ++s)
    for (std::size_t r = 0; r < Rows; ++r) t[s][r] = value;
}

/// dot += vectors of weights, vector_of(s, j) for strip s, times words of rows that lie `stride` bytes apart.
template <int Vectors, bool Wide, std::size_t Rows, std::size_t Strips, class VectorOf>
inline void add_dots(const signed char* q, std::size_t stride, i32x16 (&dot)[Strips][Rows], const VectorOf& vector_of) {
#pragma GCC unroll 8
  for (int j = 0; j < Vectors; ++j) {
    u8x64 v[Strips];
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) v[s] = vector_of(s, j);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const word a = load_word(q + stride * r + 4 * j);
#pragma GCC unroll 2
      for (std::size_t s = 0; s < Strips; ++s)
        dot[s][r] = Wide ? dot4_wide(dot[s][r], v[s], a) : dot4(dot[s][r], v[s], a);
    }
  }
}

// --- one scale for 32 values: acc = fma(float(I), d_w * d_a, acc), I an exact integer ---

/// One block; `first` is where the first row's lies.
template <class F, std::size_t Rows, std::size_t Strips, class VectorOf>
inline void add_block_32(const product& p, const strip_blocks<Strips>& w, std::size_t first,
                         f32x16 (&acc)[Strips][Rows], const VectorOf& vector_of) {
  i32x16 dot[Strips][Rows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < Rows; ++r) {
    const i32x16 start = broadcast_int(F::offset == 0 ? 0 : F::offset * p.in.sum[first + r]);
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) dot[s][r] = start;
  }
  add_dots<8, F::wide>(p.in.q + first * 32, 32, dot, vector_of);
#pragma GCC unroll 2
  for (std::size_t s = 0; s < Strips; ++s) {
    const f32x16 d = load_halves(w.at[s] + F::scale_at);
    f32x16 m = d;
    if constexpr (F::has_minimum) m = load_halves(w.at[s] + F::scale_at + 32);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const std::size_t at = first + r;
      acc[s][r] = fma(to_float(dot[s][r]), mul(d, broadcast(p.in.scale[at])), acc[s][r]);
      if constexpr (F::has_minimum) acc[s][r] = fma(m, broadcast(p.in.scaled_sum[at]), acc[s][r]);
    }
  }
}

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_32(const product& p, strip_blocks<Strips> w, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  const std::size_t blocks = p.inputs / 32;
  std::size_t first = block_at(row, 0, blocks, p.in.group);
  for (std::size_t b = 0; b < blocks; ++b, first += p.in.group, w.advance(bytes))
    add_block_32<F>(p, w, first, acc, [&](std::size_t s, int j) {
      fetch_ahead<bytes>(w.at[s], static_cast<std::size_t>(j));
      return F::vector(w.at[s], j);
    });
}

// --- scales of scales for 256 values: acc = fma(float(I), d * d_a, acc), I over all 256 ---

/// Whether every sum over a part fits 16 bits, for rows whose loudest 16 activations are known: it nearly always does,
/// and then one instruction applies a scale and adds, where three are needed otherwise.
template <class F, std::size_t Rows>
inline bool parts_fit_16_bits(const product& p, std::size_t first) {
  constexpr std::int32_t runs = F::vectors / 4;  // of 16 values
  std::int32_t loudest = 0;
  for (std::size_t r = 0; r < Rows; ++r) loudest = p.in.sum[first + r] > loudest ? p.in.sum[first + r] : loudest;
  return loudest <= 0x7fff / (runs * F::largest);
}

/// Adds one part to the integers of a block.
template <class F, std::size_t Rows, std::size_t Strips, class VectorOf>
inline void add_part(const product& p, const strip_blocks<Strips>& w, std::size_t first, int part, bool fits,
                     i32x16 (&whole)[Strips][Rows], const VectorOf& vector_of) {
  i32x16 dot[Strips][Rows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < Rows; ++r) {
    const i32x16 start = F::start(p.in, first + r, part);
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) dot[s][r] = start;
  }
  add_dots<F::vectors, false>(p.in.q + first * 256 + F::vectors * 4 * part, 256, dot, vector_of);
#pragma GCC unroll 2
  for (std::size_t s = 0; s < Strips; ++s) {
    const i32x16 scale = F::part_scale(w.at[s], part);
    if (fits) {
      const i32x16 lower = F::negative_scales ? lower_halves(scale) : scale;
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) whole[s][r] = add_scaled(whole[s][r], dot[s][r], lower);
    } else {
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) whole[s][r] = add(whole[s][r], mul(dot[s][r], scale));
    }
  }
}

/// Scales the integers of a block and adds them to the sums.
template <class F, std::size_t Rows, std::size_t Strips>
inline void end_block_256(const product& p, const strip_blocks<Strips>& w, std::size_t first,
                          const i32x16 (&whole)[Strips][Rows], f32x16 (&acc)[Strips][Rows]) {
#pragma GCC unroll 2
  for (std::size_t s = 0; s < Strips; ++s) {
    const f32x16 d = load_halves(w.at[s] + F::scale_at);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r)
      acc[s][r] = fma(to_float(whole[s][r]), mul(d, broadcast(p.in.scale[first + r])), acc[s][r]);
    if constexpr (F::has_minimum) {
      const f32x16 minus = negated(load_halves(w.at[s] + F::scale_at + 32));
      i16x32 least[4];
      for (int j = 0; j < 4; ++j) least[j] = load_pairs(w.at[s] + F::minima_at + 32 * j);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        const std::size_t at = first + r;
        i32x16 minima = broadcast_int(0);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) minima = dot2(minima, least[j], p.in.sum_256 + at * 8 + 2 * j);
        acc[s][r] = fma(mul(minus, broadcast(p.in.scale[at])), to_float(minima), acc[s][r]);
      }
    }
  }
}

/// Adds the parts of one turn, from side Side on.
template <class F, std::size_t Rows, std::size_t Strips, int Side = 0>
inline void add_turn(const product& p, const strip_blocks<Strips>& w, std::size_t first, int turn, bool fits,
                     i32x16 (&whole)[Strips][Rows]) {
  if constexpr (Side < F::sides) {
    const int part = F::part(turn, Side);
    add_part<F>(p, w, first, part, fits, whole, [&](std::size_t s, int j) {
      fetch_ahead<strip_block_bytes(F::kind)>(w.at[s], static_cast<std::size_t>(F::vectors * part + j));
      return F::template vector<Side>(w.at[s], turn, j);
    });
    add_turn<F, Rows, Strips, Side + 1>(p, w, first, turn, fits, whole);
  }
}

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_256(const product& p, strip_blocks<Strips> w, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  const std::size_t blocks = p.inputs / 256;
  std::size_t first = block_at(row, 0, blocks, p.in.group);
  for (std::size_t b = 0; b < blocks; ++b, first += p.in.group, w.advance(strip_block_bytes(F::kind))) {
    const bool fits = parts_fit_16_bits<F, Rows>(p, first);
    i32x16 whole[Strips][Rows];
    fill(whole, broadcast_int(0));
    for (int turn = 0; turn < F::turns; ++turn) add_turn<F>(p, w, first, turn, fits, whole);
    end_block_256<F>(p, w, first, whole, acc);
  }
}

// --- float weights: acc = fma(w, a, acc), even inputs in one chain and odd ones in another, added at the end ---
// Two chains, because one waits for its own result longer than memory needs for the next weights.

template <class F, std::size_t Rows, std::size_t Strips>
inline void tile_1(const product& p, strip_blocks<Strips> w, std::size_t row, f32x16 (&acc)[Strips][Rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  f32x16 odd[Strips][Rows];
  fill(odd, broadcast(0.0f));
  const float* a = p.in.f32 + row * p.inputs;
  std::size_t i = 0;
  for (; i + 2 <= p.inputs; i += 2, w.advance(2 * bytes)) {
#pragma GCC unroll 2
    for (std::size_t s = 0; s < Strips; ++s) {
      for (std::size_t at = 0; at < 2 * bytes; at += 64) __builtin_prefetch(w.at[s] + 4096 + at);
      const f32x16 first = F::column(w.at[s]);
      const f32x16 second = F::column(w.at[s] + bytes);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < Rows; ++r) {
        acc[s][r] = fma(first, broadcast(a[r * p.inputs + i]), acc[s][r]);
        odd[s][r] = fma(second, broadcast(a[r * p.inputs + i + 1]), odd[s][r]);
      }
    }
  }
  for (std::size_t s = 0; s < Strips; ++s) {
    for (std::size_t r = 0; r < Rows; ++r) {
      if (i < p.inputs) acc[s][r] = fma(F::column(w.at[s]), broadcast(a[r * p.inputs + i]), acc[s][r]);
      acc[s][r] = add(acc[s][r], odd[s][r]);
    }
  }
}

}  // namespace hunch::cpu::HUNCH_ISA
