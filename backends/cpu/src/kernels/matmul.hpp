// Products of packed matrices and quantised rows. Lanes are outputs; every lane runs the same chain over the blocks.
#pragma once

#include "tiles.hpp"
#include "unpacked.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Strips from `strip` on. The last strip of the matrix stands in for those that are not there.
template <class F, std::size_t Strips>
inline strip_blocks<Strips> strips_at(const product& p, std::size_t strip) {
  const std::size_t bytes = p.inputs / block_values(F::kind) * strip_block_bytes(F::kind);
  strip_blocks<Strips> w;
  for (std::size_t s = 0; s < Strips; ++s)
    w.at[s] = p.weights + (strip + s < p.last_strip ? strip + s : p.last_strip - 1) * bytes;
  return w;
}

inline void store_outputs(const product& p, std::size_t strip, std::size_t row, f32x16 sums) {
  if (strip >= p.last_strip) return;
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

template <std::size_t Rows, std::size_t Strips>
inline void store_tile(const product& p, std::size_t strip, std::size_t row, const f32x16 (&acc)[Strips][Rows]) {
  for (std::size_t s = 0; s < Strips; ++s)
    for (std::size_t r = 0; r < Rows; ++r) store_outputs(p, strip + s, row + r, acc[s][r]);
}

/// Asks for the lines that will take the results: rows lie far apart, so no two are neighbours.
inline void fetch_outputs(const product& p, std::size_t strip, std::size_t row, std::size_t rows) {
  for (std::size_t r = row; r < row + rows; ++r)
    for (std::size_t s = 0; s < tile_strips; ++s) __builtin_prefetch(p.out[r] + (strip + s) * strip_outputs, 1);
}

/// Products of the strips from `strip` on with Rows rows from `row` on.
template <class F, std::size_t Rows>
void multiply_tile(const product& p, std::size_t strip, std::size_t row) {
  const strip_blocks<tile_strips> w = strips_at<F, tile_strips>(p, strip);
  f32x16 acc[tile_strips][Rows];
  fill(acc, broadcast(0.0f));
  if constexpr (activations_of(F::kind) == activation_kind::f32)
    tile_1<F>(p, w, row, acc);
  else if constexpr (activations_of(F::kind) == activation_kind::int8_32)
    tile_32<F>(p, w, row, acc);
  else
    tile_256<F>(p, w, row, acc);
  store_tile(p, strip, row, acc);
}

static_assert(group_rows % tile_rows == 0 && most_unpacked_rows % tile_rows == 0);

/// All rows from `row` on, in tiles of Rows and one smaller tile for what is left.
template <class F, std::size_t Rows>
inline void multiply_rows(const product& p, std::size_t strip, std::size_t row) {
  if constexpr (Rows > 0) {
    for (; row + Rows <= p.rows; row += Rows) multiply_tile<F, Rows>(p, strip, row);
    if (row < p.rows) multiply_rows<F, Rows - 1>(p, strip, row);
  }
}

/// Whole tiles of rows, of blocks that are unpacked once; returns the first row that is left.
template <class F>
std::size_t multiply_whole_tiles(const product& p, std::size_t strip) {
  const strip_blocks<tile_strips> w = strips_at<F, tile_strips>(p, strip);
  std::size_t row = 0;
  while (p.rows - row >= tile_rows) {
    const std::size_t rows = p.rows - row < most_unpacked_rows ? p.rows - row : most_unpacked_rows;
    fetch_outputs(p, strip, row, rows);
    f32x16 acc[most_unpacked_rows / tile_rows][tile_strips][tile_rows];
    multiply_unpacked<F>(p, w, row, rows / tile_rows, acc);
    for (std::size_t t = 0; t < rows / tile_rows; ++t, row += tile_rows) store_tile(p, strip, row, acc[t]);
  }
  return row;
}

/// Strips of weights are read from memory once and serve all rows, a tile of rows at a time.
template <class F>
void multiply(const product& p) {
  for (std::size_t s = p.first_strip; s < p.last_strip; s += tile_strips) {
    if constexpr (activations_of(F::kind) == activation_kind::int8_256)
      multiply_rows<F, tile_rows - 1>(p, s, multiply_whole_tiles<F>(p, s));
    else
      multiply_rows<F, tile_rows>(p, s, 0);
  }
}

}  // namespace hunch::cpu::HUNCH_ISA
