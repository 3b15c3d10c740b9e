// One pass over a row: its largest entry, its sum, the place where a sum is reached.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <hunch/core/types.hpp>
#include <hunch/core/wide.hpp>

namespace hunch {

/// Values that are worked on side by side: loops of this fixed length are ones that compilers vectorise.
inline constexpr std::size_t row_lanes = 32;
/// Values whose largest and whose sum are taken together.
inline constexpr std::size_t row_block = 1024;

/// The largest entry of a row, and the lowest index that holds it.
template <class P>
struct row_peak {
  P top = -std::numeric_limits<P>::infinity();
  std::size_t at = 0;
  bool broken = false;  // a NaN was met

  /// No NaN, no +inf, and something above -inf.
  [[nodiscard]] bool usable() const noexcept { return !broken && std::isfinite(top); }
};

namespace detail {

/// The largest of the entries that share a lane: of x[l], x[l + lanes], …. False if there is a NaN.
template <class P>
[[gnu::always_inline]] inline bool lane_tops(const P* x, std::size_t n, P (&best)[row_lanes]) noexcept {
  unsigned broken[row_lanes] = {};
  for (std::size_t l = 0; l < row_lanes; ++l) best[l] = -std::numeric_limits<P>::infinity();
  std::size_t i = 0;
  for (; i + row_lanes <= n; i += row_lanes) {
    for (std::size_t l = 0; l < row_lanes; ++l) best[l] = x[i + l] > best[l] ? x[i + l] : best[l];
    for (std::size_t l = 0; l < row_lanes; ++l) broken[l] |= x[i + l] == x[i + l] ? 0u : 1u;
  }
  for (std::size_t l = 0; i + l < n; ++l) {
    best[l] = x[i + l] > best[l] ? x[i + l] : best[l];
    broken[l] |= x[i + l] == x[i + l] ? 0u : 1u;
  }
  unsigned any = 0;
  for (std::size_t l = 0; l < row_lanes; ++l) any |= broken[l];
  return any == 0;
}

/// Sum in double, lane by lane: the order that every sum over a row keeps.
template <class P>
[[gnu::always_inline]] inline double block_sum(const P* x, std::size_t n) noexcept {
  double sums[row_lanes] = {};
  std::size_t i = 0;
  for (; i + row_lanes <= n; i += row_lanes)
    for (std::size_t l = 0; l < row_lanes; ++l) sums[l] += static_cast<double>(x[i + l]);
  for (std::size_t l = 0; i + l < n; ++l) sums[l] += static_cast<double>(x[i + l]);
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

/// Whether any of x[0, n) is above `floor`.
template <class P>
[[gnu::always_inline]] inline bool any_above(const P* x, std::size_t n, P floor) noexcept {
  int any[row_lanes] = {};
  std::size_t i = 0;
  for (; i + row_lanes <= n; i += row_lanes)
    for (std::size_t l = 0; l < row_lanes; ++l) any[l] |= x[i + l] > floor ? 1 : 0;
  for (std::size_t l = 0; i + l < n; ++l) any[l] |= x[i + l] > floor ? 1 : 0;
  int all = 0;
  for (std::size_t l = 0; l < row_lanes; ++l) all |= any[l];
  return all != 0;
}

}  // namespace detail

/// Cost: reads the row once, and the block of the winner again.
template <class P>
[[nodiscard]] row_peak<P> peak_of(std::span<const P> row) noexcept {
  row_peak<P> peak;
  detail::wide([&]() __attribute__((always_inline)) {
    const P* const x = row.data();
    const std::size_t n = row.size();
    row_peak<P> found;
    for (std::size_t i = 0; i < n; i += row_block) {
      P best[row_lanes];
      if (!detail::lane_tops(x + i, std::min(row_block, n - i), best)) found.broken = true;
      P top = best[0];
      for (std::size_t l = 1; l < row_lanes; ++l) top = best[l] > top ? best[l] : top;
      if (!(top > found.top)) continue;
      found.top = top;
      found.at = i;
    }
    peak = found;
  });
  while (peak.at < row.size() && !(row[peak.at] == peak.top)) ++peak.at;
  return peak;
}

/// Sum in double, in a fixed order: blocks one after another, within a block lane by lane.
template <class P>
[[nodiscard]] double sum_of(std::span<const P> row) noexcept {
  double all = 0;
  detail::wide([&]() __attribute__((always_inline)) {
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); i += row_block)
      sum += detail::block_sum(row.data() + i, std::min(row_block, row.size() - i));
    all = sum;
  });
  return all;
}

/// The first index at which the running sum of the weights passes `goal`; never one of zero weight. The last one of
/// positive weight if rounding keeps the sum below the goal, no_token if there is none. Cost: reads the row up to it.
template <class P>
[[nodiscard]] token where_sum_passes(std::span<const P> w, double goal) noexcept {
  double sum = 0;
  std::size_t first = w.size();
  detail::wide([&]() __attribute__((always_inline)) {
    double before = 0;
    for (std::size_t i = 0; i < w.size(); i += row_block) {
      const double next = before + detail::block_sum(w.data() + i, std::min(row_block, w.size() - i));
      if (goal < next) {
        first = i;
        break;
      }
      before = next;
    }
    sum = before;
  });
  const std::size_t end = std::min(w.size(), first + row_block);
  token last = no_token;
  for (std::size_t i = first; i < end; ++i) {
    if (!(w[i] > P{0})) continue;
    sum += static_cast<double>(w[i]);
    last = static_cast<token>(i);
    if (goal < sum) return last;
  }
  for (std::size_t i = w.size(); last == no_token && i-- > 0;)
    if (w[i] > P{0}) last = static_cast<token>(i);
  return last;
}

}  // namespace hunch
