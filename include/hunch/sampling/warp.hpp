// Warpers: temperature, top-k, top-p, min-p, greedy; joined by `|`, applied left to right.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/device_rows.hpp>
#include <hunch/core/row_scan.hpp>
#include <hunch/core/verifier.hpp>
#include <hunch/core/wide.hpp>
#include <hunch/sampling/row.hpp>

namespace hunch {

struct warper_base {};  // enables operator|

template <class W>
concept LibraryWarper = std::derived_from<W, warper_base>;

/// T = 0 as a type: the law is a point at the largest logit, so drafters and verifiers take an argmax and no softmax.
/// May end a pipeline of warpers that change which logit is the largest (penalties, biases).
struct greedy : warper_base {
  static constexpr bool is_greedy = true;
  template <class P>
  void operator()(std::span<P>, const prefix_view&) const noexcept {}
};

template <class W>
[[nodiscard]] constexpr bool is_greedy() noexcept {
  if constexpr (requires { W::is_greedy; })
    return W::is_greedy;
  else
    return false;
}

namespace detail {
template <class P>
inline constexpr P minus_infinity = -std::numeric_limits<P>::infinity();

/// What is below `cut` becomes -inf; a NaN stays.
template <class P>
void drop_below(std::span<P> row, P cut) noexcept {
  wide([&]() __attribute__((always_inline)) {
    P* const x = row.data();
    const std::size_t n = row.size();
    for (std::size_t i = 0; i < n; ++i) x[i] = x[i] < cut ? minus_infinity<P> : x[i];
  });
}
}  // namespace detail

/// Divides logits by T > 0. For T = 0 use `greedy`.
class temperature : public warper_base {
 public:
  explicit temperature(float t) : t_{t} {
    if (!(t > 0) || !std::isfinite(t)) raise("hunch: temperature must be positive and finite; for 0 use hunch::greedy");
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const noexcept {
    if (t_ == 1.0f) return;
    detail::wide([&]() __attribute__((always_inline)) {
      P* const x = row.data();
      const std::size_t n = row.size();
      const auto t = static_cast<P>(t_);
      for (std::size_t i = 0; i < n; ++i) x[i] /= t;
    });
  }
  /// For verifiers that divide where they read, instead of in a copy.
  [[nodiscard]] float value() const noexcept { return t_; }

 private:
  float t_;
};

/// Keeps the k largest logits, and those equal to the k-th. k = 0 keeps all. Cost: reads the row once and writes it,
/// looks at k groups of 64 tokens and orders the few that are left; O(vocab) on average where k is large.
class top_k : public warper_base {
 public:
  explicit top_k(std::size_t k) : k_{k} {}
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const {
    if (k_ == 0 || k_ >= row.size()) return;
    thread_local std::vector<P> some;
    if (16 * k_ <= row.size() / group)
      by_groups(std::span<const P>{row}, some);
    else
      some.assign(row.begin(), row.end());
    if (some.size() < k_) return;  // the others are -inf
    const auto kth = some.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(some.begin(), kth, some.end(), std::greater<>{});
    detail::drop_below(row, *kth);
  }

 private:
  static constexpr std::size_t group = row_block / row_lanes;  // entries of a block that share a lane

  /// All entries from the k-th largest group maximum on: k groups have one each, so the k largest are among them.
  template <class P>
  void by_groups(std::span<const P> row, std::vector<P>& some) const {
    thread_local std::vector<P> tops;  // [block][lane]
    tops.resize((row.size() + row_block - 1) / row_block * row_lanes);
    detail::wide([&]() __attribute__((always_inline)) {
      for (std::size_t i = 0, g = 0; i < row.size(); i += row_block, g += row_lanes) {
        P best[row_lanes];
        (void)detail::lane_tops(row.data() + i, std::min(row_block, row.size() - i), best);
        for (std::size_t l = 0; l < row_lanes; ++l) tops[g + l] = best[l];
      }
    });
    some.assign(tops.begin(), tops.end());
    const auto kth = some.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(some.begin(), kth, some.end(), std::greater<>{});
    const P cut = std::max(*kth, std::numeric_limits<P>::lowest());
    some.clear();
    for (std::size_t g = 0; g < tops.size(); ++g) {
      if (!(tops[g] >= cut)) continue;
      const std::size_t first = g / row_lanes * row_block;
      for (std::size_t i = first + g % row_lanes; i < std::min(row.size(), first + row_block); i += row_lanes)
        if (row[i] >= cut) some.push_back(row[i]);
    }
  }

  std::size_t k_;
};

/// Nucleus sampling (Holtzman et al., 2020): keeps the fewest most likely tokens whose probabilities reach p, the one
/// that crosses p included; equals of the last one by lower index. p >= 1 keeps all. A row that is not usable stays
/// as it is. Cost: reads the row three times and writes it; orders no more than a few times what it keeps.
class top_p : public warper_base {
 public:
  explicit top_p(float p) : p_{p} {
    if (!(p > 0)) raise("hunch: top_p must be above 0");
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const {
    if (p_ >= 1.0f) return;
    const row_peak<P> peak = peak_of(std::span<const P>{row});
    if (!peak.usable()) return;
    const double mass = detail::mass_below(std::span<const P>{row}, peak.top);
    const double goal = static_cast<double>(p_) * mass;
    const P lowest = floor_of(peak.top, mass, row.size());
    thread_local std::vector<entry<P>> order;
    std::size_t kept = 0;
    for (P depth = 4; kept == 0; depth *= 2) {  // few tokens hold most of the mass: look further down only if needed
      const P floor = std::max(peak.top - depth, lowest);
      collect(std::span<const P>{row}, floor, order);
      kept = nucleus(order, peak.top, goal, floor == lowest);
    }
    const P last = order[kept - 1].first;
    detail::drop_below(row, last);
    for (std::size_t i = kept; i < order.size(); ++i)
      if (order[i].first == last) row[order[i].second] = detail::minus_infinity<P>;
  }

 private:
  template <class P>
  using entry = std::pair<P, std::size_t>;  // logit, index

  /// Below the top; all tokens up to it together have at most half of what the nucleus may leave out.
  template <class P>
  [[nodiscard]] P floor_of(P top, double mass, std::size_t vocab) const noexcept {
    const double least = (1 - static_cast<double>(p_)) * mass / (2 * static_cast<double>(vocab));
    const P floor = std::max(top + static_cast<P>(std::log(least)), std::numeric_limits<P>::lowest());
    return std::nextafter(floor, detail::minus_infinity<P>);
  }
  template <class P>
  static void collect(std::span<const P> row, P floor, std::vector<entry<P>>& order) {
    constexpr std::size_t run = 4 * row_lanes;
    order.clear();
    for (std::size_t i = 0; i < row.size(); i += run) {
      const std::size_t count = std::min(run, row.size() - i);
      bool any = false;
      detail::wide([&]() __attribute__((always_inline)) { any = detail::any_above(row.data() + i, count, floor); });
      for (std::size_t j = i; any && j < i + count; ++j)
        if (row[j] > floor) order.emplace_back(row[j], j);
    }
  }
  /// How many of the first in order reach the goal; they come to the front. If they do not: 0, or, where there are no
  /// others, all. Orders 64 entries, then four times as many.
  template <class P>
  static std::size_t nucleus(std::vector<entry<P>>& order, P top, double goal, bool all) {
    const auto before = [](const entry<P>& a, const entry<P>& b) {
      return a.first > b.first || (a.first == b.first && a.second < b.second);
    };
    double sum = 0;
    std::size_t kept = 0;
    for (std::size_t more = 64; kept < order.size(); more *= 4) {
      const auto first = order.begin() + static_cast<std::ptrdiff_t>(kept);
      const auto end = first + static_cast<std::ptrdiff_t>(std::min(more, order.size() - kept));
      if (end != order.end()) std::nth_element(first, end, order.end(), before);
      std::sort(first, end, before);
      for (auto it = first; it != end; ++it, ++kept) {
        if (!(sum < goal)) return kept;
        sum += static_cast<double>(exp_of_negative(it->first - top));
      }
    }
    return all || !(sum < goal) ? kept : 0;
  }

  float p_;
};

/// Keeps tokens at least p times as likely as the most likely one. p = 0 keeps all.
class min_p : public warper_base {
 public:
  explicit min_p(float p) : p_{p} {
    if (!(p >= 0 && p <= 1)) raise("hunch: min_p must be in [0, 1]");
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const noexcept {
    if (p_ == 0.0f) return;
    detail::drop_below(row, peak_of(std::span<const P>{row}).top + std::log(static_cast<P>(p_)));
  }

 private:
  float p_;
};

/// One warper after another.
template <class A, class B>
class piped : public warper_base {
 public:
  static constexpr bool is_greedy = hunch::is_greedy<B>();
  static_assert(!hunch::is_greedy<A>(), "hunch: greedy ends a pipeline of warpers; nothing after it changes the law");
  piped(A a, B b) : a_{std::move(a)}, b_{std::move(b)} {}
  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const {
    a_(row, at);
    b_(row, at);
  }

 private:
  A a_;
  B b_;
};

template <LibraryWarper A, LibraryWarper B>
[[nodiscard]] auto operator|(A a, B b) {
  return piped<A, B>{std::move(a), std::move(b)};
}

/// The law of a row of raw logits after `warp`, into `law` [vocab]; false, with the law unspecified, if the row is not
/// usable.
template <class W, class P>
[[nodiscard]] bool warped_law(const W& warp, std::span<const P> raw, const prefix_view& at, std::span<P> law) {
  if constexpr (std::is_same_v<W, temperature>) {
    return softmax(raw, static_cast<P>(warp.value()), law);  // divides on the way: two passes less
  } else {
    std::copy(raw.begin(), raw.end(), law.begin());
    warp(law, at);
    return softmax(law);
  }
}

/// The warped logits: the row itself where `warp` changes none, else in `scratch`.
template <class W, class P>
[[nodiscard]] std::span<const P> warped_logits(const W& warp, std::span<const P> raw, const prefix_view& at,
                                               std::vector<P>& scratch) {
  if constexpr (std::is_same_v<W, greedy>) {
    return raw;
  } else {
    scratch.assign(raw.begin(), raw.end());
    warp(std::span<P>{scratch}, at);
    return scratch;
  }
}

/// The token at a position of a text, from a row of raw logits: by the noise that belongs to the position, or the
/// largest where `warp` is greedy. No_token if the row is not usable. `scratch` is used where `warp` does more than
/// divide. A row that finds the token itself (ArgmaxRow) is not read.
template <class W, class P, class R, class Row>
[[nodiscard]] token token_at(const W& warp, const R& random, std::uint64_t position, const Row& row,
                             const prefix_view& at, std::vector<P>& scratch) {
  using raw = std::span<const P>;
  if constexpr (ArgmaxRow<Row> && std::is_same_v<W, greedy>)
    return row.argmax();
  else if constexpr (ArgmaxRow<Row> && std::is_same_v<W, temperature> && std::is_same_v<R, philox>)
    return row.at_position(position, random.seed(), warp.value());
  else if constexpr (is_greedy<W>())
    return argmax(warped_logits(warp, raw{row}, at, scratch));
  else if constexpr (std::is_same_v<W, temperature> && requires(P t) { random.at_position(position, raw{}, t); })
    return random.at_position(position, raw{row}, static_cast<P>(warp.value()));
  else
    return random.at_position(position, warped_logits(warp, raw{row}, at, scratch));
}

}  // namespace hunch
