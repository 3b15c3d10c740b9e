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
/// Bits above this give less noise than d: by the same bound noise >= d needs u <= e^-d, and this is at most twice
/// that.
[[nodiscard]] constexpr std::uint32_t last_bits_reaching(double d) noexcept {
  if (!(d > 0)) return ~std::uint32_t{0};
  const auto halvings = static_cast<int>(std::min(d * 1.4426950408889634, 33.0));
  return halvings == 0 ? ~std::uint32_t{0} : halvings > 32 ? 0 : std::uint32_t{1} << (32 - halvings);
}
/// Never below log x, for normal x > 0; about -709 for 0.
[[nodiscard]] constexpr double log_ceiling(double x) noexcept {
  return ln2_up * static_cast<double>(static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x) >> 52) - 1022);
}

inline constexpr std::size_t noise_run = 64;  // tokens of sixteen counters
inline constexpr std::size_t block_runs = row_block / noise_run;

/// Integers in the order of floats: compilers find their largest in wide registers. A NaN is above or below all.
[[nodiscard, gnu::always_inline]] inline std::int32_t in_order(float x) noexcept {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
[[nodiscard, gnu::always_inline]] inline std::int64_t in_order(double x) noexcept {
  const auto bits = std::bit_cast<std::int64_t>(x);
  return bits ^ ((bits >> 63) & 0x7fffffffffffffff);
}
[[nodiscard]] inline float out_of_order(std::int32_t k) noexcept {
  return std::bit_cast<float>(k ^ ((k >> 31) & 0x7fffffff));
}
[[nodiscard]] inline double out_of_order(std::int64_t k) noexcept {
  return std::bit_cast<double>(k ^ ((k >> 63) & 0x7fffffffffffffff));
}

/// The largest entry of each of `runs` runs.
template <class P>
void run_tops(const P* x, std::size_t runs, P (&tops)[block_runs]) noexcept {
  decltype(in_order(P{})) keys[block_runs];
  wide([&]() __attribute__((always_inline)) {
    const P* from = x;
    const std::size_t n = runs;
    for (std::size_t r = 0; r < n; ++r, from += noise_run) {
      auto top = in_order(from[0]);
      for (std::size_t l = 0; l < noise_run; ++l) {
        const auto k = in_order(from[l]);
        top = k > top ? k : top;
      }
      keys[r] = top;
    }
  });
  for (std::size_t r = 0; r < runs; ++r) tops[r] = out_of_order(keys[r]);
}

/// Those of `runs` runs that have a word up to their limit; their numbers come to the front of `which`. Returns their
/// count.
inline std::size_t runs_below(const std::uint32_t* words, const std::uint32_t (&limits)[block_runs],
                              std::size_t (&which)[block_runs], std::size_t runs) noexcept {
  std::size_t count = 0;
  wide([&]() __attribute__((always_inline)) {
    std::size_t found = 0;
    for (std::size_t r = 0; r < runs; ++r) {
      const std::uint32_t* const w = words + r * noise_run;
      const std::uint32_t limit = limits[r];
      std::uint32_t any = 0;
      for (std::size_t l = 0; l < noise_run; ++l) any |= w[l] <= limit ? 1u : 0u;
      which[found] = r;
      found += any;
    }
    count = found;
  });
  return count;
}

/// f(i, bits) in order for all tokens whose score can still reach goal(), and some others. A score is a level and
/// noise; level(x) never falls with x. `counters`: whose noise; the third word counts groups of four tokens.
///
/// Noise is bounded, so a run whose largest entry is further than the bound below the goal is not drawn for; of one
/// that is, mostly the words alone say that no token gets there. Cost: reads the row once.
template <class P, class Goal, class Level, class F>
void for_each_noise(std::span<const P> x, const philox_counters& counters, Goal goal, Level level, F f) {
  const std::size_t whole = x.size() - x.size() % noise_run;
  for (std::size_t block = 0; block < whole; block += row_block) {
    const std::size_t runs = std::min(row_block, whole - block) / noise_run;
    P tops[block_runs];
    run_tops(x.data() + block, runs, tops);
    std::uint32_t words[row_block];
    std::uint32_t limits[block_runs];
    std::size_t starts[block_runs];  // of the runs that were drawn
    std::size_t drawn = 0;
    for (std::size_t r = 0; r < runs; ++r) {
      const double short_of = goal() - level(tops[r]);
      if (short_of > noise_bound) continue;
      starts[drawn] = block + r * noise_run;
      limits[drawn] = last_bits_reaching(short_of);
      philox16(counters, static_cast<std::uint32_t>(starts[drawn] / 4), words + drawn * noise_run);
      ++drawn;
    }
    std::size_t which[block_runs];
    const std::size_t count = runs_below(words, limits, which, drawn);
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t r = which[n];
      for (std::size_t j = 0; j < noise_run; ++j)
        if (const std::uint32_t bits = words[r * noise_run + j]; bits <= limits[r]) f(starts[r] + j, bits);
    }
  }
  for (std::size_t i = whole; i < x.size(); ++i) f(i, counters[static_cast<std::uint32_t>(i / 4)][i % 4]);
}

/// The token of the largest logit / t + noise; ties: lower index. No_token if the row is not usable.
///
/// The largest logit goes first: its score is close to the best one, and most of the row drops out by comparison.
/// Cost: reads the row twice; draws for what comes within reach of the best.
template <class P>
[[nodiscard]] token gumbel_argmax(std::span<const P> logits, P t, const philox_counters& counters) noexcept {
  const row_peak<P> peak = peak_of(logits);
  if (!peak.usable()) return no_token;
  double best = -std::numeric_limits<double>::infinity();
  token winner = no_token;
  const auto enter = [&](std::size_t i, std::uint32_t bits) {
    const auto level = static_cast<double>(logits[i] / t);
    if (!(level + gumbel_ceiling(bits) >= best)) return;
    const double score = level + gumbel(bits);
    const auto index = static_cast<token>(i);
    if (!(score > best || (score == best && index < winner))) return;
    best = score;
    winner = index;
  };
  enter(peak.at, counters[static_cast<std::uint32_t>(peak.at / 4)][peak.at % 4]);
  for_each_noise(
      logits, counters, [&] { return best; }, [t](P x) { return static_cast<double>(x / t); }, enter);
  return winner;
}

}  // namespace detail
}  // namespace hunch
