// Kernels on single rows: quantisation, norms, rotation, gates.
#pragma once

#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// e^x with relative error below 2e-7: x = n ln 2 + r, a polynomial in r, n into the exponent.
/// 0 below -87.33 and infinity above 88.72: no subnormal results. Plain operations, so that loops vectorise.
inline float exponential(float x) {
  constexpr float round_to_int = 12582912.0f;  // 1.5 * 2^23: adding it rounds to nearest even
  const float shifted = __builtin_fmaf(x, 1.44269504f, round_to_int);
  const float n = shifted - round_to_int;
  const float r = __builtin_fmaf(n, 2.12194440e-4f, __builtin_fmaf(n, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = __builtin_fmaf(p, r, 1.3981999507e-3f);
  p = __builtin_fmaf(p, r, 8.3334519073e-3f);
  p = __builtin_fmaf(p, r, 4.1665795894e-2f);
  p = __builtin_fmaf(p, r, 1.6666665459e-1f);
  p = __builtin_fmaf(p, r, 5.0000001201e-1f);
  p = __builtin_fmaf(p, r * r, r) + 1.0f;
  // 2^n in two factors, because 2^128 is no float but p * 2^128 may be one.
  const std::uint32_t whole = __builtin_bit_cast(std::uint32_t, shifted) - 0x4b400000u;
  const std::uint32_t half = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) >> 1);
  const float first = __builtin_bit_cast(float, (half + 127u) << 23);
  const float second = __builtin_bit_cast(float, (whole - half + 127u) << 23);
  const float value = p * first * second;
  const float capped = x > 88.72283f ? __builtin_inff() : value;
  return x < -87.33654f ? 0.0f : capped;
}

/// e^x for x <= 0, with relative error below 2e-7; 0 below -87.
inline f32x16 exponential_below_zero(f32x16 x) {
  const f32x16 round_to_int = broadcast(12582912.0f);
  const f32x16 shifted = fma(x, broadcast(1.44269504f), round_to_int);
  const f32x16 n = sub(shifted, round_to_int);
  const f32x16 r = fma(n, broadcast(2.12194440e-4f), fma(n, broadcast(-0.693359375f), x));
  f32x16 p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), broadcast(1.0f));
  return zero_below(scaled_by_power(p, shifted), x, -87.0f);
}

/// |x| of the largest value of a block.
inline float largest(const float* x, std::size_t n) {
  f32x16 m = broadcast(0.0f);
  for (std::size_t i = 0; i < n; i += 16) {
    const f32x16 v = load(x + i);
    m = max(max(v, negated(v)), m);
  }
  return max_of(m);
}

/// q = round to nearest even of x * inverse, 16 of them. Adding 1.5 * 2^23 rounds; inputs are within 127 / inverse.
inline i32x16 quantise_16(const float* x, f32x16 inverse, signed char* q) {
  const i32x16 whole = whole_of(add(mul(load(x), inverse), broadcast(12582912.0f)));
  store_bytes(q, whole);
  return whole;
}

inline void quantise_32(const float* x, std::size_t n, const quantised_row& out) {
  for (std::size_t b = 0; b < n / 32; ++b, x += 32) {
    const float amax = largest(x, 32);
    const f32x16 inverse = broadcast(amax > 0.0f ? 127.0f / amax : 0.0f);
    const std::size_t at = out.group * b;
    const i32x16 low = quantise_16(x, inverse, out.q + 32 * at);
    const i32x16 high = quantise_16(x + 16, inverse, out.q + 32 * at + 16);
    out.scale[at] = amax / 127.0f;
    out.sum[at] = sum_of(add(low, high));
    out.scaled_sum[at] = out.scale[at] * static_cast<float>(out.sum[at]);
  }
}

inline void quantise_256(const float* x, std::size_t n, const quantised_row& out) {
  for (std::size_t b = 0; b < n / 256; ++b, x += 256) {
    const float amax = largest(x, 256);
    const f32x16 inverse = broadcast(amax > 0.0f ? 127.0f / amax : 0.0f);
    const std::size_t at = out.group * b;
    out.scale[at] = amax / 127.0f;
    for (std::size_t i = 0; i < 16; i += 2) {
      const std::int32_t low = sum_of(quantise_16(x + 16 * i, inverse, out.q + 256 * at + 16 * i));
      const std::int32_t high = sum_of(quantise_16(x + 16 * i + 16, inverse, out.q + 256 * at + 16 * i + 16));
      out.offset[16 * at + i] = -32 * low;
      out.offset[16 * at + i + 1] = -32 * high;
      out.sum_256[8 * at + i / 2] = static_cast<std::int16_t>(low + high);
    }
    out.sum[at] = loudest_of(out.q + 256 * at);
  }
}

/// Sum of squares in 16 lanes (value i in lane i mod 16), lanes added by the fixed tree.
inline void rms_norm(const float* x, const float* w, std::size_t n, float eps, float* y) {
  f32x16 squares = broadcast(0.0f);
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const f32x16 v = load(x + i);
    squares = fma(v, v, squares);
  }
  if (i < n) {
    float rest[16] = {};
    for (std::size_t l = 0; i + l < n; ++l) rest[l] = x[i + l];
    squares = fma(load(rest), load(rest), squares);
  }
  const float mean = sum_of(squares) / static_cast<float>(n);
  const float scale = 1.0f / __builtin_sqrtf(mean + eps);
  for (std::size_t j = 0; j < n; ++j) y[j] = x[j] * scale * w[j];
}

inline void rotate_pairs(float* x, std::size_t heads, std::size_t head_dim, const float* cos, const float* sin) {
  for (std::size_t h = 0; h < heads; ++h, x += head_dim) {
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      const float a = x[2 * i];
      const float b = x[2 * i + 1];
      x[2 * i] = a * cos[i] - b * sin[i];
      x[2 * i + 1] = a * sin[i] + b * cos[i];
    }
  }
}

inline void rotate_halves(float* x, std::size_t heads, std::size_t head_dim, const float* cos, const float* sin) {
  const std::size_t half = head_dim / 2;
  for (std::size_t h = 0; h < heads; ++h, x += head_dim) {
    for (std::size_t i = 0; i < half; ++i) {
      const float a = x[i];
      const float b = x[i + half];
      x[i] = a * cos[i] - b * sin[i];
      x[i + half] = a * sin[i] + b * cos[i];
    }
  }
}

inline void silu_gate(float* gate, const float* up, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) gate[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

/// 0.5 g (1 + tanh u) = g / (1 + e^-2u), u = sqrt(2 / pi) (g + 0.044715 g^3).
inline void gelu_gate(float* gate, const float* up, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const float twice_u = 1.5957691216f * g * (1.0f + 0.044715f * g * g);
    gate[i] = g / (1.0f + exponential(-twice_u)) * up[i];
  }
}

inline void add_rows(float* x, const float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = x[i] + y[i];
}

}  // namespace hunch::cpu::HUNCH_ISA
