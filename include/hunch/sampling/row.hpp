// Rows of logits and probabilities: argmax, softmax.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <hunch/core/types.hpp>

namespace hunch {

/// Values that are worked on side by side: loops of this fixed length are ones that compilers vectorise.
inline constexpr std::size_t row_lanes = 16;

/// The largest value; -inf for an empty row. False if the row holds a NaN. Cost: one pass.
template <class P>
[[nodiscard]] bool largest(std::span<const P> row, P& top) noexcept {
  P best[row_lanes];
  unsigned broken[row_lanes] = {};
  std::fill(best, best + row_lanes, -std::numeric_limits<P>::infinity());
  std::size_t i = 0;
  for (; i + row_lanes <= row.size(); i += row_lanes) {
    const P* const x = row.data() + i;
    for (std::size_t l = 0; l < row_lanes; ++l) best[l] = x[l] > best[l] ? x[l] : best[l];
    for (std::size_t l = 0; l < row_lanes; ++l) broken[l] |= x[l] == x[l] ? 0u : 1u;
  }
  for (; i < row.size(); ++i) {
    best[0] = row[i] > best[0] ? row[i] : best[0];
    broken[0] |= row[i] == row[i] ? 0u : 1u;
  }
  top = *std::max_element(best, best + row_lanes);
  return std::all_of(broken, broken + row_lanes, [](unsigned b) { return b == 0; });
}

/// Index of the largest logit, the lowest one among equals. No_token if the row is empty, holds a NaN or +inf, or
/// nothing but -inf. Cost: O(vocab), one pass and the way to the winner.
template <class P>
[[nodiscard]] token argmax(std::span<const P> row) noexcept {
  P top;
  if (!largest(row, top) || std::isinf(top)) return no_token;
  return static_cast<token>(std::find(row.begin(), row.end(), top) - row.begin());
}

/// e^x for x <= 0, relative error below 2e-7 (tested); 0 from about -87.7 on. Without branches, so that rows of it
/// vectorise: the smallest argument gives a scale of exactly 0.
[[nodiscard]] inline float exp_of_negative(float x) noexcept {
  const auto magnitude = std::bit_cast<std::int32_t>(x) & 0x7fffffff;
  const float bounded = -std::bit_cast<float>(std::min(magnitude, std::bit_cast<std::int32_t>(88.03f)));
  const auto n = static_cast<std::int32_t>(bounded * 1.44269504f - 0.5f);  // nearest to x / ln 2; at least -127
  const auto k = static_cast<float>(n);
  const float r = (bounded - k * 0.693145752f) - k * 1.42860677e-6f;  // |r| <= ln 2 / 2
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((n + 127) << 23);
}
[[nodiscard]] inline double exp_of_negative(double x) noexcept { return std::exp(x); }

/// Logits to probabilities in place; -inf becomes exactly 0. The sum is taken in double.
/// Returns false, with the row unspecified, if it holds a NaN or +inf, or nothing but -inf.
template <class P>
[[nodiscard]] bool softmax(std::span<P> row) noexcept {
  P top;
  if (!largest(std::span<const P>{row}, top) || !std::isfinite(top)) return false;
  double sums[row_lanes] = {};
  std::size_t i = 0;
  for (; i + row_lanes <= row.size(); i += row_lanes) {
    P* const x = row.data() + i;
    for (std::size_t l = 0; l < row_lanes; ++l) x[l] = exp_of_negative(x[l] - top);
    for (std::size_t l = 0; l < row_lanes; ++l) sums[l] += static_cast<double>(x[l]);
  }
  for (; i < row.size(); ++i) sums[0] += static_cast<double>(row[i] = exp_of_negative(row[i] - top));
  double sum = 0;
  for (const double s : sums) sum += s;
  const auto scale = static_cast<P>(1.0 / sum);
  for (P& x : row) x *= scale;
  return true;
}

/// Entropy of a row of probabilities, in nats. Cost: one pass with a logarithm per token of some mass.
template <class P>
[[nodiscard]] float entropy_of(std::span<const P> row) noexcept {
  double sum = 0;
  for (const P p : row)
    if (p > P{0}) sum -= static_cast<double>(p) * std::log(static_cast<double>(p));
  return static_cast<float>(sum);
}

}  // namespace hunch
