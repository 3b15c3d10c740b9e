// Log-probabilities of what was said, collected by watching the decoder.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <hunch/core/observer.hpp>
#include <hunch/core/random.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// Leaves a row as it is.
struct as_is : warper_base {
  template <class P>
  void operator()(std::span<P>, const prefix_view&) const noexcept {}
};

struct token_logprob {
  token id;
  float raw;        ///< log-probability under the softmax of the model's own row
  float processed;  ///< under the softmax of the row after the warpers; -inf: they rule the token out

  friend bool operator==(const token_logprob&, const token_logprob&) = default;
};

/// log of the sum of e^x; NaN if the row is not usable. Absolute error in float: below 4e-7.
template <class P>
[[nodiscard]] double log_sum_exp(std::span<const P> row) noexcept {
  const row_peak<P> peak = peak_of(row);
  if (!peak.usable()) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(peak.top) + std::log(detail::mass_below(row, peak.top));
}

/// Of a token under the softmax of a row of logits; NaN if the row is not usable.
template <class P>
[[nodiscard]] double log_probability(std::span<const P> row, token t) noexcept {
  return static_cast<double>(row[static_cast<std::size_t>(t)]) - log_sum_exp(row);
}

/// An observer that holds a log-probability for each token that the decoder emitted since its last start: accepted,
/// corrected and bonus tokens alike, cut where the text is cut. They are those of plain decoding, bit for bit, where
/// the rows are.
///
///   auto decoder = speculate(target, drafter, match(warp), logprobs{warp, 5});
///   decoder.observer().tokens();          // one entry a token
///   decoder.observer().alternatives(i);   // the 5 most likely by the model's own row at that place, likeliest first
///
/// `processed` is taken before a draw is forced: under `... | greedy{}` it is the softmax of the penalised row.
/// Cost: two passes over the vocabulary a token, three with alternatives.
template <class W = as_is>
class logprobs {
 public:
  explicit logprobs(W warp = {}, std::size_t top = 0) : warp_{std::move(warp)}, top_{top} {}

  /// Not a template only: a round that is made in place, in braces, finds its type here.
  void on_round(const judged_round& r) { on_round<float, philox>(r); }
  template <class P, class R>
  void on_round(const basic_judged_round<P, R>& r) {
    if (r.context.run != run_) clear();
    run_ = r.context.run;
    fresh_ = r.verdict.path.size();
    for (std::size_t i = 0; i < fresh_; ++i) {
      const node_id at = r.verdict.path[i];
      const token said = i + 1 < fresh_ ? r.tree[r.verdict.path[i + 1]] : r.verdict.next;
      note<P>(r.rows[at], prefix_view{r.context.text, r.tree.view(), at}, said);
    }
  }
  void on_step(const step_event& e) {
    const std::size_t held = tokens_.size() - fresh_ + std::min(e.emitted, fresh_);
    keep(held - std::min(e.withdrawn, held));
    fresh_ = 0;
  }

  /// One entry for each token behind the text that the decoder was started with.
  [[nodiscard]] std::span<const token_logprob> tokens() const noexcept { return tokens_; }
  /// What was most likely in the place of token i; empty unless asked for.
  [[nodiscard]] std::span<const token_logprob> alternatives(std::size_t i) const noexcept {
    HUNCH_EXPECTS(i < tokens_.size(), "no such token");
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::span<const token_logprob>{alternatives_}.subspan(begin, ends_[i] - begin);
  }
  void clear() noexcept { keep(0); }

 private:
  template <class P>
  void note(std::span<const P> raw, const prefix_view& at, token said) {
    thread_local std::vector<P> scratch;
    std::span<const P> warped = raw;
    if constexpr (!std::is_same_v<W, as_is>) {
      scratch.assign(raw.begin(), raw.end());
      warp_(std::span<P>{scratch}, at);
      warped = scratch;
    }
    const double all = log_sum_exp(raw);
    const double left = std::is_same_v<W, as_is> ? all : log_sum_exp(warped);
    const auto entry = [&](token t) {
      const auto i = static_cast<std::size_t>(t);
      return token_logprob{t, static_cast<float>(static_cast<double>(raw[i]) - all),
                           static_cast<float>(static_cast<double>(warped[i]) - left)};
    };
    tokens_.push_back(entry(said));
    most_likely(raw);
    for (const candidate& c : best_) alternatives_.push_back(entry(c.index));
    ends_.push_back(alternatives_.size());
  }
  /// After: best_ holds the top_ largest logits; ties: lower index.
  template <class P>
  void most_likely(std::span<const P> row) {
    best_.clear();
    if (top_ == 0) return;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto x = static_cast<double>(row[i]);
      const bool full = best_.size() == top_;
      if (x > (full ? best_.back().score : -std::numeric_limits<double>::infinity()))
        keep_largest({static_cast<token>(i), x}, top_, best_);
    }
  }
  void keep(std::size_t n) noexcept {
    tokens_.resize(n, token_logprob{});
    ends_.resize(n);
    alternatives_.resize(n == 0 ? 0 : ends_.back(), token_logprob{});
  }

  W warp_;
  std::size_t top_;
  std::vector<token_logprob> tokens_;
  std::vector<token_logprob> alternatives_;
  std::vector<std::size_t> ends_;  // [token] in alternatives_
  std::vector<candidate> best_;
  std::size_t fresh_ = 0;  // noted in a round that on_step has not told about yet
  std::uint64_t run_ = 0;
};

}  // namespace hunch
