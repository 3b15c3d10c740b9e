// Products of matrices and the rows of a pass.
//
// Quantised matrices: the sum over a block is an exact integer, and an output's float chain runs over the blocks in
// ascending order, the CPU backend's: acc = fma(float(I), d_w * d_a, acc), then the minimum's term (backends/cpu/
// README.md). So the bits are those of the CPU's products, whatever the number of rows and whatever kernel ran.
// Float matrices: input i belongs to lane (i / 8) mod 32, a lane's chain ascends, lanes are added 16 apart, then 8, 4,
// 2, 1. The order is fixed, but not the CPU's.
#pragma once

#include "fragments.hpp"
#include "pass.hpp"

namespace hunch::cuda {

/// One product: out[row] = matrix * in[row] + bias.
struct product {
  matrix_view matrix;
  const float* bias = nullptr;  // [outputs] or null
  float* out = nullptr;         // [rows, stride]; null: the rows' logits
  unsigned stride = 0;
};
/// Up to three products that share their input, in one launch: tiles of the first, then of the second, ….
struct product_list {
  product of[3];
  unsigned count = 0;

  /// The product that tile `at` of the launch belongs to; `at` becomes its own tile.
  [[nodiscard]] __device__ __forceinline__ unsigned find(unsigned& at, unsigned tiles_of_a_block) const {
    unsigned i = 0;
    for (; i + 1 < count; ++i) {
      const unsigned blocks = (of[i].matrix.tiles() + tiles_of_a_block - 1) / tiles_of_a_block;
      if (at < blocks) break;
      at -= blocks;
    }
    return i;
  }
};

__device__ __forceinline__ void put(const product& p, const pass_block& pass, unsigned row, unsigned output,
                                    float sum) {
  float* const out = p.out != nullptr ? p.out + std::size_t{row} * p.stride : pass.row[row].logits;
  out[output] = p.bias == nullptr ? sum : sum + p.bias[output];
}

/// One link of an output's chain.
template <format F>
__device__ __forceinline__ float link(float acc, float whole, float minima, float d, float least, float d_a,
                                      float scaled_sum) {
  acc = fmaf(whole, d * d_a, acc);
  if constexpr (!has_minimum(F)) return acc;
  if constexpr (has_blocks_of_256(F)) return fmaf(-(least * d_a), minima, acc);
  return fmaf(least, scaled_sum, acc);
}

// --- few rows: the warps of a block share one tile's groups, and the chains run in shared memory ---

inline constexpr unsigned few_warps = 8;

/// What the warps of a block found of up to 8 groups, before the chains run over it.
template <unsigned Tiles>
struct few_sums {
  float whole[4 * few_warps][8 * Tiles][tile_outputs];  // [block, row, output]
  float d[4 * few_warps][tile_outputs];
  float least[4 * few_warps][tile_outputs];
};

template <format F, unsigned Tiles>
__device__ __forceinline__ void few_rows(const product& p, unsigned tile, const quantised_view& in,
                                         const pass_block& pass) {
  constexpr unsigned blocks_of_a_group = group_blocks(F);
  constexpr unsigned minima_at = 2 * few_warps;  // blocks of 256 need a quarter of `whole`: minima lie behind
  auto& found = shared<few_sums<Tiles>>();
  const matrix_view& m = p.matrix;
  const unsigned warp = threadIdx.x / warp_lanes, lane = threadIdx.x % warp_lanes;
  const unsigned g = lane / 4, t = lane % 4;
  const unsigned rows = pass.rows;
  const unsigned output = threadIdx.x % tile_outputs, row = threadIdx.x / tile_outputs;  // of this thread's chain
  const bool has_chain = row < 8 * Tiles && row < rows;
  const unsigned groups = m.groups();
  float acc = 0;
  fragment<F> next;
  if (warp < groups) next.load(m, tile, warp);
  for (unsigned first = 0; first < groups; first += few_warps) {
    const unsigned group = first + warp;
    const fragment<F> w = next;
    if (group + few_warps < groups) next.load(m, tile, group + few_warps);  // on its way while this group is summed
    if (group < groups) {
      group_sums<F, Tiles>(w, m, group, in, rows,
                           [&](unsigned b, unsigned n, const int(&sums)[4], const int(&minima)[4]) {
                             const unsigned at = warp * blocks_of_a_group + b;
                             for (unsigned i = 0; i < 4; ++i) {
                               const unsigned r = 8 * n + 2 * t + i % 2;
                               found.whole[at][r][g + 8 * (i / 2)] = static_cast<float>(sums[i]);
                               if constexpr (has_blocks_of_256(F) && has_minimum(F))
                                 found.whole[minima_at + at][r][g + 8 * (i / 2)] = static_cast<float>(minima[i]);
                             }
                             if (n == 0 && t == 0)
                               for (unsigned h = 0; h < 2; ++h) {
                                 found.d[at][g + 8 * h] = w.scale(h, b);
                                 if constexpr (has_minimum(F)) found.least[at][g + 8 * h] = w.minimum(h, b);
                               }
                           });
    }
    sync_block();
    if (has_chain) {
      const unsigned block = first * blocks_of_a_group;
      const unsigned left = m.blocks() - block;
      const unsigned count = left < few_warps * blocks_of_a_group ? left : few_warps * blocks_of_a_group;
      const std::size_t at = std::size_t{row} * m.blocks() + block;
      for (unsigned b = 0; b < count; ++b) {
        float minima = 0, least = 0, scaled_sum = 0;
        if constexpr (has_minimum(F)) {
          least = found.least[b][output];
          if constexpr (has_blocks_of_256(F))
            minima = found.whole[minima_at + b][row][output];
          else
            scaled_sum = in.scaled_sum[at + b];
        }
        acc =
            link<F>(acc, found.whole[b][row][output], minima, found.d[b][output], least, in.scale[at + b], scaled_sum);
      }
    }
    sync_block();
  }
  const unsigned o = tile * tile_outputs + output;
  if (has_chain && o < m.outputs) put(p, pass, row, o, acc);
}

// --- many rows: a warp has a tile of its own and runs its chains in registers ---

inline constexpr unsigned many_warps = 4;

template <format F, unsigned Tiles>
__device__ __forceinline__ void many_rows(const product& p, unsigned tile, const quantised_view& in,
                                          const pass_block& pass) {
  const matrix_view& m = p.matrix;
  if (tile >= m.tiles()) return;
  const unsigned lane = threadIdx.x % warp_lanes;
  const unsigned g = lane / 4, t = lane % 4;
  const unsigned rows = pass.rows;
  const unsigned groups = m.groups(), blocks = m.blocks();
  float acc[Tiles][4] = {};
  fragment<F> next;
  next.load(m, tile, 0);
  for (unsigned group = 0; group < groups; ++group) {
    const fragment<F> w = next;
    if (group + 1 < groups) next.load(m, tile, group + 1);
    group_sums<F, Tiles>(
        w, m, group, in, rows, [&](unsigned b, unsigned n, const int(&sums)[4], const int(&minima)[4]) {
          const unsigned block = group * group_blocks(F) + b;
          for (unsigned c = 0; c < 2; ++c) {
            const unsigned row = 8 * n + 2 * t + c;
            if (row >= rows) continue;
            const std::size_t at = std::size_t{row} * blocks + block;
            const float d_a = in.scale[at];
            float scaled_sum = 0;
            if constexpr (has_minimum(F) && !has_blocks_of_256(F)) scaled_sum = in.scaled_sum[at];
            for (unsigned h = 0; h < 2; ++h) {
              float least = 0;
              if constexpr (has_minimum(F)) least = w.minimum(h, b);
              acc[n][2 * h + c] = link<F>(acc[n][2 * h + c], static_cast<float>(sums[2 * h + c]),
                                          static_cast<float>(minima[2 * h + c]), w.scale(h, b), least, d_a, scaled_sum);
            }
          }
        });
  }
#pragma unroll
  for (unsigned n = 0; n < Tiles; ++n)
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = 8 * n + 2 * t + i % 2;
      const unsigned o = tile * tile_outputs + g + 8 * (i / 2);
      if (row < rows && o < m.outputs) put(p, pass, row, o, acc[n][i]);
    }
}

template <format F, unsigned Tiles>
__device__ __forceinline__ void one_tile(const product& p, unsigned tile, const quantised_view& in,
                                         const pass_block& pass) {
  if constexpr (Tiles <= 2)
    few_rows<F, Tiles>(p, tile, in, pass);
  else
    many_rows<F, Tiles>(p, tile, in, pass);
}

/// Tiles that a block of the kernel for up to 8 * Tiles rows works on, and its threads.
template <unsigned Tiles>
inline constexpr unsigned block_tiles = Tiles <= 2 ? 1 : many_warps;
template <unsigned Tiles>
inline constexpr unsigned block_threads = warp_lanes*(Tiles <= 2 ? few_warps : many_warps);

/// Quantised products of up to 8 * Tiles rows. Grid: one block for block_tiles tiles of every product.
template <unsigned Tiles>
__global__ void __launch_bounds__(Tiles <= 2 ? 256 : 128)
    multiply(product_list work, quantised_view by_32, quantised_view by_256, const pass_block* pass) {
  unsigned at = blockIdx.x;
  const product& p = work.of[work.find(at, block_tiles<Tiles>)];
  const unsigned tile = at * block_tiles<Tiles> + (Tiles <= 2 ? 0 : threadIdx.x / warp_lanes);
  switch (p.matrix.kind) {
    case format::q4_0:
      return one_tile<format::q4_0, Tiles>(p, tile, by_32, *pass);
    case format::q4_1:
      return one_tile<format::q4_1, Tiles>(p, tile, by_32, *pass);
    case format::q5_0:
      return one_tile<format::q5_0, Tiles>(p, tile, by_32, *pass);
    case format::q5_1:
      return one_tile<format::q5_1, Tiles>(p, tile, by_32, *pass);
    case format::q8_0:
      return one_tile<format::q8_0, Tiles>(p, tile, by_32, *pass);
    case format::q4_k:
      return one_tile<format::q4_k, Tiles>(p, tile, by_256, *pass);
    case format::q5_k:
      return one_tile<format::q5_k, Tiles>(p, tile, by_256, *pass);
    case format::q6_k:
      return one_tile<format::q6_k, Tiles>(p, tile, by_256, *pass);
    default:
      return;  // floats have a kernel of their own
  }
}

}  // namespace hunch::cuda
