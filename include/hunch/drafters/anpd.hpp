// Adaptive n-gram drafting: the most frequent token after the last ones, counted over the text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/ngram_index.hpp>
#include <hunch/drafters/text_window.hpp>

namespace hunch {

struct anpd_options {
  std::size_t n = 4;      ///< longest context, in tokens
  std::size_t n_min = 1;  ///< shortest context that is still asked
  std::size_t window = std::size_t{1} << 15;
};

/// Counts what follows each n-gram of the text and drafts the most frequent continuation of the longest context that
/// was seen before, from n tokens down to n_min (ties: the most recent one); drafted tokens extend the context. The
/// signal's probability is that continuation's share of what followed, for length policies that ask how sure it is.
///
/// Cost: O(n) hash look-ups a new token and a drafted one. A text that did not only grow is counted anew. Memory:
/// measured, 172 bytes a token of the window for n = 4 (five orders).
///
/// Source: Ou, Chen and Tian, "Lossless Acceleration of Large Language Model via Adaptive N-gram Parallel Decoding"
/// (2024): the adaptive n-gram module and its multi-level back-off.
class anpd {
 public:
  static constexpr laws sibling_laws = deterministic;

  explicit anpd(std::size_t n = 4) : anpd{anpd_options{.n = n}} {}
  explicit anpd(anpd_options options) : options_{options}, window_{options.window} {
    if (options_.n_min == 0) raise("hunch: anpd needs contexts of at least 1 token");
    if (options_.n_min > options_.n)
      raise("hunch: anpd: n_min is " + std::to_string(options_.n_min) + ", more than n, which is " +
            std::to_string(options_.n));
    for (std::size_t m = options_.n_min; m <= options_.n + 1; ++m) levels_.push_back({ngram_index{m}, {}, {}, none});
  }

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      follow(ctx.text, ctx.run);
      const std::span<const token> text = window_.tokens();
      const std::span<const token> end = text.last(std::min(text.size(), options_.n));
      context_.assign(end.begin(), end.end());
    }
    const guess best = find();
    if (best.next == no_token) return std::nullopt;
    if (context_.size() == options_.n) context_.erase(context_.begin());
    context_.push_back(best.next);
    const node_id child = tree.add(tip, best.next);
    return draft_signal{child, best.share, tree.depth(child)};
  }

 private:
  static constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);
  /// N-grams of one order. Each is known by the place where it first began: its number in the tables.
  struct level {
    ngram_index index;
    std::vector<std::uint32_t> count;  // [place] how often it stands in the text
    std::vector<std::uint32_t> best;   // [place] its most frequent continuation: an n-gram of the next order
    std::uint32_t last;                // the one that ends the text
  };
  struct guess {
    token next = no_token;
    float share = 0;
  };

  void follow(std::span<const token> text, std::uint64_t run) {
    const std::size_t kept = window_.follow(text, run);
    if (kept < counted_) counted_ = 0;
    bool empty = counted_ == 0;
    for (level& l : levels_) empty = l.index.reserve(window_.tokens().size()) || empty;
    if (empty) forget();
    while (counted_ < window_.tokens().size()) count(counted_++);
  }
  void forget() {
    for (level& l : levels_) {
      l.index.clear();
      l.count.assign(l.index.capacity(), 0);
      l.best.assign(l.index.capacity(), none);
      l.last = none;
    }
    counted_ = 0;
  }
  /// Counts the n-grams that the token at `at` ends, and what it continues.
  void count(std::size_t at) {
    const std::span<const token> text = window_.tokens();
    for (std::size_t i = levels_.size(); i-- > 0;) {  // longest first: a level's `last` still ends before `at`
      level& l = levels_[i];
      const std::size_t m = l.index.order();
      if (at + 1 < m) continue;
      const std::size_t first = at + 1 - m;
      std::uint32_t& place = l.index[l.index.slot(text, text.subspan(first, m))];
      if (place == 0) place = static_cast<std::uint32_t>(first) + 1;
      l.last = place - 1;
      const std::uint32_t count = ++l.count[l.last];
      if (i == 0) continue;
      level& context = levels_[i - 1];
      std::uint32_t& best = context.best[context.last];
      if (best == none || count >= l.count[best]) best = l.last;
    }
  }
  [[nodiscard]] guess find() const {
    const std::span<const token> text = window_.tokens();
    for (std::size_t i = levels_.size() - 1; i-- > 0;) {
      const level& l = levels_[i];
      const std::size_t m = l.index.order();
      if (context_.size() < m) continue;
      const std::uint32_t place = l.index[l.index.slot(text, std::span{context_}.last(m))];
      if (place == 0 || l.best[place - 1] == none) continue;
      const std::uint32_t best = l.best[place - 1];
      // The end of the text is a place that nothing has followed yet.
      const std::uint32_t followed = l.count[place - 1] - (l.last == place - 1 ? 1 : 0);
      return {text[best + m], static_cast<float>(levels_[i + 1].count[best]) / static_cast<float>(followed)};
    }
    return {};
  }

  anpd_options options_;
  text_window window_;
  std::vector<level> levels_;   // orders n_min to n + 1
  std::vector<token> context_;  // the last tokens, drafted ones included; at most n
  std::size_t counted_ = 0;     // tokens of the window
};

}  // namespace hunch
