// Randomness without state: every draw is a pure function of a seed and of what it decides.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <hunch/core/math.hpp>
#include <hunch/core/types.hpp>

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
///  - `at_position(position, logits)` index from softmax(logits), by noise that belongs to the absolute position
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

/// Philox4x32-10 (Salmon et al., 2011): counter in, four words out.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                                                std::uint64_t key) noexcept {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * c[0];
    const std::uint64_t b = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// Words of 16 counters that differ in their third word only: out[4i + j] is word j of {c0, c1, first + i, c3}.
/// Counter by counter: their chains overlap in the processor, which beats what compilers make of 16 lanes (measured).
inline void philox4x32_row(std::uint32_t c0, std::uint32_t c1, std::uint32_t first, std::uint32_t c3, std::uint64_t key,
                           std::uint32_t (&out)[64]) noexcept {
  for (std::uint32_t i = 0; i < 16; ++i) {
    const auto words = philox4x32({c0, c1, first + i, c3}, key);
    std::copy(words.begin(), words.end(), out + 4 * i);
  }
}

/// Uniform in the open interval (0, 1): (k + ½) / 2^32, exact in double.
[[nodiscard]] constexpr double uniform01(std::uint32_t k) noexcept { return (static_cast<double>(k) + 0.5) * 0x1p-32; }

/// Standard Gumbel noise -log(-log(1 - u)). The upper side of u carries the large values, so the tail is finite
/// (at most 22.88) and exact where it decides between a likely and an unlikely token.
[[nodiscard]] inline double gumbel(std::uint32_t k) noexcept {
  return -portable_log(-portable_log(1.0 - uniform01(k)));
}

/// The production source of randomness. Two words of state that never change: copy it freely.
class philox {
 public:
  constexpr explicit philox(std::uint64_t seed = 0, std::uint32_t stage = 0) noexcept : seed_{seed}, stage_{stage} {}

  [[nodiscard]] constexpr philox split(std::uint32_t stage) const noexcept {
    HUNCH_EXPECTS(stage < 8, "a decoder nests at most eight stages side by side");
    return philox{seed_, stage_ * 8 + stage + 1};
  }

  /// One draw in (0, 1). `lane` tells draws of one site and purpose apart.
  [[nodiscard]] constexpr double uniform(draw_site at, purpose why, std::uint32_t lane = 0) const noexcept {
    return uniform01(words(at, why, lane / 4)[lane % 4]);
  }

  template <std::floating_point P>
  [[nodiscard]] constexpr bool accept(draw_site at, P p, P q, std::uint32_t lane = 0) const noexcept {
    return uniform(at, purpose::accept, lane) * static_cast<double>(q) < static_cast<double>(p);
  }

  /// Inverse CDF, summed in double. Returns no_token when there is no mass. Cost: O(size).
  template <std::floating_point P>
  [[nodiscard]] constexpr token categorical(draw_site at, purpose why, std::span<const P> w,
                                            std::uint32_t lane = 0) const noexcept {
    double mass = 0;
    for (const P x : w) mass += static_cast<double>(x);
    const double goal = uniform(at, why, lane) * mass;
    double sum = 0;
    token last = no_token;
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!(w[i] > P{0})) continue;
      sum += static_cast<double>(w[i]);
      last = static_cast<token>(i);
      if (goal < sum) return last;
    }
    return last;  // rounding: the goal lies past the last sum
  }

  /// Gumbel-Top-k (Vieira, 2014; Kool et al., 2019): the k largest log q + G, largest first. Ties: lower index.
  template <std::floating_point P>
  void ordered_without_replacement(draw_site at, std::span<const P> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    out.clear();
    if (k == 0) return;
    for_each_noise(q.size(), at, purpose::draft, [&](std::size_t i, std::uint32_t bits) {
      if (!(q[i] > P{0})) return;
      const auto x = static_cast<double>(q[i]);
      if (out.size() == k && !(log_ceiling(x) + gumbel_ceiling(bits) > out.back().score)) return;
      keep_largest({static_cast<token>(i), portable_log(x) + gumbel(bits)}, k, out);
    });
  }

  /// The k largest logits + G by the noise of at_position, largest first; -inf never. Ties: lower index.
  template <std::floating_point P>
  void ordered_at_position(std::uint64_t position, std::span<const P> logits, std::size_t k,
                           std::vector<candidate>& out) const {
    out.clear();
    if (k == 0) return;
    const philox unsplit{seed_};  // nested decoders share the noise of positions
    unsplit.for_each_noise(logits.size(), {position, 0}, purpose::target, [&](std::size_t i, std::uint32_t bits) {
      const auto x = static_cast<double>(logits[i]);
      if (!(x > -std::numeric_limits<double>::infinity())) return;
      if (out.size() == k && !(x + gumbel_ceiling(bits) > out.back().score)) return;
      keep_largest({static_cast<token>(i), x + gumbel(bits)}, k, out);
    });
  }

  /// Gumbel-max with noise keyed by position and token: whoever asks at this position with these logits gets this
  /// token, whatever was drafted before. Ties: lower index. No_token when nothing is finite.
  template <std::floating_point P>
  [[nodiscard]] token at_position(std::uint64_t position, std::span<const P> logits) const noexcept {
    double best = -std::numeric_limits<double>::infinity();
    token winner = no_token;
    const philox unsplit{seed_};  // nested decoders share the noise of positions
    unsplit.for_each_block(logits.size(), {position, 0}, purpose::target,
                           [&](std::size_t first, std::size_t count, const std::uint32_t(&bits)[64]) {
                             if (!may_beat(best, logits.subspan(first, count), bits)) return;
                             for (std::size_t j = 0; j < count; ++j) {
                               const auto x = static_cast<double>(logits[first + j]);
                               if (!(x + gumbel_ceiling(bits[j]) > best)) continue;
                               const double score = x + gumbel(bits[j]);
                               if (!(score > best)) continue;
                               best = score;
                               winner = static_cast<token>(first + j);
                             }
                           });
    return winner;
  }

 private:
  static constexpr double ln2_up = 0x1.62e42fefa39fp-1;  // a little more than ln 2

  /// Never below gumbel(bits): -log(1 - u) >= u, and u >= 2^-(1 + leading zeros).
  [[nodiscard]] static constexpr double gumbel_ceiling(std::uint32_t bits) noexcept {
    return ln2_up * (std::countl_zero(bits) + 1);
  }
  /// Never below log x, for normal x > 0.
  [[nodiscard]] static constexpr double log_ceiling(double x) noexcept {
    return ln2_up * static_cast<double>(static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x) >> 52) - 1022);
  }

  /// Counter: {round, node, lane, purpose | stage | high bits of round}. Rounds below 2^48, stages below 256.
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> words(draw_site at, purpose why,
                                                             std::uint32_t block) const noexcept {
    return philox4x32({static_cast<std::uint32_t>(at.round), at.node, block, last_word(at, why)}, seed_);
  }
  [[nodiscard]] constexpr std::uint32_t last_word(draw_site at, purpose why) const noexcept {
    const auto high = static_cast<std::uint32_t>(at.round >> 32) << 16;
    return static_cast<std::uint32_t>(why) | (stage_ & 0xFFu) << 8 | high;
  }

  /// Whether any of up to 64 perturbed logits can exceed `best`: nearly always not, found without a logarithm.
  ///
  /// In floats, so that it vectorises: the ceiling by the exponent of a float (24 bits of the noise convert exactly),
  /// one ln 2 higher than needed, which is more than floats of this size lose to rounding.
  template <class P>
  [[nodiscard]] static bool may_beat(double best, std::span<const P> logits, const std::uint32_t (&bits)[64]) noexcept {
    if (logits.size() < 64 || !(best > -1e6 && best < 1e6)) return true;
    constexpr std::size_t lanes = 16;
    const auto goal = static_cast<float>(best);
    std::int32_t any[lanes] = {};
    for (std::size_t i = 0; i < 64; i += lanes)
      for (std::size_t l = 0; l < lanes; ++l) {
        const auto noise = static_cast<float>(static_cast<std::int32_t>(bits[i + l] >> 8));
        const std::int32_t exponent = (std::bit_cast<std::int32_t>(noise) >> 23) - 127;
        const float ceiling = 0.69314724f * static_cast<float>(25 - exponent);
        any[l] |= static_cast<float>(logits[i + l]) + ceiling > goal ? 1 : 0;
      }
    return std::any_of(any, any + lanes, [](std::int32_t x) { return x != 0; });
  }

  /// f(first, count, bits) for runs of up to 64 tokens.
  template <class F>
  void for_each_block(std::size_t n, draw_site at, purpose why, F f) const {
    std::uint32_t bits[64];
    const std::uint32_t last = last_word(at, why);
    for (std::size_t i = 0; i < n; i += 64) {
      philox4x32_row(static_cast<std::uint32_t>(at.round), at.node, static_cast<std::uint32_t>(i / 4), last, seed_,
                     bits);
      f(i, std::min<std::size_t>(64, n - i), bits);
    }
  }
  template <class F>
  void for_each_noise(std::size_t n, draw_site at, purpose why, F f) const {
    for_each_block(n, at, why, [&f](std::size_t first, std::size_t count, const std::uint32_t(&bits)[64]) {
      for (std::size_t j = 0; j < count; ++j) f(first + j, bits[j]);
    });
  }

  std::uint64_t seed_;
  std::uint32_t stage_;
};

static_assert(RandomSource<philox>);

}  // namespace hunch
