// The part that both tokenizers share: symbols in a list, neighbours merged in the order of a queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <hunch/core/types.hpp>
#include <limits>
#include <queue>
#include <string_view>
#include <vector>

namespace hunch::gguf {

inline constexpr std::uint32_t no_symbol = std::numeric_limits<std::uint32_t>::max();

/// A stretch of the text that is one symbol so far; dead once its left neighbour has swallowed it.
struct symbol {
  std::string_view text;
  std::int32_t id;     // of the tokenizer at hand
  std::uint32_t prev;  // no_symbol at the ends
  std::uint32_t next;
  bool dead;
};

/// Two neighbours that may become one.
template <class Key>
struct candidate {
  Key key;             // order of merging, larger first
  std::uint32_t left;  // equal keys: leftmost first
  std::uint32_t right;
  std::int32_t left_id;  // as they were when the candidate was made, to notice that they have changed
  std::int32_t right_id;
  std::int32_t merged;

  friend bool operator<(const candidate& a, const candidate& b) noexcept {
    return a.key != b.key ? a.key < b.key : a.left > b.left;
  }
};

/// Symbols and queue of one thread, reused from word to word.
///
/// `Rule(left, right, out)` says whether two symbols merge and sets key and merged id.
template <class Key, class Rule>
class merge_queue {
 public:
  explicit merge_queue(Rule rule) : rule_{rule} {}

  void clear() noexcept { symbols_.clear(); }
  void add(std::string_view text, std::int32_t id) {
    const auto n = static_cast<std::uint32_t>(symbols_.size());
    if (n != 0) symbols_.back().next = n;
    symbols_.push_back({text, id, n == 0 ? no_symbol : n - 1, no_symbol, false});
  }

  /// Merges until no candidate is left. Cost: O(n log n).
  void run() {
    for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i) offer(i, i + 1);
    while (!queue_.empty()) {
      const auto top = queue_.top();
      queue_.pop();
      symbol& left = symbols_[top.left];
      symbol& right = symbols_[top.right];
      if (left.dead || right.dead || left.id != top.left_id || right.id != top.right_id) continue;
      left.text = {left.text.data(), left.text.size() + right.text.size()};
      left.id = top.merged;
      left.next = right.next;
      right.dead = true;
      if (left.next != no_symbol) {
        symbols_[left.next].prev = top.left;
        offer(top.left, left.next);
      }
      if (left.prev != no_symbol) offer(left.prev, top.left);
    }
  }

  /// What is left, in order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t i = symbols_.empty() ? no_symbol : 0; i != no_symbol; i = symbols_[i].next) visit(symbols_[i]);
  }

 private:
  void offer(std::uint32_t left, std::uint32_t right) {
    candidate<Key> c{{}, left, right, symbols_[left].id, symbols_[right].id, -1};
    if (rule_(symbols_[left], symbols_[right], c)) queue_.push(c);
  }

  Rule rule_;
  std::vector<symbol> symbols_;
  std::priority_queue<candidate<Key>> queue_;
};

}  // namespace hunch::gguf
