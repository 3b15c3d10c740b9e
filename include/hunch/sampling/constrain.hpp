// Constraints: rules that say which tokens may follow, as a warper that keeps one state per node of the draft tree.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// A rule about texts as an automaton over tokens. A copy of a state forks it, an older copy rolls it back.
///
///  - `start()`             the state of an empty text
///  - `advance(s, t)`       takes token t; any token: one that the rule forbids leads to a state that allows nothing
///  - `restrict(s, row)`    sets the logits of tokens that may not come next to -inf, leaves the others
///  - `may_end(s)`          the text may end here
/// End-of-text tokens are not the rule's business: it is never asked to take one, and what it does to their logits is
/// put right by `constrained`. The rule is copied with the warper: what is large in it belongs behind a shared_ptr.
template <class C, class P = float>
concept Constraint = std::copyable<C> && std::copyable<typename C::state> &&
    requires(const C& c, typename C::state& s, const typename C::state& cs, token t, std::span<P> row) {
  { c.start() } -> std::same_as<typename C::state>;
  { c.advance(s, t) } -> std::same_as<void>;
  { c.restrict(cs, row) } -> std::same_as<void>;
  { c.may_end(cs) } -> std::same_as<bool>;
};

/// A constraint as a warper: what the verifier, the drafter and plain decoding all use, each its own copy.
///
/// A complete text allows end-of-text only, so an end-of-text token is needed; behind one nothing is ruled out, since
/// nothing there is emitted. Where a text has left the rule nothing is allowed: its row has no mass, a draft there is
/// never accepted, and a text that stands there ends with status::failed.
///
/// The state is a function of the prefix alone; what is kept of earlier calls (a state per token of the text behind
/// `first`, one per node of the last tree) is compared with the prefix token by token. Cost: one `advance` for each
/// new token or node, one `restrict` a row. Put it before warpers that leave tokens out.
template <Constraint C>
class constrained : public warper_base {
 public:
  /// `first`: position of the first token that the rule is about, prompt.size() as a rule.
  constrained(C rule, std::vector<token> end_of_text, std::size_t first)
      : rule_{std::move(rule)},
        end_of_text_{detail::checked_tokens(std::move(end_of_text), "constrained")},
        first_{first} {
    if (end_of_text_.empty())
      raise("hunch: constrained() needs the end-of-text tokens: a text that is complete has nothing else to say");
  }

  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const {
    if (at.size() < first_) return;
    const followed& now = follow(at);
    if (now.ended) return;
    kept_.clear();
    for (const token t : end_of_text_)
      kept_.push_back(detail::has(row, t) ? static_cast<double>(row[static_cast<std::size_t>(t)]) : 0);
    rule_.restrict(now.state, row);
    const bool may_end = rule_.may_end(now.state);
    for (std::size_t i = 0; i < end_of_text_.size(); ++i)
      if (detail::has(row, end_of_text_[i]))
        row[static_cast<std::size_t>(end_of_text_[i])] = may_end ? static_cast<P>(kept_[i]) : detail::minus_infinity<P>;
  }

 private:
  struct followed {
    typename C::state state;
    bool ended = false;  // an end-of-text token was taken
  };
  /// The state after a node. `stamp` is its own, `from` that of the state before it: equal stamps, equal prefixes.
  struct node_state {
    followed after;
    token taken = no_token;
    bool ruled = false;
    std::uint64_t stamp = 0;
    std::uint64_t from = 0;
  };

  const followed& follow(const prefix_view& at) const {
    follow_text(at.text);
    const followed* now = &text_.back();
    std::uint64_t stamp = text_stamp_;
    path_.clear();
    for (node_id n = at.node; at.tree.parents[n] != no_node; n = at.tree.parents[n]) path_.push_back(n);
    if (nodes_.size() < at.tree.size()) nodes_.resize(at.tree.size(), node_state{*now});
    for (auto n = path_.rbegin(); n != path_.rend(); ++n) {
      const token t = at.tree.tokens[*n];
      const bool ruled = at.text.size() + at.tree.depths[*n] > first_;  // the text may end within the prompt
      node_state& node = nodes_[*n];
      if (node.from != stamp || node.taken != t || node.ruled != ruled) {
        node.after = *now;
        if (ruled) take(node.after, t);
        node.taken = t;
        node.ruled = ruled;
        node.from = stamp;
        node.stamp = ++stamps_;
      }
      now = &node.after;
      stamp = node.stamp;
    }
    return *now;
  }
  /// After: text_ holds the states of text[first_, end), an unchanged beginning kept.
  void follow_text(std::span<const token> text) const {
    const auto ruled = text.subspan(std::min(first_, text.size()));
    const auto same = std::mismatch(tokens_.begin(), tokens_.end(), ruled.begin(), ruled.end()).first;
    const auto kept = static_cast<std::size_t>(same - tokens_.begin());
    if (!text_.empty() && kept == tokens_.size() && kept == ruled.size()) return;
    if (text_.empty()) text_.push_back({rule_.start()});
    tokens_.resize(kept);
    text_.erase(text_.begin() + static_cast<std::ptrdiff_t>(kept) + 1, text_.end());
    for (const token t : ruled.subspan(kept)) {
      tokens_.push_back(t);
      text_.push_back(text_.back());
      take(text_.back(), t);
    }
    text_stamp_ = ++stamps_;
  }
  void take(followed& f, token t) const {
    if (f.ended) return;
    if (std::find(end_of_text_.begin(), end_of_text_.end(), t) != end_of_text_.end())
      f.ended = true;
    else
      rule_.advance(f.state, t);
  }

  C rule_;
  std::vector<token> end_of_text_;
  std::size_t first_;
  // What was followed so far; never changes what a call returns.
  mutable std::vector<token> tokens_;      // of the text, from first_ on
  mutable std::vector<followed> text_;     // [tokens_ + 1]
  mutable std::vector<node_state> nodes_;  // [node of the last trees]
  mutable std::vector<node_id> path_;      // scratch, deepest first
  mutable std::vector<double> kept_;       // scratch, [end_of_text_]
  mutable std::uint64_t text_stamp_ = 0;
  mutable std::uint64_t stamps_ = 0;
};

}  // namespace hunch
