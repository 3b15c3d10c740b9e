// Prompt lookup: propose what followed the last tokens when they stood in the text before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

/// Finds the most recent earlier place of the last n tokens and copies what came after it; past the end of the text
/// it goes on with its own guesses, so a text that repeats itself is followed for as long as the length policy likes.
///
/// Every n-gram is entered once into a hash index: O(1) a step for a growing text (ctx.run says that it only grew),
/// otherwise a comparison with the text seen before, and a new index where they differ. Memory: 8 bytes a token for
/// the index at most half full, 4 for the copy of the text.
/// Source: Saxena, "Prompt Lookup Decoding" (2023), with the most recent match instead of the earliest.
class prompt_lookup {
 public:
  static constexpr laws sibling_laws = deterministic;

  explicit prompt_lookup(std::size_t n = 3) : n_{n} {
    if (n == 0) raise("hunch: prompt_lookup needs n of at least 1");
  }

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      follow(ctx.text, ctx.run);
      source_ = find_last();
      guesses_.clear();
    }
    if (source_ == nowhere) return std::nullopt;
    const token t = source_ < text_.size() ? text_[source_] : guesses_[source_ - text_.size()];
    ++source_;
    guesses_.push_back(t);
    const node_id child = tree.add(tip, t);
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

 private:
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  /// After: text_ equals `text`; the index holds every n-gram but the one that ends the text.
  void follow(std::span<const token> text, std::uint64_t run) {
    const bool grew = run != 0 && run == run_ && text.size() >= text_.size();
    run_ = run;
    if (!grew && !(text.size() >= text_.size() && std::equal(text_.begin(), text_.end(), text.begin()))) forget();
    text_.insert(text_.end(), text.begin() + static_cast<std::ptrdiff_t>(text_.size()), text.end());
    reserve(2 * text_.size());
    for (; indexed_ + n_ < text_.size(); ++indexed_) slot_of(indexed_) = static_cast<std::uint32_t>(indexed_) + 1;
  }
  void forget() {
    text_.clear();
    indexed_ = 0;
    std::fill(slots_.begin(), slots_.end(), 0u);
  }
  /// Grows the index to a power of two of at least `wanted` slots, and far enough ahead that growing stays rare.
  void reserve(std::size_t wanted) {
    if (slots_.size() >= wanted) return;
    std::size_t size = 1024;
    while (size < 2 * wanted) size *= 2;
    slots_.assign(size, 0u);
    text_.reserve(size);
    indexed_ = 0;
  }
  /// Where the continuation of the last n tokens begins.
  [[nodiscard]] std::size_t find_last() {
    if (text_.size() <= n_) return nowhere;
    const std::uint32_t found = slot_of(text_.size() - n_);
    return found == 0 ? nowhere : found - 1 + n_;
  }
  /// The slot of the n-gram that begins at `at`: its own, or the empty one where it belongs (linear probing).
  [[nodiscard]] std::uint32_t& slot_of(std::size_t at) {
    const std::span<const token> gram = std::span<const token>{text_}.subspan(at, n_);
    std::uint64_t hash = 0x9E3779B97F4A7C15ull;
    for (const token t : gram) {
      hash = (hash ^ static_cast<std::uint32_t>(t)) * 0xD6E8FEB86659FD93ull;
      hash ^= hash >> 32;
    }
    for (std::size_t i = hash;; ++i) {
      std::uint32_t& slot = slots_[i & (slots_.size() - 1)];
      if (slot == 0 || std::ranges::equal(std::span<const token>{text_}.subspan(slot - 1, n_), gram)) return slot;
    }
  }

  std::size_t n_;
  std::vector<token> text_;
  std::vector<token> guesses_;        // drafted in this round
  std::vector<std::uint32_t> slots_;  // 1 + where an n-gram last began; 0: empty
  std::size_t indexed_ = 0;           // n-grams that begin before this are in the index
  std::size_t source_ = nowhere;
  std::uint64_t run_ = 0;
};

}  // namespace hunch
