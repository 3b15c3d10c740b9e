// Tiles of blocks of 256 for many rows: a block is unpacked to a byte a value in the first cache, once for all rows,
// and sums wait in memory from block to block. For one tile that costs as much as it saves; for eight it is nothing.
#pragma once

#include "tiles.hpp"

namespace hunch::cpu::HUNCH_ISA {

inline constexpr std::size_t most_unpacked_rows = 64;  // whose sums stay in the first cache

template <std::size_t Strips>
struct alignas(64) unpacked_block {
  unsigned char values[Strips][64 * 64];  // 4 inputs of all 16 outputs after one another
  strip_blocks<Strips> from;              // what was unpacked
  strip_blocks<Strips> ahead;             // what is fetched meanwhile
  std::size_t lines;                      // of each strip to be fetched at one part

  /// Asks for the lines of one part: a few at a time, since many would wait for each other.
  void fetch() {
    for (std::size_t l = 0; l < lines; ++l, ahead.advance(64))
      for (std::size_t s = 0; s < Strips; ++s) __builtin_prefetch(ahead.at[s]);
  }
};

template <class F, int Side = 0>
inline void unpack(const unsigned char* block, unsigned char* values) {
  if constexpr (Side < F::sides) {
    for (int turn = 0; turn < F::turns; ++turn) {
      const int first = F::vectors * F::part(turn, Side);
#pragma GCC unroll 8
      for (int j = 0; j < F::vectors; ++j)
        store_values(values + 64 * (first + j), F::template vector<Side>(block, turn, j));
    }
    unpack<F, Side + 1>(block, values);
  }
}

/// Asks for one of `parts` shares of the blocks of Rows rows from `at` on; the first cache does not hold those of all.
template <std::size_t Rows>
inline void fetch_rows(const product& p, std::size_t at, std::size_t part, std::size_t parts) {
  const std::size_t share = Rows * 256 / parts;
  for (std::size_t l = 0; l < share; l += 64) __builtin_prefetch(p.in.q + at * 256 + part * share + l);
}

/// Adds a block to the sums of a tile; `first` is where the first row's lies, `next` where that of the tile after it.
template <class F, std::size_t Rows, std::size_t Strips>
inline void add_unpacked(const product& p, unpacked_block<Strips>& block, std::size_t first, std::size_t next,
                         f32x16 (&acc)[Strips][Rows]) {
  constexpr int parts = F::turns * F::sides;
  const bool fits = parts_fit_16_bits<F, Rows>(p, first);
  i32x16 whole[Strips][Rows];
  fill(whole, broadcast_int(0));
  for (int part = 0; part < parts; ++part) {
    block.fetch();
    fetch_rows<Rows>(p, next, static_cast<std::size_t>(part), static_cast<std::size_t>(parts));
    add_part<F>(p, block.from, first, part, fits, whole,
                [&](std::size_t s, int j) { return load_bytes(block.values[s] + 64 * (F::vectors * part + j)); });
  }
  end_block_256<F>(p, block.from, first, whole, acc);
}

/// Sums of `tiles` tiles of tile_rows rows from `row` on.
template <class F, std::size_t Strips>
inline void multiply_unpacked(const product& p, const strip_blocks<Strips>& w, std::size_t row, std::size_t tiles,
                              f32x16 (*acc)[Strips][tile_rows]) {
  constexpr std::size_t bytes = strip_block_bytes(F::kind);
  const std::size_t blocks = p.inputs / 256;
  constexpr std::size_t parts = static_cast<std::size_t>(F::turns * F::sides);
  for (std::size_t t = 0; t < tiles; ++t) fill(acc[t], broadcast(0.0f));
  unpacked_block<Strips> block;
  block.from = w;
  const std::size_t lines = (bytes / 64 + tiles * parts) / (tiles * parts);
  for (std::size_t b = 0; b < blocks; ++b, block.from.advance(bytes)) {
    for (std::size_t s = 0; s < Strips; ++s) unpack<F>(block.from.at[s], block.values[s]);
    block.ahead = block.from;
    block.ahead.advance(bytes);
    for (std::size_t t = 0; t < tiles; ++t) {
      block.lines = 64 * lines * parts * t < bytes ? lines : 0;  // what lies further would drive out what is in use
      const auto first_of = [&](std::size_t tile, std::size_t of) {
        return block_at(row + tile * tile_rows, of, blocks, p.in.group);
      };
      add_unpacked<F>(p, block, first_of(t, b), t + 1 < tiles ? first_of(t + 1, b) : first_of(0, b + 1), acc[t]);
    }
  }
}

}  // namespace hunch::cpu::HUNCH_ISA
