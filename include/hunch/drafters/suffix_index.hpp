// A suffix automaton that grows with a text: the longest end of the text that stood in it before, in O(1) a token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch {

/// The automaton of a text's suffixes, built token by token. A state stands for the strings that end at the same
/// places; state 0 is the empty string. Nearly all states have one continuation, the token after their first place:
/// it is kept in the state, the others in a hash table and, for copying, in a list a state.
///
/// The last tokens can be taken back: what they changed is noted. Nested decoders do so every round.
///
/// Cost: O(1) amortised a token, whatever the vocabulary. Memory: at most 2 states of 20 bytes and 3 edges of 24 to 32
/// bytes a token of the text; measured: 70 bytes a token.
/// Source: Blumer et al., "The smallest automaton recognizing the subwords of a text" (1985); for drafting: Hu et al.,
/// "SAM Decoding" (2024).
class suffix_index {
 public:
  static constexpr std::uint32_t root = 0;
  static constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);

  /// As many tokens at least can be taken back, where the text has them.
  static constexpr std::size_t undo_tokens = 256;

  struct state {
    std::uint32_t length;  // of its longest string
    std::uint32_t link;    // state of the longest suffix that also ends elsewhere; none: the root's
    std::uint32_t end;     // where its first place ends (the index of its last token)
    std::uint32_t next;    // state after text[end + 1]; 0: the text ends there
    std::uint32_t edges;   // 1 + the first of its other edges; 0: none
  };

  suffix_index() { clear(); }

  /// After: the automaton of the empty text. Keeps its memory.
  void clear() {
    states_.assign(1, {0, none, none, 0, 0});
    edges_.clear();
    changes_.clear();
    marks_.clear();
    std::fill(slots_.begin(), slots_.end(), 0u);
    last_ = root;
    size_ = 0;
  }
  /// Takes in the token at text[size()]; the tokens before it must be the ones that were taken in before.
  void extend(std::span<const token> text) {
    mark();
    const token t = text[size_];
    const std::uint32_t whole = add({states_[last_].length + 1, root, static_cast<std::uint32_t>(size_), 0, 0});
    ++size_;
    std::uint32_t p = std::exchange(last_, whole);
    for (; p != none && next(text, p, t) == 0; p = states_[p].link) set(text, p, t, whole);
    if (p == none) return;
    const std::uint32_t q = next(text, p, t);
    if (states_[q].length == states_[p].length + 1) {
      states_[whole].link = q;
      return;
    }
    const std::uint32_t twin = split(text, q, states_[p].length + 1);
    for (; p != none && next(text, p, t) == q; p = states_[p].link) set(text, p, t, twin);
    changes_.push_back({part::link, q, states_[q].link});
    states_[q].link = states_[whole].link = twin;
  }
  /// Takes back all tokens but the first n. False, and nothing done, if one of them came more than undo_tokens before
  /// the last. Cost: what taking them in cost.
  [[nodiscard]] bool withdraw(std::size_t n) {
    if (size_ > n + marks_.size()) return false;
    for (; size_ > n; --size_) {
      const mark_of_token& before = marks_.back();
      for (; changes_.size() > before.changes; changes_.pop_back()) take_back(changes_.back());
      states_.resize(before.states);
      last_ = before.last;
      marks_.pop_back();
    }
    return true;
  }

  /// Tokens taken in.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const state> states() const noexcept { return states_; }
  /// The longest end of the text that also ends earlier; its first place. The root if there is none.
  [[nodiscard]] const state& repeated() const noexcept { return states_[last_ == root ? root : states_[last_].link]; }

  /// The state after `s` and `t`; 0: none. `text` is the one that was taken in.
  [[nodiscard]] std::uint32_t next(std::span<const token> text, std::uint32_t s, token t) const noexcept {
    const state& from = states_[s];
    if (from.next != 0 && text[from.end + 1] == t) return from.next;  // the root's end + 1 is 0
    if (from.edges == 0) return 0;
    const std::uint32_t e = slots_[slot(s, t)];
    return e == 0 ? 0 : edges_[e - 1].to;
  }
  /// Calls f(token, state) for each continuation of `s`.
  template <class F>
  void for_each_next(std::span<const token> text, std::uint32_t s, F f) const {
    if (states_[s].next != 0) f(text[states_[s].end + 1], states_[s].next);
    for (std::uint32_t e = states_[s].edges; e != 0; e = edges_[e - 1].sibling) f(edges_[e - 1].by, edges_[e - 1].to);
  }
  /// Bytes in use, what was reserved included.
  [[nodiscard]] std::size_t memory() const noexcept {
    return states_.capacity() * sizeof(state) + edges_.capacity() * sizeof(edge) + slots_.size() * sizeof slots_[0] +
           changes_.capacity() * sizeof(change) + marks_.capacity() * sizeof(mark_of_token);
  }

 private:
  struct edge {
    std::uint32_t from;
    token by;
    std::uint32_t to;
    std::uint32_t sibling;  // 1 + the next edge of the same state
  };

  enum class part : std::uint32_t { next, link, edge, new_edge };
  struct change {
    part what;
    std::uint32_t at;      // state or edge
    std::uint32_t before;  // what was there
  };
  /// Where things stood before a token.
  struct mark_of_token {
    std::size_t changes;
    std::uint32_t states;
    std::uint32_t last;
  };

  void mark() {
    if (marks_.size() == 2 * undo_tokens) {  // forget the older half
      const std::size_t old = marks_[undo_tokens].changes;
      changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(old));
      marks_.erase(marks_.begin(), marks_.begin() + undo_tokens);
      for (mark_of_token& m : marks_) m.changes -= old;
    }
    marks_.push_back({changes_.size(), static_cast<std::uint32_t>(states_.size()), last_});
  }
  void take_back(const change& c) {
    switch (c.what) {
      case part::next:
        states_[c.at].next = c.before;
        break;
      case part::link:
        states_[c.at].link = c.before;
        break;
      case part::edge:
        edges_[c.at].to = c.before;
        break;
      case part::new_edge:  // the last one: no later edge was put behind it in the table
        slots_[slot(edges_.back().from, edges_.back().by)] = 0;
        states_[c.at].edges = edges_.back().sibling;
        edges_.pop_back();
        break;
    }
  }
  std::uint32_t add(const state& s) {
    states_.push_back(s);
    return static_cast<std::uint32_t>(states_.size() - 1);
  }
  /// A state of its own for the strings of `q` up to `length` tokens, with the continuations of q.
  std::uint32_t split(std::span<const token> text, std::uint32_t q, std::uint32_t length) {
    const state whole = states_[q];
    const std::uint32_t twin = add({length, whole.link, whole.end, whole.next, 0});
    for (std::uint32_t e = whole.edges; e != 0; e = edges_[e - 1].sibling)
      set(text, twin, edges_[e - 1].by, edges_[e - 1].to);
    return twin;
  }
  void set(std::span<const token> text, std::uint32_t s, token t, std::uint32_t to) {
    state& from = states_[s];
    if (text[from.end + 1] == t) {
      changes_.push_back({part::next, s, from.next});
      from.next = to;
      return;
    }
    if (2 * (edges_.size() + 1) > slots_.size()) grow();
    std::uint32_t& e = slots_[slot(s, t)];
    if (e != 0) {
      changes_.push_back({part::edge, e - 1, edges_[e - 1].to});
      edges_[e - 1].to = to;
      return;
    }
    changes_.push_back({part::new_edge, s, 0});
    edges_.push_back({s, t, to, from.edges});
    e = from.edges = static_cast<std::uint32_t>(edges_.size());
  }
  void grow() {
    slots_.assign(std::max<std::size_t>(1024, 2 * slots_.size()), 0u);
    for (std::uint32_t e = 0; e < edges_.size(); ++e) slots_[slot(edges_[e].from, edges_[e].by)] = e + 1;
  }
  /// Where the edge of (s, t) is, or belongs (linear probing).
  [[nodiscard]] std::size_t slot(std::uint32_t s, token t) const noexcept {
    std::uint64_t hash = (std::uint64_t{s} << 32 | static_cast<std::uint32_t>(t)) * 0xD6E8FEB86659FD93ull;
    hash ^= hash >> 32;
    for (std::size_t i = hash;; ++i) {
      const std::size_t at = i & (slots_.size() - 1);
      const std::uint32_t e = slots_[at];
      if (e == 0 || (edges_[e - 1].from == s && edges_[e - 1].by == t)) return at;
    }
  }

  std::vector<state> states_;
  std::vector<edge> edges_;
  std::vector<std::uint32_t> slots_;  // 1 + edge
  std::vector<change> changes_;       // of the tokens in marks_
  std::vector<mark_of_token> marks_;  // of the last tokens
  std::uint32_t last_ = root;         // state of the whole text
  std::size_t size_ = 0;
};

}  // namespace hunch
