// Randomness without state: every draw is a pure function of a seed and of what it decides.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <hunch/core/math.hpp>
#include <hunch/core/noise.hpp>
#include <hunch/core/row_scan.hpp>
#include <hunch/core/types.hpp>
#include <hunch/core/wide.hpp>

namespace hunch {

/// What a draw decides. One purpose never reads the counters of another.
enum class purpose : std::uint32_t { draft, accept, residual, bonus, target, user };

/// Where a draw belongs: the length of the text when the round began, and a node of the round's tree.
///
/// Keyed by the round and not by the absolute position: a verifier may look at draws beyond the accepted prefix, and
/// the next round must not meet them again (a bias that only repeated rounds show).
struct draw_site {
  std::uint64_t round;
  node_id node;
};

/// A drawn index and the perturbed log-probability that won it its place (0 where a source has none).
struct candidate {
  token index;
  double score;
};

/// A source of randomness as drafters and verifiers see it: verbs, no raw numbers, so that the same templates run on
/// Philox in production and on an enumerator of all outcomes in tests (testing/branching.hpp).
///  - `accept(site, p, q, lane)`        true with probability min(1, p/q); never when p is 0
///  - `categorical(site, why, w, lane)` index drawn in proportion to w, never one of zero weight
///  - `ordered_without_replacement(site, q, k, out)`  up to k distinct indices in draw order
///  - `at_position(position, logits)` index from softmax(logits), by noise that belongs to the absolute position;
///    no_token if the row is not usable (NaN, +inf, nothing but -inf)
///  - `ordered_at_position(position, logits, k, out)`  the k indices that come first by that noise; the first is
///    at_position's
/// Lanes (0 if left out) tell apart draws of one site and purpose.
///  - `split(stage)`                  own draws for a nested decoder, stage < 8; the noise of positions stays shared
template <class R, class P = float>
concept RandomSource = std::copyable<R> &&
    requires(const R r, draw_site at, purpose why, std::span<const P> row, P h, std::vector<candidate>& out,
             std::uint64_t position, std::uint32_t lane) {
  { r.accept(at, h, h) } -> std::same_as<bool>;
  { r.accept(at, h, h, lane) } -> std::same_as<bool>;
  { r.categorical(at, why, row) } -> std::same_as<token>;
  { r.categorical(at, why, row, lane) } -> std::same_as<token>;
  { r.ordered_without_replacement(at, row, std::size_t{}, out) } -> std::same_as<void>;
  { r.at_position(position, row) } -> std::same_as<token>;
  { r.ordered_at_position(position, row, std::size_t{}, out) } -> std::same_as<void>;
  { r.split(std::uint32_t{}) } -> std::same_as<R>;
};

/// Inserts `c` into the at most k candidates of largest score, largest first; equal scores keep their order of arrival.
inline void keep_largest(candidate c, std::size_t k, std::vector<candidate>& best) {
  if (best.size() == k) {
    if (k == 0 || !(c.score > best.back().score)) return;
    best.pop_back();
  }
  const auto lower = [](const candidate& a, const candidate& b) { return a.score > b.score; };
  best.insert(std::upper_bound(best.begin(), best.end(), c, lower), c);
}

namespace detail {

/// Asks what a score must reach to be among the k of largest score.
[[nodiscard]] inline auto goal_of(const std::vector<candidate>& best, std::size_t k) noexcept {
  return [&best, k] { return best.size() == k ? best.back().score : -std::numeric_limits<double>::infinity(); };
}

}  // namespace detail

/// The production source of randomness. Two words of state that never change: copy it freely.
class philox {
 public:
  constexpr explicit philox(std::uint64_t seed = 0, std::uint32_t stage = 0) noexcept : seed_{seed}, stage_{stage} {}

  [[nodiscard]] constexpr philox split(std::uint32_t stage) const noexcept {
    HUNCH_EXPECTS(stage < 8, "a decoder nests at most eight stages side by side");
    return philox{seed_, stage_ * 8 + stage + 1};
  }

  [[nodiscard]] constexpr std::uint64_t seed() const noexcept { return seed_; }

  /// One draw in (0, 1). `lane` tells draws of one site and purpose apart.
  [[nodiscard]] constexpr double uniform(draw_site at, purpose why, std::uint32_t lane = 0) const noexcept {
    return uniform01(words(at, why, lane / 4)[lane % 4]);
  }

  template <std::floating_point P>
  [[nodiscard]] constexpr bool accept(draw_site at, P p, P q, std::uint32_t lane = 0) const noexcept {
    return uniform(at, purpose::accept, lane) * static_cast<double>(q) < static_cast<double>(p);
  }

  /// Inverse CDF, summed in double (row_scan.hpp). Returns no_token when there is no mass. Cost: reads the row once,
  /// and again up to what is drawn.
  template <std::floating_point P>
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const P> w,
                                  std::uint32_t lane = 0) const noexcept {
    return where_sum_passes(w, uniform(at, why, lane) * sum_of(w));
  }

  /// Gumbel-Top-k (Vieira, 2014; Kool et al., 2019): the k largest log q + G, largest first. Ties: lower index.
  template <std::floating_point P>
  void ordered_without_replacement(draw_site at, std::span<const P> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    out.clear();
    if (k == 0) return;
    const auto level = [](P x) { return detail::log_ceiling(static_cast<double>(x)); };
    detail::for_each_noise(
        q, counters(at, purpose::draft), detail::goal_of(out, k), level, [&](std::size_t i, std::uint32_t bits) {
          if (!(q[i] > P{0})) return;
          const auto x = static_cast<double>(q[i]);
          if (out.size() == k && !(detail::log_ceiling(x) + detail::gumbel_ceiling(bits) > out.back().score)) return;
          keep_largest({static_cast<token>(i), portable_log(x) + gumbel(bits)}, k, out);
        });
  }

  /// The k largest logits + G by the noise of at_position, largest first; -inf never. Ties: lower index.
  template <std::floating_point P>
  void ordered_at_position(std::uint64_t position, std::span<const P> logits, std::size_t k,
                           std::vector<candidate>& out) const {
    out.clear();
    if (k == 0) return;
    const auto level = [](P x) { return static_cast<double>(x); };
    detail::for_each_noise(logits, shared(position), detail::goal_of(out, k), level,
                           [&](std::size_t i, std::uint32_t bits) {
                             const auto x = static_cast<double>(logits[i]);
                             if (!(x > -std::numeric_limits<double>::infinity())) return;
                             if (out.size() == k && !(x + detail::gumbel_ceiling(bits) > out.back().score)) return;
                             keep_largest({static_cast<token>(i), x + gumbel(bits)}, k, out);
                           });
  }

  /// Gumbel-max over logits / t, with noise keyed by position and token: whoever asks at this position with these
  /// logits gets this token, whatever was drafted before. Ties: lower index. No_token if the row holds a NaN or +inf,
  /// or nothing but -inf. Cost: reads the row twice, draws where a token can still win.
  template <std::floating_point P>
  [[nodiscard]] token at_position(std::uint64_t position, std::span<const P> logits, P t = 1) const noexcept {
    return detail::gumbel_argmax<P>(logits, t, shared(position));
  }

  /// Whose words the draws of a site and a purpose are, for devices that compute them; the third one counts groups of
  /// four lanes or tokens.
  [[nodiscard]] constexpr detail::philox_counters counters(draw_site at, purpose why) const noexcept {
    return {static_cast<std::uint32_t>(at.round), at.node, last_word(at, why), seed_};
  }

 private:
  /// Counter: {round, node, lane, purpose | stage | high bits of round}. Rounds below 2^48, stages below 256.
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> words(draw_site at, purpose why,
                                                             std::uint32_t block) const noexcept {
    return philox4x32({static_cast<std::uint32_t>(at.round), at.node, block, last_word(at, why)}, seed_);
  }
  [[nodiscard]] constexpr std::uint32_t last_word(draw_site at, purpose why) const noexcept {
    const auto high = static_cast<std::uint32_t>(at.round >> 32) << 16;
    return static_cast<std::uint32_t>(why) | (stage_ & 0xFFu) << 8 | high;
  }

  /// The noise of a position, which nested decoders share.
  [[nodiscard]] detail::philox_counters shared(std::uint64_t position) const noexcept {
    return philox{seed_}.counters({position, 0}, purpose::target);
  }
  std::uint64_t seed_;
  std::uint32_t stage_;
};

static_assert(RandomSource<philox>);

}  // namespace hunch
