// Work on single rows: embedding, norms, rotation into the cache, gates. Every float operation is the CPU backend's
// (backends/cpu/src/kernels/rowwise.hpp), in its order, so the bits are the same.
#pragma once

#include "layout.hpp"
#include "pass.hpp"
#include "rounding.hpp"
#include "simt.hpp"

namespace hunch::cuda {

/// e^x as the CPU's kernels have it: relative error below 2e-7, 0 below -87.33, infinity above 88.72.
__device__ __forceinline__ float exponential(float x) {
  const float shifted = fmaf(x, 1.44269504f, 12582912.0f);
  const float n = shifted - 12582912.0f;
  const float r = fmaf(n, 2.12194440e-4f, fmaf(n, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = fmaf(p, r, 1.3981999507e-3f);
  p = fmaf(p, r, 8.3334519073e-3f);
  p = fmaf(p, r, 4.1665795894e-2f);
  p = fmaf(p, r, 1.6666665459e-1f);
  p = fmaf(p, r, 5.0000001201e-1f);
  p = fmaf(p, r * r, r) + 1.0f;
  // 2^n in two factors, because 2^128 is no float but p * 2^128 may be one.
  const std::uint32_t whole = __builtin_bit_cast(std::uint32_t, shifted) - 0x4b400000u;
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) >> 1);
  const float first = __builtin_bit_cast(float, (half + 127u) << 23);
  const float second = __builtin_bit_cast(float, (whole - half + 127u) << 23);
  const float value = p * first * second;
  const float capped = x > 88.72283f ? __builtin_huge_valf() : value;
  return x < -87.33654f ? 0.0f : capped;
}

/// x[row] = embedding of the row's token times `scale`. Grid: rows, pieces of 256 values; 256 threads.
template <int = 0>
__global__ void embed(matrix_view table, float scale, float* x, const pass_block* pass) {
  const unsigned row = blockIdx.x, i = blockIdx.y * blockDim.x + threadIdx.x;
  if (row >= pass->rows || i >= table.inputs) return;
  const float v = value_at(table, static_cast<unsigned>(pass->row[row].token), i);
  x[std::size_t{row} * table.inputs + i] = scale == 1.0f ? v : v * scale;
}

/// One norm: every run of `width` values of the rows of `x`, which are `stride` long.
struct norm_work {
  float* x;             // [rows, stride]
  const float* more;    // [rows, stride] added to x first (and kept there), or null
  const float* weight;  // [width]
  float* out;           // [rows, stride], may be x
  unsigned width;
  unsigned stride;
  float eps;
  rounded_rows rounded;  // of out; only where stride is width
};

/// Grid: rows, runs of `width`; 256 threads.
template <int = 0>
__global__ void __launch_bounds__(256) rms_norm(norm_work work, const pass_block* pass) {
  struct shared_scale {
    float value;
  };
  const unsigned row = blockIdx.x;
  if (row >= pass->rows) return;
  const std::size_t start = std::size_t{row} * work.stride + std::size_t{blockIdx.y} * work.width;
  float* const x = work.x + start;
  const unsigned n = work.width;
  if (work.more != nullptr) {
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) x[i] = x[i] + work.more[start + i];
    sync_block();
  }
  const unsigned lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
  float& scale = shared<shared_scale>().value;
  if (warp == 0) {  // 16 lanes of squares, added 8 apart, then 4, 2, 1; lanes 16 to 31 hold zeros
    float squares = 0.0f;
    if (lane < 16) {
#pragma unroll 8
      for (unsigned i = lane; i < n; i += 16) squares = fmaf(x[i], x[i], squares);
    }
    for (int step = 8; step > 0; step /= 2) squares = squares + lane_xor(squares, step);
    if (lane == 0) scale = 1.0f / sqrtf(squares / static_cast<float>(n) + work.eps);
  }
  sync_block();
  for (unsigned first = warp * warp_values; first < n; first += blockDim.x / warp_lanes * warp_values) {
    const unsigned at = first + lane * lane_values;
    float v[lane_values];
    for (unsigned i = 0; i < lane_values; ++i) v[i] = at + i < n ? x[at + i] * scale * work.weight[at + i] : 0.0f;
    for (unsigned i = 0; i < lane_values; ++i)
      if (at + i < n) work.out[start + at + i] = v[i];
    round_piece(v, at, n, row, work.rounded);
  }
}

/// Queries and keys of a layer before their rotation, and where the turned keys and the values go, rounded to half
/// precision.
struct rotate_work {
  float* q;          // [rows, heads, head_dim], turned in place
  const float* k;    // [rows, kv_heads, head_dim]
  const float* v;    // [rows, kv_heads, head_dim]
  const float* cos;  // [positions, head_dim / 2]
  const float* sin;
  page_shape pages;
  unsigned heads;
  unsigned layer;
  bool adjacent;  // values 2i and 2i + 1 turn together, else i and i + head_dim / 2
};

/// Grid: rows, heads + 2 kv_heads; 64 threads.
template <int = 0>
__global__ void rotate_and_store(rotate_work work, const pass_block* pass) {
  const unsigned row = blockIdx.x;
  if (row >= pass->rows) return;
  const pass_row& r = pass->row[row];
  const unsigned dim = work.pages.head_dim, half = dim / 2, kv_heads = work.pages.kv_heads;
  const unsigned item = blockIdx.y;
  std::uint16_t* const page = r.pages[r.slot / page_slots];
  if (item >= work.heads + kv_heads) {
    const unsigned head = item - work.heads - kv_heads;
    const float* from = work.v + (std::size_t{row} * kv_heads + head) * dim;
    std::uint16_t* to = page + work.pages.at(work.layer, head, 1, r.slot);
    for (unsigned i = threadIdx.x; i < dim; i += blockDim.x) to[i] = to_half(from[i]);
    return;
  }
  const bool is_key = item >= work.heads;
  const unsigned head = is_key ? item - work.heads : item;
  float* const q = work.q + (std::size_t{row} * work.heads + head) * dim;
  const float* from = is_key ? work.k + (std::size_t{row} * kv_heads + head) * dim : q;
  std::uint16_t* const to = page + work.pages.at(work.layer, is_key ? head : 0, 0, r.slot);
  const std::size_t position = r.count - 1;
  for (unsigned i = threadIdx.x; i < half; i += blockDim.x) {
    const unsigned first = work.adjacent ? 2 * i : i, second = work.adjacent ? 2 * i + 1 : i + half;
    const float c = work.cos[position * half + i], s = work.sin[position * half + i];
    const float a = from[first], b = from[second];
    const float turned[2] = {a * c - b * s, a * s + b * c};
    if (is_key) {
      to[first] = to_half(turned[0]);
      to[second] = to_half(turned[1]);
    } else {
      q[first] = turned[0];
      q[second] = turned[1];
    }
  }
}

/// gate = activation(gate) * up, and its rounded form. Grid: rows, pieces of 1024 values; 128 threads.
template <int = 0>
__global__ void __launch_bounds__(128)
    gate_rows(float* gate, const float* up, unsigned width, bool gelu, rounded_rows rounded, const pass_block* pass) {
  const unsigned row = blockIdx.x;
  if (row >= pass->rows) return;
  const unsigned at =
      (blockIdx.y * 4 + threadIdx.x / warp_lanes) * warp_values + threadIdx.x % warp_lanes * lane_values;
  const std::size_t start = std::size_t{row} * width;
  float v[lane_values];
  for (unsigned i = 0; i < lane_values; ++i) {
    v[i] = 0.0f;
    if (at + i >= width) continue;
    const float g = gate[start + at + i];
    const float bend = gelu ? 1.5957691216f * g * (1.0f + 0.044715f * g * g) : g;
    v[i] = g / (1.0f + exponential(-bend)) * up[start + at + i];
    gate[start + at + i] = v[i];
  }
  round_piece(v, at, width, row, rounded);
}

/// The rows' hidden states. Grid: rows, pieces of 256 values; 256 threads.
template <int = 0>
__global__ void keep_hidden(const float* h, unsigned width, const pass_block* pass) {
  const unsigned row = blockIdx.x, i = blockIdx.y * blockDim.x + threadIdx.x;
  if (row < pass->rows && i < width) pass->row[row].hidden[i] = h[std::size_t{row} * width + i];
}

}  // namespace hunch::cuda
