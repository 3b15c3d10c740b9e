// Rows of logits and probabilities: argmax, softmax.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <hunch/core/row_scan.hpp>
#include <hunch/core/types.hpp>
#include <hunch/core/wide.hpp>

namespace hunch {

/// The largest value; -inf for an empty row. False if the row holds a NaN. Cost: one pass.
template <class P>
[[nodiscard]] bool largest(std::span<const P> row, P& top) noexcept {
  const row_peak<P> peak = peak_of(row);
  top = peak.top;
  return !peak.broken;
}

/// Index of the largest logit, the lowest one among equals. No_token if the row is empty, holds a NaN or +inf, or
/// nothing but -inf. Cost: reads the row once.
template <class P>
[[nodiscard]] token argmax(std::span<const P> row) noexcept {
  const row_peak<P> peak = peak_of(row);
  return peak.usable() ? static_cast<token>(peak.at) : no_token;
}

/// e^x for x <= 0, relative error below 2e-7 (tested); 0 from about -87.7 on. Without branches, so that rows of it
/// vectorise: the smallest argument gives a scale of exactly 0.
[[nodiscard, gnu::always_inline]] inline float exp_of_negative(float x) noexcept {
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
[[nodiscard, gnu::always_inline]] inline double exp_of_negative(double x) noexcept { return std::exp(x); }

namespace detail {

/// y = e^((x - top)·by), lane by lane added to `total`. Runs of -inf, which filters leave, become zeros without work.
/// x and y may be the same.
template <bool Scales, class P>
[[gnu::always_inline]] inline void exponentials(const P* x, P* y, std::size_t n, P by, P top,
                                                double (&total)[row_lanes]) noexcept {
  constexpr std::size_t run = 4 * row_lanes;
  constexpr P nothing = -std::numeric_limits<P>::infinity();
  double sums[row_lanes];
  for (std::size_t l = 0; l < row_lanes; ++l) sums[l] = total[l];
  std::size_t i = 0;
  for (; i + run <= n; i += run) {
    if (!(x[i] > nothing) && !any_above(x + i, run, nothing)) {
      for (std::size_t l = 0; l < run; ++l) y[i + l] = P{0};
      continue;
    }
    P v[run];
    for (std::size_t l = 0; l < run; ++l) v[l] = exp_of_negative(Scales ? (x[i + l] - top) * by : x[i + l] - top);
    for (std::size_t l = 0; l < run; ++l) y[i + l] = v[l];
    for (std::size_t r = 0; r < run; r += row_lanes)
      for (std::size_t l = 0; l < row_lanes; ++l) sums[l] += static_cast<double>(v[r + l]);
  }
  for (; i < n; ++i) {
    y[i] = exp_of_negative(Scales ? (x[i] - top) * by : x[i] - top);
    sums[i % row_lanes] += static_cast<double>(y[i]);
  }
  for (std::size_t l = 0; l < row_lanes; ++l) total[l] = sums[l];
}

/// The sum of e^(x - top), in double.
template <class P>
[[nodiscard]] double mass_below(std::span<const P> row, P top) noexcept {
  double sums[row_lanes] = {};
  wide([&]() __attribute__((always_inline)) {
    P unused[row_block];
    for (std::size_t i = 0; i < row.size(); i += row_block)
      exponentials<false>(row.data() + i, unused, std::min(row_block, row.size() - i), P{1}, top, sums);
  });
  double mass = 0;
  for (const double s : sums) mass += s;
  return mass;
}

}  // namespace detail

/// The law of logits / t into `law` [vocab], which may be the row itself; -inf becomes exactly 0. The sum is taken in
/// double. Returns false, with the law unspecified, if the row holds a NaN or +inf, or nothing but -inf.
/// Relative error of a probability in float: below 4e-7 + 2e-7 for each nat between it and the largest (tested).
/// Cost: reads the row twice, writes the law and scales it.
template <class P>
[[nodiscard]] bool softmax(std::span<const P> logits, P t, std::span<P> law) noexcept {
  const row_peak<P> peak = peak_of(logits);
  if (!peak.usable()) return false;
  double sums[row_lanes] = {};
  detail::wide([&]() __attribute__((always_inline)) {
    if (t == P{1})
      detail::exponentials<false>(logits.data(), law.data(), logits.size(), t, peak.top, sums);
    else
      detail::exponentials<true>(logits.data(), law.data(), logits.size(), P{1} / t, peak.top, sums);
  });
  double sum = 0;
  for (const double s : sums) sum += s;
  const auto scale = static_cast<P>(1.0 / sum);
  detail::wide([&]() __attribute__((always_inline)) {
    P* const x = law.data();
    const std::size_t n = law.size();
    for (std::size_t i = 0; i < n; ++i) x[i] *= scale;
  });
  return true;
}

/// Logits to probabilities in place.
template <class P>
[[nodiscard]] bool softmax(std::span<P> row) noexcept {
  return softmax(std::span<const P>{row}, P{1}, row);
}

namespace detail {

/// y = (up·a - down·b)+ for one block. Returns what block_sum gives of y.
template <class P>
[[gnu::always_inline]] inline double block_difference(double up, const P* a, double down, const P* b, P* y,
                                                      std::size_t n) noexcept {
  double sums[row_lanes] = {};
  std::size_t i = 0;
  for (; i + row_lanes <= n; i += row_lanes) {
    P v[row_lanes];
    for (std::size_t l = 0; l < row_lanes; ++l) {
      const auto d = static_cast<P>(up * static_cast<double>(a[i + l]) - down * static_cast<double>(b[i + l]));
      v[l] = d > P{0} ? d : P{0};
    }
    for (std::size_t l = 0; l < row_lanes; ++l) y[i + l] = v[l];
    for (std::size_t l = 0; l < row_lanes; ++l) sums[l] += static_cast<double>(v[l]);
  }
  for (std::size_t l = 0; i + l < n; ++l) {
    const auto d = static_cast<P>(up * static_cast<double>(a[i + l]) - down * static_cast<double>(b[i + l]));
    y[i + l] = d > P{0} ? d : P{0};
    sums[l] += static_cast<double>(y[i + l]);
  }
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

}  // namespace detail

/// out = (up·p - down·q)+, each in double; out may be p. Returns sum_of(out). Cost: one pass.
template <class P>
double subtract(double up, std::span<const P> p, double down, std::span<const P> q, std::span<P> out) noexcept {
  double all = 0;
  detail::wide([&]() __attribute__((always_inline)) {
    const P *const a = p.data(), *const b = q.data();
    P* const y = out.data();
    const std::size_t n = p.size();
    const double w = up, d = down;
    double sum = 0;
    for (std::size_t i = 0; i < n; i += row_block)
      sum += detail::block_difference(w, a + i, d, b + i, y + i, std::min(row_block, n - i));
    all = sum;
  });
  return all;
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
