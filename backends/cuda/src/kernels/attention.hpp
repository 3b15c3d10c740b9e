// Attention over the pages of a cache.
//
// Keys are split by their position, 64 at a time; each split is reduced on its own, and the splits of a row are put
// together in ascending order. Within a split: a score's products go to lane i / 2 mod 32 in ascending order, lanes are
// added 16 apart, then 8, 4, 2, 1; so are the exponentials, key j in lane j mod 32; values are added in the order of
// their keys. So a row's bits depend on its own keys alone (law B4), wherever their slots lie.
#pragma once

#include "pass.hpp"
#include "rounding.hpp"
#include "rows.hpp"
#include "simt.hpp"

namespace hunch::cuda {

struct attention_work {
  const float* q;  // [rows, heads, head_dim], turned
  page_shape pages;
  unsigned heads;
  unsigned layer;
  unsigned window;  // keys that a row sees; 0: all
  unsigned splits;  // that there is room for in the partial results
  float scale;
  float* tops;    // [rows, heads, splits]
  float* sums;    // [rows, heads, splits]
  float* values;  // [rows, heads, splits, head_dim]
};

inline constexpr unsigned attention_threads = 128;

template <unsigned Heads>
struct split_memory {
  float q[Heads][256];  // head_dim is at most 256
  float p[Heads][split_keys];
  const std::uint16_t* key[split_keys];
};

/// One split of one row for the query heads of one key-value head, `Heads` of them at a time.
/// Grid: splits, kv_heads, rows.
template <unsigned Heads>
__global__ void __launch_bounds__(attention_threads) attend_split(attention_work work, const pass_block* pass) {
  const unsigned row = blockIdx.z;
  if (row >= pass->rows) return;
  const pass_row& r = pass->row[row];
  const split_range range = splits_of(r.count, work.window);
  const unsigned split = range.first + blockIdx.x;
  if (split >= range.end) return;
  const unsigned lowest = first_key(r.count, work.window);
  const unsigned begin = split * split_keys < lowest ? lowest : split * split_keys;
  const unsigned end = (split + 1) * split_keys < r.count ? (split + 1) * split_keys : r.count;
  const unsigned keys = end - begin;
  const unsigned dim = work.pages.head_dim, kv_head = blockIdx.y;
  const unsigned group = work.heads / work.pages.kv_heads;
  const unsigned warp = threadIdx.x / warp_lanes, lane = threadIdx.x % warp_lanes;
  constexpr unsigned warps = attention_threads / warp_lanes;
  auto& memory = shared<split_memory<Heads>>();
  if (threadIdx.x < keys) {
    const auto* tails = reinterpret_cast<const std::uint32_t*>(pass + 1);
    const std::uint32_t slot = pass->slot_of(tails, r, begin + threadIdx.x);
    memory.key[threadIdx.x] = r.pages[slot / page_slots] + work.pages.at(work.layer, kv_head, 0, slot);
  }
  for (unsigned first = 0; first < group; first += Heads) {
    const unsigned heads = group - first < Heads ? group - first : Heads;
    const std::size_t head = std::size_t{row} * work.heads + kv_head * group + first;  // of all rows' heads
    for (unsigned i = threadIdx.x; i < heads * dim; i += attention_threads)
      memory.q[i / dim][i % dim] = work.q[head * dim + i];
    sync_block();
    for (unsigned i = warp; i < keys; i += warps) {
      const std::uint16_t* const k = memory.key[i];
      float dot[Heads] = {};
      for (unsigned d = 2 * lane; d < dim; d += 2 * warp_lanes) {
        const std::uint32_t both = load_word(k + d);
        const float value[2] = {half_value(both & 0xffffu), half_value(both >> 16)};
#pragma unroll
        for (unsigned h = 0; h < Heads; ++h)
          if (h < heads) dot[h] = fmaf(memory.q[h][d + 1], value[1], fmaf(memory.q[h][d], value[0], dot[h]));
      }
#pragma unroll
      for (unsigned h = 0; h < Heads; ++h) {
        for (int step = 16; step > 0; step /= 2) dot[h] = dot[h] + lane_xor(dot[h], step);
        if (lane == 0 && h < heads) memory.p[h][i] = dot[h] * work.scale;
      }
    }
    sync_block();
    for (unsigned h = warp; h < heads; h += warps) {
      const bool has[2] = {lane < keys, lane + warp_lanes < keys};
      const float s[2] = {has[0] ? memory.p[h][lane] : -__builtin_huge_valf(),
                          has[1] ? memory.p[h][lane + warp_lanes] : -__builtin_huge_valf()};
      float top = s[0] > s[1] ? s[0] : s[1];
      for (int step = 16; step > 0; step /= 2) {
        const float other = lane_xor(top, step);
        top = other > top ? other : top;
      }
      const float p[2] = {has[0] ? exponential(s[0] - top) : 0.0f, has[1] ? exponential(s[1] - top) : 0.0f};
      float sum = p[0] + p[1];
      for (int step = 16; step > 0; step /= 2) sum = sum + lane_xor(sum, step);
      for (unsigned i = 0; i < 2; ++i)
        if (has[i]) memory.p[h][lane + i * warp_lanes] = p[i];
      if (lane == 0) {
        work.tops[(head + h) * work.splits + blockIdx.x] = top;
        work.sums[(head + h) * work.splits + blockIdx.x] = sum;
      }
    }
    sync_block();
    for (unsigned d = threadIdx.x; d < dim; d += attention_threads) {
      float acc[Heads] = {};
#pragma unroll 4
      for (unsigned i = 0; i < keys; ++i) {
        const float value = half_value(load_half_word(memory.key[i] + std::size_t{page_slots} * dim + d));
#pragma unroll
        for (unsigned h = 0; h < Heads; ++h)
          if (h < heads) acc[h] = fmaf(memory.p[h][i], value, acc[h]);
      }
#pragma unroll
      for (unsigned h = 0; h < Heads; ++h)
        if (h < heads) work.values[((head + h) * work.splits + blockIdx.x) * dim + d] = acc[h];
    }
    sync_block();
  }
}

/// out[row] from the splits, and its rounded form. Grid: rows, pieces of 1024 values; 128 threads.
template <int = 0>
__global__ void __launch_bounds__(128)
    join_splits(attention_work work, float* out, rounded_rows rounded, const pass_block* pass) {
  const unsigned row = blockIdx.x;
  if (row >= pass->rows) return;
  const unsigned dim = work.pages.head_dim, width = work.heads * dim;
  const unsigned at =
      (blockIdx.y * 4 + threadIdx.x / warp_lanes) * warp_values + threadIdx.x % warp_lanes * lane_values;
  const split_range range = splits_of(pass->row[row].count, work.window);
  const unsigned splits = range.end - range.first;
  float v[lane_values] = {};
  if (at < width) {  // all eight values are of one head
    const std::size_t first = (std::size_t{row} * work.heads + at / dim) * work.splits;
    float top = work.tops[first];
    for (unsigned s = 1; s < splits; ++s) top = work.tops[first + s] > top ? work.tops[first + s] : top;
    float sum = 0.0f;
    for (unsigned s = 0; s < splits; ++s) {
      const float weight = exponential(work.tops[first + s] - top);
      sum = fmaf(work.sums[first + s], weight, sum);
      const float* const part = work.values + (first + s) * dim + at % dim;
      for (unsigned i = 0; i < lane_values; ++i) v[i] = fmaf(part[i], weight, v[i]);
    }
    const float inverse = 1.0f / sum;
    for (unsigned i = 0; i < lane_values; ++i) {
      v[i] = v[i] * inverse;
      out[std::size_t{row} * width + at + i] = v[i];
    }
  }
  round_piece(v, at, width, row, rounded);
}

}  // namespace hunch::cuda
