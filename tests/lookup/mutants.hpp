// Drafters with bugs that other engines had, for the checks to see; and the check of token recycling.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core.hpp>

#include "lookup/references.hpp"

namespace hunch::test {

enum class search_bug { none, finds_itself, sixteen_bits, keeps_longer_text, appends_to_old_text, stops_at_the_end };

/// Copies what followed the longest match of at least one token, found by a search with one of the bugs.
template <search_bug Bug>
class wrong_search {
 public:
  static constexpr laws sibling_laws = deterministic;

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      if constexpr (Bug == search_bug::appends_to_old_text) {
        text_.resize(end_);
        if (ctx.text.size() < seen_) seen_ = 0;  // the text is a new one, what was told before stays
        text_.insert(text_.end(), ctx.text.begin() + static_cast<std::ptrdiff_t>(seen_), ctx.text.end());
        seen_ = ctx.text.size();
        if (text_.size() > 150) text_.erase(text_.begin(), text_.end() - 150);
      } else if (Bug != search_bug::keeps_longer_text || text_.size() < ctx.text.size()) {
        text_.assign(ctx.text.begin(), ctx.text.end());
      }
      end_ = text_.size();
      at_ = find();
    }
    if (at_ >= text_.size() || (Bug == search_bug::stops_at_the_end && at_ >= end_)) return std::nullopt;
    const token t = text_[at_++];
    const node_id child = tree.add(tip, t);
    text_.push_back(t);
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

 private:
  static bool equal(token a, token b) {
    return Bug == search_bug::sixteen_bits ? (a & 0xffff) == (b & 0xffff) : a == b;
  }
  std::size_t find() {
    text_.resize(end_);
    for (std::size_t n = text_.size() - (Bug == search_bug::finds_itself ? 0 : 1); n > 0; --n)
      for (std::size_t at = 0; at + n < text_.size() + (Bug == search_bug::finds_itself ? 1 : 0); ++at)
        if (std::equal(text_.end() - static_cast<std::ptrdiff_t>(n), text_.end(),
                       text_.begin() + static_cast<std::ptrdiff_t>(at), equal))
          return at + n;
    return text_.size();
  }
  tokens text_;
  std::size_t seen_ = 0;
  std::size_t end_ = 0;
  std::size_t at_ = 0;
};

enum class automaton_bug { none, never_splits, splits_without_edges, keeps_the_link, keeps_the_edges, stale_states };

/// A suffix automaton with maps, built anew for each text, with one of the bugs.
template <automaton_bug Bug>
class wrong_automaton {
 public:
  static constexpr laws sibling_laws = deterministic;

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      if (Bug != automaton_bug::stale_states || states_.empty() || ctx.text.size() < taken_) {
        if (Bug != automaton_bug::stale_states || states_.empty()) states_.assign(1, {});
        taken_ = 0;
        last_ = 0;
      }
      for (; taken_ < ctx.text.size(); ++taken_) take(ctx.text[taken_]);
      const state& repeated = states_[static_cast<std::size_t>(std::max(0, states_[last_].link))];
      place_ = repeated.length == 0 ? ctx.text.size() : static_cast<std::size_t>(repeated.end) + 1;
      guessed_ = 0;
    }
    if (place_ >= ctx.text.size()) return std::nullopt;
    const node_id child = tree.add(tip, copied_guess(ctx.text, place_, guessed_++));
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

 private:
  struct state {
    std::size_t length = 0;
    int link = -1;
    int end = -1;
    std::map<token, std::size_t> next{};
  };
  void take(token t) {
    const std::size_t whole = states_.size();
    states_.push_back({states_[last_].length + 1, 0, static_cast<int>(taken_), {}});
    int p = static_cast<int>(std::exchange(last_, whole));
    for (; p != -1 && !at(p).next.contains(t); p = at(p).link) at(p).next[t] = whole;
    if (p == -1) return;
    const std::size_t q = at(p).next[t];
    states_[whole].link = static_cast<int>(q);
    if (Bug == automaton_bug::never_splits || states_[q].length == at(p).length + 1) return;
    const std::size_t twin = states_.size();
    states_.push_back(states_[q]);
    states_[twin].length = at(p).length + 1;
    if (Bug == automaton_bug::splits_without_edges) states_[twin].next.clear();
    if (Bug != automaton_bug::keeps_the_edges)
      for (; p != -1 && at(p).next.contains(t) && at(p).next[t] == q; p = at(p).link) at(p).next[t] = twin;
    if (Bug != automaton_bug::keeps_the_link) states_[q].link = static_cast<int>(twin);
    states_[whole].link = static_cast<int>(twin);
  }
  state& at(int s) { return states_[static_cast<std::size_t>(s)]; }

  std::vector<state> states_;
  std::size_t last_ = 0;
  std::size_t taken_ = 0;
  std::size_t place_ = 0;
  std::size_t guessed_ = 0;
};

enum class count_bug {
  none,
  sixteen_bits,
  oldest_of_equals,
  counts_of_the_text_before,
  counts_its_own_drafts,
  no_back_off
};

/// Adaptive n-grams of up to two tokens with maps, with one of the bugs.
template <count_bug Bug>
class wrong_anpd {
 public:
  static constexpr laws sibling_laws = deterministic;

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      if (Bug != count_bug::counts_of_the_text_before) counts_.clear();
      if (ctx.text.size() < seen_.size()) drafted_.clear();
      seen_.clear();
      for (const token t : ctx.text) count(t);
      for (const auto& [context, t] : drafted_) add(counts_[context], t);
      context_ = seen_;
    }
    for (std::size_t n = std::min<std::size_t>(2, context_.size()); n > 0; --n) {
      const auto found = counts_.find(key(context_, n));
      if (found == counts_.end() && Bug == count_bug::no_back_off) return std::nullopt;
      if (found == counts_.end()) continue;
      const token t = best(found->second);
      if (Bug == count_bug::counts_its_own_drafts) drafted_.emplace_back(found->first, t);
      context_.push_back(t);
      const node_id child = tree.add(tip, t);
      return draft_signal{child, 1.0f, tree.depth(child)};
    }
    return std::nullopt;
  }

 private:
  struct continuation {
    token next;
    std::size_t count;
    std::size_t last;
  };
  static tokens key(const tokens& text, std::size_t n) {
    tokens k(text.end() - static_cast<std::ptrdiff_t>(n), text.end());
    if (Bug == count_bug::sixteen_bits)
      for (token& t : k) t &= 0xffff;
    return k;
  }
  void add(std::vector<continuation>& list, token t) {
    auto at = std::find_if(list.begin(), list.end(), [&](const continuation& c) { return c.next == t; });
    if (at == list.end()) at = list.insert(list.end(), {t, 0, 0});
    ++at->count;
    at->last = ++clock_;
  }
  void count(token t) {
    for (std::size_t n = 1; n <= std::min<std::size_t>(2, seen_.size()); ++n) add(counts_[key(seen_, n)], t);
    seen_.push_back(t);
  }
  static token best(const std::vector<continuation>& list) {
    return std::max_element(list.begin(), list.end(),
                            [](const continuation& a, const continuation& b) {
                              if (a.count != b.count) return a.count < b.count;
                              return Bug == count_bug::oldest_of_equals ? a.last > b.last : a.last < b.last;
                            })
        ->next;
  }

  std::map<tokens, std::vector<continuation>> counts_;
  tokens seen_;
  tokens context_;
  std::vector<std::pair<tokens, token>> drafted_;
  std::size_t clock_ = 0;
};

enum class recycling_bug {
  none,
  accepted_rows_only,
  first_row_wins,
  zero_is_a_candidate,
  keeps_old_candidates,
  root_row_for_all
};

/// Token recycling with a map: two children a node, two levels, with one of the bugs.
template <recycling_bug Bug>
class wrong_recycling {
 public:
  static constexpr laws sibling_laws = deterministic;

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    for (node_id n = 0; n < tree.size() && tree.depth(n) < std::min<std::uint32_t>(2, ctx.max_depth); ++n) {
      tokens next = successors_.contains(tree[n]) ? successors_[tree[n]] : tokens{};
      if (Bug == recycling_bug::zero_is_a_candidate && next.empty()) next = {0};
      for (std::size_t rank = 0; rank < std::min<std::size_t>(2, next.size()) && tree.size() < ctx.budget; ++rank)
        tree.add(n, next[rank]);
    }
  }
  template <class P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    const auto on_path = [&](node_id n) { return std::ranges::find(result.path, n) != result.path.end(); };
    std::map<token, std::pair<bool, node_id>> source;
    for (node_id n = 0; n < tree.size(); ++n) {
      if (Bug == recycling_bug::accepted_rows_only && !on_path(n)) continue;
      const std::pair<bool, node_id> mine{on_path(n), n};
      const auto [at, is_new] = source.try_emplace(tree[n], mine);
      if (!is_new && Bug != recycling_bug::first_row_wins) at->second = std::max(at->second, mine);
    }
    for (const auto& [t, from] : source) {
      const auto row = rows[Bug == recycling_bug::root_row_for_all ? 0 : from.second];
      tokens order;
      for (std::size_t v = 0; v < row.size(); ++v) order.push_back(static_cast<token>(v));
      std::stable_sort(order.begin(), order.end(), [&](token a, token b) {
        return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
      });
      order.resize(2);
      if (Bug != recycling_bug::keeps_old_candidates || !successors_.contains(t)) successors_[t] = order;
    }
  }

 private:
  std::map<token, tokens> successors_;
};

/// Drives a recycler of two children a node and two levels beside one that is right by its shortness: same rounds, same
/// trees. `make()` gives the drafter.
template <class Make>
std::vector<std::string> recycling_violations(Make make) {
  constexpr std::size_t vocab = 6;
  dice roll;
  auto drafter = make();
  wrong_recycling<recycling_bug::none> right;
  for (int round = 0; round < 200; ++round) {
    const tokens text{static_cast<token>(roll(vocab))};
    const decode_context ctx{.text = text, .budget = 2 + roll(8), .max_depth = static_cast<std::uint32_t>(1 + roll(2))};
    draft_tree mine{vocab};
    draft_tree tree{vocab};
    mine.reset(text[0]);
    tree.reset(text[0]);
    drafter.propose(ctx, mine);
    right.propose(ctx, tree);
    if (!std::ranges::equal(mine.view().tokens, tree.view().tokens) ||
        !std::ranges::equal(mine.view().parents, tree.view().parents))
      return {"another tree in round " + std::to_string(round)};
    verdict result;
    result.path = {0};
    while (tree.first_child(result.path.back()) != no_node && roll(3) > 0)
      result.path.push_back(tree.first_child(result.path.back()));
    std::vector<float> rows(tree.size() * vocab);
    for (float& x : rows) x = static_cast<float>(roll(1000));
    const matrix_view view{rows.data(), tree.size(), vocab};
    drafter.observe(tree, result, rows_ref{view});
    right.observe(tree, result, rows_ref{view});
  }
  return {};
}

}  // namespace hunch::test
