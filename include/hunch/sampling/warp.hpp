// Warpers: temperature, top-k, top-p, min-p, greedy; joined by `|`, applied left to right.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/verifier.hpp>

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
    for (P& x : row) x /= static_cast<P>(t_);
  }

 private:
  float t_;
};

/// Keeps the k largest logits, and those equal to the k-th. k = 0 keeps all. Cost: O(vocab) on average.
class top_k : public warper_base {
 public:
  explicit top_k(std::size_t k) : k_{k} {}
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const {
    if (k_ == 0 || k_ >= row.size()) return;
    thread_local std::vector<P> copy;
    copy.assign(row.begin(), row.end());
    const auto kth = copy.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(copy.begin(), kth, copy.end(), std::greater<>{});
    const P cut = *kth;
    for (P& x : row)
      if (x < cut) x = detail::minus_infinity<P>;
  }

 private:
  std::size_t k_;
};

/// Nucleus sampling (Holtzman et al., 2020): keeps the fewest most likely tokens whose probabilities reach p, the one
/// that crosses p included; equals of the last one by lower index. p >= 1 keeps all. Cost: sorts what is not -inf.
class top_p : public warper_base {
 public:
  explicit top_p(float p) : p_{p} {
    if (!(p > 0)) raise("hunch: top_p must be above 0");
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const {
    if (p_ >= 1.0f) return;
    thread_local std::vector<std::pair<P, std::size_t>> order;  // logit, index
    order.clear();
    P top = detail::minus_infinity<P>;
    for (const P x : row) top = std::max(top, x);
    double mass = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] == detail::minus_infinity<P>) continue;
      mass += std::exp(static_cast<double>(row[i] - top));
      order.emplace_back(row[i], i);
    }
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return a.first > b.first || (a.first == b.first && a.second < b.second);
    });
    double sum = 0;
    std::size_t kept = 0;
    while (kept < order.size() && sum < static_cast<double>(p_) * mass)
      sum += std::exp(static_cast<double>(order[kept++].first - top));
    for (std::size_t i = kept; i < order.size(); ++i) row[order[i].second] = detail::minus_infinity<P>;
  }

 private:
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
    P top = detail::minus_infinity<P>;
    for (const P x : row) top = std::max(top, x);
    const P cut = top + std::log(static_cast<P>(p_));
    for (P& x : row)
      if (x < cut) x = detail::minus_infinity<P>;
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

}  // namespace hunch
