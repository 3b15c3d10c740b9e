// The noise of hunch/core/noise.hpp with the same bits: the same operations, spelled for the device.
#pragma once

#include <cstdint>

#include "simt.hpp"

namespace hunch::cuda {

/// Philox4x32-10: word `lane` of a counter.
__device__ __forceinline__ void philox_words(std::uint32_t (&c)[4], std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c[2];
    const std::uint32_t c1 = c[1], c3 = c[3];
    c[0] = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c[1] = static_cast<std::uint32_t>(b);
    c[2] = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c[3] = static_cast<std::uint32_t>(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/// hunch::portable_log: only correctly rounded operations, fused where it says so.
__device__ __forceinline__ double device_log(double x) {
  constexpr double ln2_high = 0x1.62e42fefa38p-1;
  constexpr double ln2_low = 0x1.ef35793c7673p-45;
  constexpr double coefficients[] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                                     1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdull;
  const std::uint64_t shifted = __builtin_bit_cast(std::uint64_t, x) - sqrt_half;
  const auto k = static_cast<double>(static_cast<std::int64_t>(shifted) >> 52);
  const auto m = __builtin_bit_cast(double, (shifted & 0x000fffffffffffffull) + sqrt_half);
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double series = 0.0;
#pragma unroll
  for (int i = 0; i < 11; ++i) series = fma(series, z, coefficients[i]);
  const double small = s * fma(-2.0 * z, series, f);
  return fma(k, ln2_high, f - fma(-k, ln2_low, small));
}

/// hunch::gumbel.
__device__ __forceinline__ double device_gumbel(std::uint32_t bits) {
  const double u = (static_cast<double>(bits) + 0.5) * 0x1p-32;
  return -device_log(-device_log(1.0 - u));
}

}  // namespace hunch::cuda
