// Prompt lookup: propose what followed the last tokens when they stood in the text before.
#pragma once

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

/// Which of several places of the same n-gram is copied from.
enum class lookup_place { latest, earliest };

struct lookup_options {
  std::size_t n = 3;      ///< tokens that must agree; the longest n-gram that is looked for
  std::size_t n_min = 0;  ///< shortest: from n down to it the first that is found counts; 0: only n
  lookup_place place = lookup_place::latest;
  std::size_t min_guesses = 1;  ///< tokens of the text that must follow a place for it to count
  std::size_t window = default_window;
};

/// Finds an earlier place of the last n tokens and copies what came after it; past the end of the text it goes on with
/// its own guesses, so a text that repeats itself is followed for as long as the length policy likes.
///
/// Every n-gram is entered once into a hash index: O(orders) a new token, O(n·orders) a step. A text that lost its end
/// (a nested decoder takes drafts back) costs what was lost; any other edit, a new index of what comes after it.
/// Memory: measured, 41 bytes a token of the window for one order, 33 for each further one.
/// Source: Saxena, "Prompt Lookup Decoding" (2023): {.n = 3, .n_min = 1, .place = lookup_place::earliest}. The default
/// takes the latest place instead and does not back off.
class prompt_lookup {
 public:
  static constexpr laws sibling_laws = deterministic;

  explicit prompt_lookup(std::size_t n = 3) : prompt_lookup{lookup_options{.n = n}} {}
  explicit prompt_lookup(lookup_options options) : options_{options}, window_{options.window} {
    if (options_.n == 0) raise("hunch: prompt_lookup needs n of at least 1");
    if (options_.n_min == 0) options_.n_min = options_.n;
    if (options_.n_min > options_.n)
      raise("hunch: prompt_lookup: n_min is " + std::to_string(options_.n_min) + ", more than n, which is " +
            std::to_string(options_.n));
    if (options_.min_guesses == 0) raise("hunch: prompt_lookup needs min_guesses of at least 1");
    for (std::size_t n = options_.n; n >= options_.n_min; --n) levels_.push_back({ngram_index{n}, {}});
  }

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      follow(ctx.text, ctx.run);
      place_ = find();
      guessed_ = 0;
    }
    if (!place_) return std::nullopt;
    const node_id child = tree.add(tip, copied_guess(window_.tokens(), *place_, guessed_++));
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

 private:
  /// What entering an n-gram changed, to be taken back in reverse order.
  struct change {
    std::uint32_t slot;
    std::uint32_t before;
  };
  /// The index of one order; n-grams that begin before changes.size() are in it.
  struct level {
    ngram_index index;
    std::vector<change> changes;
  };

  /// After: each level holds the n-grams that min_guesses tokens follow.
  void follow(std::span<const token> text, std::uint64_t run) {
    const std::size_t kept = window_.follow(text, run);
    for (level& l : levels_) {
      withdraw(l, kept);
      enter(l);
    }
  }
  void withdraw(level& l, std::size_t kept) {
    const std::size_t behind = l.index.order() + options_.min_guesses;  // tokens from an n-gram's begin to its proof
    const std::size_t stay = kept < behind ? 0 : kept - behind + 1;
    if (stay == 0 && !l.changes.empty()) {
      l.index.clear();
      l.changes.clear();
    }
    for (; l.changes.size() > stay; l.changes.pop_back()) l.index[l.changes.back().slot] = l.changes.back().before;
  }
  void enter(level& l) {
    const std::span<const token> text = window_.tokens();
    const std::size_t n = l.index.order();
    const std::size_t behind = n + options_.min_guesses;
    const std::size_t end = text.size() < behind ? 0 : text.size() - behind + 1;
    if (l.index.reserve(text.size())) {
      l.changes.clear();
      l.changes.reserve(l.index.capacity());
    }
    while (l.changes.size() < end) {
      const std::size_t at = l.changes.size();
      const std::size_t slot = l.index.slot(text, text.subspan(at, n));
      const std::uint32_t before = l.index[slot];
      if (before == 0 || options_.place == lookup_place::latest) l.index[slot] = static_cast<std::uint32_t>(at) + 1;
      l.changes.push_back({static_cast<std::uint32_t>(slot), before});
    }
  }
  /// Where the continuation of the longest known n-gram at the end of the text begins.
  [[nodiscard]] std::optional<std::size_t> find() const {
    const std::span<const token> text = window_.tokens();
    for (const level& l : levels_) {
      const std::size_t n = l.index.order();
      if (text.size() <= n) continue;
      const std::uint32_t found = l.index[l.index.slot(text, text.last(n))];
      if (found != 0) return found - 1 + n;
    }
    return std::nullopt;
  }

  lookup_options options_;
  text_window window_;
  std::vector<level> levels_;  // longest n-gram first
  std::optional<std::size_t> place_;
  std::size_t guessed_ = 0;  // tokens, in this round
};

}  // namespace hunch
