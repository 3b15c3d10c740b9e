// What one lane holds of a group of weights, and how it becomes operands of the tensor cores: exact integers.
#pragma once

#include "layout.hpp"
#include "simt.hpp"

namespace hunch::cuda {

/// Rounded activations of the rows of a pass, as one kind of matrices reads them.
struct quantised_view {
  const std::int8_t* q = nullptr;      // [rows, inputs]
  const float* scale = nullptr;        // [rows, blocks]
  const float* scaled_sum = nullptr;   // [rows, blocks of 32]: scale * sum of q
  const std::int16_t* sums = nullptr;  // [rows, blocks of 32]: sum of q
};

/// This lane's part of a group for two outputs of a tile: g and g + 8, with lane = 4 g + t.
template <format F>
struct fragment {
  words4 codes[2][lane_bytes(F) / 16];
  words4
      extra[2];  // Q5_0, Q5_1: fifth bits of four blocks; Q5_K: those of this lane's values (w[0], w[1]); Q6_K: scales
  words4 scales[2];  // as in the scale plane

  __device__ __forceinline__ void load(const matrix_view& m, unsigned tile, unsigned group) {
    const unsigned lane = threadIdx.x % warp_lanes;
    const unsigned t = lane % 4;
    for (unsigned h = 0; h < 2; ++h) {
      const std::size_t at = m.group_at(tile * tile_outputs + lane / 4 + 8 * h, group);
      const std::uint8_t* c = m.codes + at * code_bytes(F) + t * lane_bytes(F);
      for (unsigned i = 0; i < lane_bytes(F) / 16; ++i) codes[h][i] = load_words4(c + 16 * i);
      const std::uint8_t* s = m.scales + at * scale_bytes(F);
      if constexpr (F == format::q6_k)
        scales[h].w[0] = load_half_word(s);
      else if constexpr (scale_bytes(F) == 8)
        load_words2(s, scales[h].w[0], scales[h].w[1]);
      else
        scales[h] = load_words4(s);
      if constexpr (F == format::q5_k)
        load_words2(m.extra + at * extra_bytes(F) + 8 * t, extra[h].w[0], extra[h].w[1]);
      else if constexpr (extra_bytes(F) != 0)
        extra[h] = load_words4(m.extra + at * extra_bytes(F));
    }
  }

  /// Scale of block b (of four, or the only one) of output h, and its minimum.
  [[nodiscard]] __device__ __forceinline__ float scale(unsigned h, unsigned b) const {
    if constexpr (has_blocks_of_256(F)) return half_value(scales[h].w[0] & 0xffffu);
    if constexpr (has_minimum(F)) return half_value(scales[h].w[b] & 0xffffu);
    return half_value((scales[h].w[b / 2] >> (16 * (b % 2))) & 0xffffu);
  }
  [[nodiscard]] __device__ __forceinline__ float minimum(unsigned h, unsigned b) const {
    return half_value(scales[h].w[has_blocks_of_256(F) ? 0 : b] >> 16);
  }

  /// Word i of this lane's codes for output h.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t code(unsigned h, unsigned i) const {
    return codes[h][i / 4].w[i % 4];
  }

  /// The 32 inputs of block b of a type with blocks of 32.
  __device__ __forceinline__ void operand(unsigned b, std::uint32_t (&a)[4]) const {
    const unsigned t = threadIdx.x % 4;
    for (unsigned h = 0; h < 2; ++h) {
      if constexpr (F == format::q8_0) {
        a[h] = code(h, 2 * b);
        a[h + 2] = code(h, 2 * b + 1);
      } else {
        std::uint32_t low = low_nibbles(code(h, b));
        std::uint32_t high = high_nibbles(code(h, b));
        if constexpr (extra_bytes(F) != 0) {
          low |= fifth_of(extra[h].w[b] >> (4 * t));
          high |= fifth_of(extra[h].w[b] >> (16 + 4 * t));
        }
        a[h] = less<code_offset(F)>(low);
        a[h + 2] = less<code_offset(F)>(high);
      }
    }
  }
  /// The 32 inputs of a run of Q4_K or Q5_K; lane t holds inputs 8 t...
  __device__ __forceinline__ void run_operand(unsigned run, std::uint32_t (&a)[4]) const {
    for (unsigned h = 0; h < 2; ++h)
      for (unsigned i = 0; i < 2; ++i) {
        const std::uint32_t both = code(h, 2 * (run / 2) + i);
        std::uint32_t w = run % 2 == 0 ? low_nibbles(both) : high_nibbles(both);
        if constexpr (F == format::q5_k) w |= ((extra[h].w[i] >> run) & 0x01010101u) << 4;
        a[h + 2 * i] = w;
      }
  }
  /// The 16 inputs of a part of Q6_K: part = 8 half + 2 quarter + side.
  __device__ __forceinline__ void part_operand(unsigned part, std::uint32_t (&a)[2]) const {
    const unsigned half = part / 8, quarter = part / 2 % 4, side = part % 2;
    for (unsigned h = 0; h < 2; ++h) {
      const std::uint32_t both = code(h, 4 * half + 2 * (quarter % 2) + side);
      const std::uint32_t low = quarter < 2 ? low_nibbles(both) : high_nibbles(both);
      const std::uint32_t high = (code(h, 8 + 2 * half + side) >> (2 * quarter)) & 0x03030303u;
      a[h] = less<code_offset(F)>(low | high << 4);
    }
  }
  /// Scale of a part of Q6_K.
  [[nodiscard]] __device__ __forceinline__ int part_scale(unsigned h, unsigned part) const {
    return static_cast<std::int8_t>((extra[h].w[part / 4] >> (8 * (part % 4))) & 0xffu);
  }
};

/// Calls sink(block of the group, tile of eight rows, I, M) for every block of group `group` that exists, where I[i] is
/// the exact product of output g + 8 (i / 2) and row 8 n + 2 t + i % 2, and M[i] the exact sum of minimum scales times
/// sums of activations (Q4_K and Q5_K; zero for the others). Rows from `rows` on are zero.
template <format F, unsigned Tiles, class Sink>
__device__ __forceinline__ void group_sums(const fragment<F>& w, const matrix_view& m, unsigned group,
                                           const quantised_view& in, unsigned rows, Sink sink) {
  const unsigned lane = threadIdx.x % warp_lanes;
  const unsigned g = lane / 4, t = lane % 4;
  const std::int8_t* const inputs = in.q + std::size_t{group} * group_inputs(F);
  if constexpr (!has_blocks_of_256(F)) {
    const int none[4] = {};
    const unsigned blocks = m.blocks() - group * 4 < 4 ? m.blocks() - group * 4 : 4;
#pragma unroll
    for (unsigned b = 0; b < 4; ++b) {
      if (b >= blocks) break;
      std::uint32_t a[4];
      w.operand(b, a);
#pragma unroll
      for (unsigned n = 0; n < Tiles; ++n) {
        const unsigned row = 8 * n + g;
        std::uint32_t x[2] = {0, 0};
        if (row < rows) {
          const std::int8_t* p = inputs + std::size_t{row} * m.inputs + 32 * b + 4 * t;
          x[0] = load_word(p);
          x[1] = load_word(p + 16);
        }
        int sums[4] = {};
        mma_k32(sums, a, x);
        sink(b, n, sums, none);
      }
    }
  } else {
    int whole[Tiles][4] = {};
    if constexpr (F == format::q6_k) {
#pragma unroll
      for (unsigned part = 0; part < 16; ++part) {
        std::uint32_t a[2];
        w.part_operand(part, a);
#pragma unroll
        for (unsigned n = 0; n < Tiles; ++n) {
          const unsigned row = 8 * n + g;
          std::uint32_t x = 0;
          if (row < rows) x = load_word(inputs + std::size_t{row} * m.inputs + 16 * part + 4 * t);
          int sums[4] = {};
          mma_k16(sums, a, x);
          for (unsigned i = 0; i < 4; ++i) whole[n][i] += w.part_scale(i / 2, part) * sums[i];
        }
      }
    } else {
      const eight_bytes scale[2] = {run_scales(w.scales[0].w[1], w.scales[0].w[3]),
                                    run_scales(w.scales[1].w[1], w.scales[1].w[3])};
#pragma unroll
      for (unsigned run = 0; run < 8; ++run) {
        std::uint32_t a[4];
        w.run_operand(run, a);
#pragma unroll
        for (unsigned n = 0; n < Tiles; ++n) {
          const unsigned row = 8 * n + g;
          std::uint32_t x[2] = {0, 0};
          if (row < rows) load_words2(inputs + std::size_t{row} * m.inputs + 32 * run + 8 * t, x[0], x[1]);
          int sums[4] = {};
          mma_k32(sums, a, x);
          for (unsigned i = 0; i < 4; ++i) whole[n][i] += scale[i / 2][run] * sums[i];
        }
      }
    }
#pragma unroll
    for (unsigned n = 0; n < Tiles; ++n) {
      int minima[4] = {};
      if constexpr (has_minimum(F)) {
        for (unsigned h = 0; h < 2; ++h) {
          const eight_bytes least = run_minima(w.scales[h].w[2], w.scales[h].w[3]);
          for (unsigned c = 0; c < 2; ++c) {
            const unsigned row = 8 * n + 2 * t + c;
            if (row >= rows) continue;
            const words4 sums = load_words4(in.sums + (std::size_t{row} * m.groups() + group) * 8);
            for (unsigned run = 0; run < 8; ++run)
              minima[2 * h + c] +=
                  least[run] * static_cast<std::int16_t>((sums.w[run / 2] >> (16 * (run % 2))) & 0xffffu);
          }
        }
      }
      sink(0u, n, whole[n], minima);
    }
  }
}

}  // namespace hunch::cuda
