// Gumbel noise, and the search for the largest perturbed logit: draws noise only for what can still win.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <hunch/core/math.hpp>
#include <hunch/core/row_scan.hpp>
#include <hunch/core/types.hpp>
#include <hunch/core/wide.hpp>

namespace hunch {

/// Uniform in the open interval (0, 1): (k + ½) / 2^32, exact in double.
[[nodiscard]] constexpr double uniform01(std::uint32_t k) noexcept { return (static_cast<double>(k) + 0.5) * 0x1p-32; }

/// Standard Gumbel noise -log(-log(1 - u)). The upper side of u carries the large values, so the tail is finite
/// (at most 22.88) and exact where it decides between a likely and an unlikely token.
[[nodiscard]] inline double gumbel(std::uint32_t k) noexcept {
  return -portable_log(-portable_log(1.0 - uniform01(k)));
}

namespace detail {

inline constexpr double noise_bound = 23.0;            // above the largest noise, by more than floats lose below 1e5
inline constexpr double ln2_up = 0x1.62e42fefa39fp-1;  // a little more than ln 2

/// Never below gumbel(bits): -log(1 - u) >= u, and u >= 2^-(1 + leading zeros).
[[nodiscard]] constexpr double gumbel_ceiling(std::uint32_t bits) noexcept {
  return ln2_up * (std::countl_zero(bits) + 1);
}
/// Never below log x, for normal x > 0.
[[nodiscard]] constexpr double log_ceiling(double x) noexcept {
  return ln2_up * static_cast<double>(static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x) >> 52) - 1022);
}
/// The same in floats; about -88 for 0.
[[nodiscard, gnu::always_inline]] inline float log_ceiling(float x) noexcept {
  return 0.69314724f * static_cast<float>((std::bit_cast<std::int32_t>(x) >> 23) - 126);
}

/// Whether any of n values (a multiple of row_lanes) can reach `goal` with its noise: nearly always not, found without
/// a logarithm. level(x[i]) is never below what noise is added to.
///
/// In floats, so that it vectorises: the ceiling by the exponent of a float (24 bits of the noise convert exactly),
/// one ln 2 higher than needed, which is more than floats below 1e5 lose to rounding.
template <class P, class Level>
[[gnu::always_inline]] inline bool any_may_reach(float goal, const P* x, const std::uint32_t* bits, std::size_t n,
                                                 Level level) noexcept {
  std::int32_t any[row_lanes] = {};
  for (std::size_t i = 0; i < n; i += row_lanes)
    for (std::size_t l = 0; l < row_lanes; ++l) {
      const auto noise = static_cast<float>(static_cast<std::int32_t>(bits[i + l] >> 8));
      const std::int32_t exponent = (std::bit_cast<std::int32_t>(noise) >> 23) - 127;
      const float ceiling = 0.69314724f * static_cast<float>(25 - exponent);
      any[l] |= level(x[i + l]) + ceiling > goal ? 1 : 0;
    }
  std::int32_t all = 0;
  for (std::size_t l = 0; l < row_lanes; ++l) all |= any[l];
  return all != 0;
}
/// Whether comparisons in floats are safe for scores of this size.
[[nodiscard]] inline bool float_sized(double x) noexcept { return x > -1e5 && x < 1e5; }

/// Finds the token of the largest logit/t + noise. Ties: lower index.
///
/// Noise is bounded, so a token further than the bound below the best score so far needs no draw. The largest logit
/// goes first: its score is close to the best one, and most of the row drops out by comparison alone.
template <class P>
class noise_race {
 public:
  /// `counters`: whose noise; the third word counts groups of four tokens.
  noise_race(std::span<const P> logits, P t, const philox_batch& counters) noexcept
      : x_{logits}, t_{t}, batch_{counters} {}

  /// No_token if the row is not usable. Cost: reads the row twice; draws for what comes within reach of the best.
  [[nodiscard]] token run() noexcept {
    const row_peak<P> peak = peak_of(x_);
    if (!peak.usable()) return no_token;
    const std::size_t whole = x_.size() - x_.size() % run_size;
    for (std::size_t i = whole; i < x_.size(); ++i) enter(i, one(i));
    if (peak.at < whole) judge(&peak.at, 1);
    for (std::size_t i = 0; i < whole; i += row_block) {
      std::size_t runs[row_block / run_size];
      const std::size_t count = within_reach(i, std::min(whole, i + row_block), runs);
      for (std::size_t r = 0; r < count; r += batch_runs) judge(runs + r, std::min(batch_runs, count - r));
    }
    return winner_;
  }

 private:
  static constexpr std::size_t run_size = 32;  // tokens of eight counters

  static constexpr std::size_t batch_runs = 64 / run_size;

  /// Starts of the runs in [first, end) that hold a logit within reach.
  std::size_t within_reach(std::size_t first, std::size_t end,
                           std::size_t (&runs)[row_block / run_size]) const noexcept {
    const bool safe = float_sized(best_) && t_ > P(1e-3) && t_ < P(1e3);
    const P floor =
        safe ? static_cast<P>((best_ - noise_bound) * static_cast<double>(t_)) : -std::numeric_limits<P>::infinity();
    std::size_t count = 0;
    wide([&]() __attribute__((always_inline)) {
      const P* const x = x_.data();
      std::size_t found = 0;
      for (std::size_t i = first; i < end; i += run_size) {
        runs[found] = i;
        found += any_above(x + i, run_size, floor) ? 1u : 0u;
      }
      count = found;
    });
    return count;
  }

  /// Draws for up to batch_runs runs; each is given by any of its tokens.
  void judge(const std::size_t* runs, std::size_t count) noexcept {
    for (std::size_t r = 0; r < count; ++r)
      for (std::size_t j = 0; j < run_size / 4; ++j)
        batch_.third[run_size / 4 * r + j] = static_cast<std::uint32_t>(runs[r] / run_size * (run_size / 4) + j);
    philox16(batch_);
    bool reach[batch_runs] = {true, true};
    if (float_sized(best_))
      wide([&]() __attribute__((always_inline)) {
        const auto goal = static_cast<float>(best_);
        const auto level = [&](P x) __attribute__((always_inline)) { return static_cast<float>(x / t_); };
        for (std::size_t r = 0; r < count; ++r)
          reach[r] = any_may_reach(goal, x_.data() + runs[r] / run_size * run_size, batch_.words + run_size * r,
                                   run_size, level);
      });
    for (std::size_t r = 0; r < count; ++r)
      for (std::size_t j = 0; reach[r] && j < run_size; ++j)
        enter(runs[r] / run_size * run_size + j, batch_.words[run_size * r + j]);
  }

  void enter(std::size_t i, std::uint32_t bits) noexcept {
    const auto x = static_cast<double>(x_[i] / t_);
    if (!(x + gumbel_ceiling(bits) >= best_)) return;
    const double score = x + gumbel(bits);
    const auto index = static_cast<token>(i);
    if (!(score > best_ || (score == best_ && index < winner_))) return;
    best_ = score;
    winner_ = index;
  }
  [[nodiscard]] std::uint32_t one(std::size_t i) const noexcept {
    return philox4x32({batch_.c0, batch_.c1, static_cast<std::uint32_t>(i / 4), batch_.c3}, batch_.key)[i % 4];
  }

  std::span<const P> x_;
  P t_;
  philox_batch batch_;
  double best_ = -std::numeric_limits<double>::infinity();
  token winner_ = no_token;
};

}  // namespace detail
}  // namespace hunch
