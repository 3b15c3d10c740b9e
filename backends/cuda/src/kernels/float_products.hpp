// Products of float matrices: a warp for each output.
#pragma once

#include "products.hpp"

namespace hunch::cuda {

inline constexpr unsigned float_warps = 8;  // outputs of a block
inline constexpr unsigned float_rows = 8;   // rows that share one reading of the weights from memory or cache

/// Eight values from `p`, which is aligned to 16 bytes where `whole` says so; those from `count` on are zero.
template <format F>
__device__ __forceinline__ void load_eight(const std::uint8_t* p, unsigned count, bool whole, float (&v)[8]) {
  constexpr unsigned bytes = float_bytes(F);
  for (unsigned i = 0; i < 8; i += 16 / bytes) {
    words4 w = {};
    if (whole) {
      w = load_words4(p + i * bytes);
    } else {
      for (unsigned j = 0; j < 16 / bytes && i + j < count; ++j) {
        if constexpr (bytes == 4)
          w.w[j] = load_word(p + (i + j) * bytes);
        else
          w.w[j / 2] |= std::uint32_t{load_half_word(p + (i + j) * bytes)} << (16 * (j % 2));
      }
    }
    for (unsigned j = 0; j < 16 / bytes; ++j) {
      if constexpr (F == format::f32) {
        v[i + j] = __builtin_bit_cast(float, w.w[j]);
      } else {
        const std::uint32_t bits = (w.w[j / 2] >> (16 * (j % 2))) & 0xffffu;
        v[i + j] = F == format::f16 ? half_value(bits) : __builtin_bit_cast(float, bits << 16);
      }
    }
  }
}

template <format F>
__device__ __forceinline__ void float_output(const product& p, unsigned output, const float* x,
                                             const pass_block& pass) {
  const matrix_view& m = p.matrix;
  const unsigned lane = threadIdx.x % warp_lanes;
  const std::uint8_t* weights = m.codes + std::size_t{output} * m.inputs * float_bytes(F);
  const bool whole = m.inputs % 8 == 0;
  for (unsigned first = 0; first < pass.rows; first += float_rows) {
    float acc[float_rows] = {};
    for (unsigned i = 8 * lane; i < m.inputs; i += 8 * warp_lanes) {
      const unsigned count = m.inputs - i < 8 ? m.inputs - i : 8;
      float w[8];
      load_eight<F>(weights + std::size_t{i} * float_bytes(F), count, whole, w);
#pragma unroll
      for (unsigned r = 0; r < float_rows; ++r) {
        if (first + r >= pass.rows) break;
        float a[8];
        load_eight<format::f32>(reinterpret_cast<const std::uint8_t*>(x + std::size_t{first + r} * m.inputs + i), count,
                                whole, a);
        for (unsigned j = 0; j < 8; ++j) acc[r] = fmaf(w[j], a[j], acc[r]);
      }
    }
#pragma unroll
    for (unsigned r = 0; r < float_rows; ++r) {
      for (int step = 16; step > 0; step /= 2) acc[r] = acc[r] + lane_xor(acc[r], step);
      if (lane == 0 && first + r < pass.rows) put(p, pass, first + r, output, acc[r]);
    }
  }
}

/// Grid: one block for 8 outputs of every product; x [rows, inputs].
template <int = 0>
__global__ void __launch_bounds__(256) multiply_floats(product_list work, const float* x, const pass_block* pass) {
  unsigned at = blockIdx.x;
  const product& p = work.of[work.find(at, 1)];
  const unsigned output = at * tile_outputs + threadIdx.x / warp_lanes;
  for (unsigned o = output; o < (at + 1) * tile_outputs && o < p.matrix.outputs; o += float_warps) {
    if (p.matrix.kind == format::f32)
      float_output<format::f32>(p, o, x, *pass);
    else if (p.matrix.kind == format::f16)
      float_output<format::f16>(p, o, x, *pass);
    else
      float_output<format::bf16>(p, o, x, *pass);
  }
}

}  // namespace hunch::cuda
