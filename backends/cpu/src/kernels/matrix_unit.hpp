// Products of blocks of 256 for many rows on a matrix unit: one instruction adds 64 inputs of 16 outputs to the sums of
// up to 16 rows. Included after what defines its instructions: tile_unit.hpp, or a model of it in tests.
//
// A weight times its integer scale takes up to 14 bits and is written as two planes of bytes, low + 2^shift * high,
// once for up to 64 rows. Then one sum of each plane runs over all 256 values of a block, and I = sum(low * a) +
// 2^shift * sum(high * a). I is the exact integer of every other kernel, and end_block_256 scales it, as theirs: so the
// bits are the same.
#pragma once

#include "lanes_unit.hpp"
#include "matmul.hpp"

namespace hunch::cpu::HUNCH_ISA {

inline constexpr std::size_t unit_strips = 2;      // by two planes: four sums, each a chain of its own
inline constexpr std::size_t quarter_rows = 4;     // of a tile, whose sums are scaled at once in registers
inline constexpr std::size_t most_unit_rows = 64;  // whose sums wait in the first cache

/// Values of 4 and 5 bits: three bits of the scale for each plane, since 31 * 7 is a byte.
template <class F>
struct planes_of {
  static constexpr int shift = 3;
  static constexpr bool high_is_signed = false;
  static constexpr std::size_t least_rows = 5;  // that pay for the planes; counted, docs/explain/cpu.md
  static inline byte_planes split(u8x64 values, i32x16 scale) {
    return {times(values, low_bits<3>(scale)), times(values, high_bits<3>(scale))};
  }
};
/// Values of 6 bits, less 32, times scales of 8 with a sign.
template <>
struct planes_of<q6_k_blocks> {
  static constexpr int shift = 8;
  static constexpr bool high_is_signed = true;
  static constexpr std::size_t least_rows = 9;
  static inline byte_planes split(u8x64 values, i32x16 scale) { return products(minus(values, 32), scale); }
};

/// Both planes of a block of each strip.
struct alignas(64) scaled_block {
  unsigned char low[unit_strips][64 * 64];  // 4 inputs of all 16 outputs after one another
  unsigned char high[unit_strips][64 * 64];
};

/// Writes the planes of a strip's block, and asks for its next block meanwhile.
template <class F, int Side = 0>
inline void scale_block(const unsigned char* block, unsigned char* low, unsigned char* high) {
  if constexpr (Side < F::sides) {
    for (int turn = 0; turn < F::turns; ++turn) {
      const int part = F::part(turn, Side);
      const i32x16 scale = F::part_scale(block, part);
#pragma GCC unroll 8
      for (int j = 0; j < F::vectors; ++j) {
        const std::size_t at = 64 * static_cast<std::size_t>(F::vectors * part + j);
        if (at < strip_block_bytes(F::kind)) __builtin_prefetch(block + strip_block_bytes(F::kind) + at);
        const byte_planes planes = planes_of<F>::split(F::template vector<Side>(block, turn, j), scale);
        store_values(low + at, planes.low);
        store_values(high + at, planes.high);
      }
    }
    scale_block<F, Side + 1>(block, low, high);
  }
}

/// Sums of a tile of rows over a block; zero beyond the rows that tiles have.
struct alignas(64) tile_sums {
  std::int32_t low[unit_strips][unit_rows][strip_outputs] = {};
  std::int32_t high[unit_strips][unit_rows][strip_outputs] = {};
};

/// Tiles 0 to 3 are sums, 4 holds rows, 5 to 7 weights.
struct unit_shapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16];

  explicit unit_shapes(std::uint8_t n) : rows{n, n, n, n, n, unit_rows, unit_rows, unit_rows} {}
};
static_assert(sizeof(unit_shapes) == 64);

/// `q` is where the first row's block lies.
template <bool SignedHigh>
inline void sum_tile(const signed char* q, const scaled_block& w, tile_sums& out) {
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  for (std::size_t step = 0; step < 4; ++step) {
    tile_load<4>(q + 64 * step, 256);
    tile_load<5>(w.low[0] + 1024 * step, 64);
    tile_multiply_add<0, 4, 5, false>();
    tile_load<6>(w.high[0] + 1024 * step, 64);
    tile_multiply_add<1, 4, 6, SignedHigh>();
    tile_load<7>(w.low[1] + 1024 * step, 64);
    tile_multiply_add<2, 4, 7, false>();
    tile_load<5>(w.high[1] + 1024 * step, 64);
    tile_multiply_add<3, 4, 5, SignedHigh>();
  }
  tile_store<0>(out.low[0], 64);
  tile_store<1>(out.high[0], 64);
  tile_store<2>(out.low[1], 64);
  tile_store<3>(out.high[1], 64);
}

using unit_acc = f32x16[unit_strips][quarter_rows];

/// A tile whose sums are not scaled yet.
struct waiting_tile {
  strip_blocks<unit_strips> w;
  std::size_t first;  // where the first row's block lies
  std::size_t rows;
  unit_acc* acc;  // of its quarters
};

/// Scales the integers of a block and adds them, by quarters: rows past the last are there in memory and are dropped.
template <class F>
inline void scale_sums(const product& p, const waiting_tile& t, const tile_sums& sums) {
  for (std::size_t row = 0; row < t.rows; row += quarter_rows) {
    i32x16 whole[unit_strips][quarter_rows];
    for (std::size_t s = 0; s < unit_strips; ++s)
      for (std::size_t r = 0; r < quarter_rows; ++r)
        whole[s][r] =
            add(load_ints(sums.low[s][row + r]), shifted_left<planes_of<F>::shift>(load_ints(sums.high[s][row + r])));
    end_block_256<F>(p, t.w, t.first + row, whole, t.acc[row / quarter_rows]);
  }
}

/// Sums of `rows` rows from `row` on. A tile's sums are scaled while the unit works on the next.
template <class F>
inline void multiply_groups(const product& p, strip_blocks<unit_strips> w, std::size_t row, std::size_t rows,
                            tile_sums (&sums)[2], unit_acc* acc) {
  const std::size_t blocks = p.inputs / 256;
  scaled_block block;
  waiting_tile last{};
  std::size_t turn = 0;
  for (std::size_t b = 0; b < blocks; ++b, w.advance(strip_block_bytes(F::kind))) {
    for (std::size_t s = 0; s < unit_strips; ++s) scale_block<F>(w.at[s], block.low[s], block.high[s]);
    for (std::size_t r = 0; r < rows; r += unit_rows, ++turn) {
      const std::size_t first = block_at(row + r, b, blocks, unit_rows);
      sum_tile<planes_of<F>::high_is_signed>(p.in.q + 256 * first, block, sums[turn % 2]);
      if (turn != 0) scale_sums<F>(p, last, sums[(turn - 1) % 2]);
      last = {w, first, rows - r < unit_rows ? rows - r : unit_rows, acc + r / quarter_rows};
    }
  }
  if (turn != 0) scale_sums<F>(p, last, sums[(turn - 1) % 2]);
}

/// The table whose kernels run beside the unit; defined where this file is included.
const kernel_table& vectors();

template <class F>
void multiply_on_unit(const product& p) {
  if (p.in.group != unit_rows || p.rows < planes_of<F>::least_rows)
    return vectors().multiply[static_cast<std::size_t>(F::kind)](p);
  const unit_shapes shapes{static_cast<std::uint8_t>(p.rows < unit_rows ? p.rows : unit_rows)};
  tile_configure(&shapes);
  tile_sums sums[2];
  for (std::size_t s = p.first_strip; s < p.last_strip; s += unit_strips) {
    for (std::size_t row = 0; row < p.rows; row += most_unit_rows) {
      const std::size_t rows = p.rows - row < most_unit_rows ? p.rows - row : most_unit_rows;
      unit_acc acc[most_unit_rows / quarter_rows];
      for (unit_acc& quarter : acc) fill(quarter, broadcast(0.0f));
      multiply_groups<F>(p, strips_at<F, unit_strips>(p, s), row, rows, sums, acc);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < unit_strips; ++c)
          store_outputs(p, s + c, row + r, acc[r / quarter_rows][c][r % quarter_rows]);
    }
  }
  tile_release();
}

/// The vectors' table with products of many rows on the unit.
inline kernel_table with_unit(const char* name) {
  kernel_table t = vectors();
  t.name = name;
  t.unit_from = planes_of<q4_k_blocks>::least_rows;
  t.multiply[static_cast<std::size_t>(format::q4_k)] = multiply_on_unit<q4_k_blocks>;
  t.multiply[static_cast<std::size_t>(format::q5_k)] = multiply_on_unit<q5_k_blocks>;
  t.multiply[static_cast<std::size_t>(format::q6_k)] = multiply_on_unit<q6_k_blocks>;
  return t;
}

}  // namespace hunch::cpu::HUNCH_ISA
