// The draft tree: what a drafter builds, a backend runs and a verifier judges.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/law.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// A law [vocab] that lies elsewhere, in device memory say.
template <class P>
struct basic_far_law {
  const void* at = nullptr;                                 ///< what `copy` reads
  void (*copy)(const void* at, std::span<P> to) = nullptr;  ///< brings it here; null: there is no such law
};

using far_law = basic_far_law<float>;

/// Token tree in structure-of-arrays form. Node 0 is the root: the last token of the text, not yet in the cache.
///
/// A chain is a tree of width 1. Row i of the target's pass judges the children of node i; q(i) is the law that those
/// children were drawn from, one after another without replacement, in stored order. An empty q(i) says that they were
/// chosen, not drawn (prompt lookup, argmax): always safe, only less often accepted. Other laws (law.hpp) are declared
/// by `begin_draws`; siblings are distinct nodes under every law.
/// Memory: O(nodes) + one row of `vocab` scalars for each parent that has a law; kept between steps, so a tree that
/// has been as large before allocates nothing.
template <class P>
class basic_draft_tree {
 public:
  using scalar = P;

  explicit basic_draft_tree(std::size_t vocab) : vocab_{vocab} { reset(0); }

  /// After: one node, the root, at depth 0.
  void reset(token root) {
    nodes_.clear();
    tokens_.assign(1, root);
    parents_.assign(1, no_node);
    depths_.assign(1, 0);
    nodes_.push_back({});
    sets_.clear();
    draws_.clear();
    used_rows_ = 0;
  }

  /// Adds a child after its siblings; they are judged in the order in which they were added.
  node_id add(node_id parent, token t) {
    HUNCH_EXPECTS(parent < size(), "the parent must be in the tree already");
    HUNCH_EXPECTS(child_with(parent, t) == no_node, "siblings must be distinct tokens");
    const auto id = static_cast<node_id>(size());
    tokens_.push_back(t);
    parents_.push_back(parent);
    depths_.push_back(depths_[parent] + 1);
    nodes_.push_back({});
    links& up = nodes_[parent];
    (up.last_child == no_node ? up.first_child : nodes_[up.last_child].next_sibling) = id;
    up.last_child = id;
    return id;
  }

  /// Storage [vocab] for the law that the children of `parent` are drawn from, to be filled: what it holds is left
  /// over, NaN where contracts are checked. Valid until the next make_q or reset.
  std::span<P> make_q(node_id parent) {
    HUNCH_EXPECTS(parent < size(), "the parent must be in the tree already");
    const bool fresh = nodes_[parent].q_row == no_node;
    const std::uint32_t row = take_row(parent);
    const std::span<P> q{q_.data() + row * vocab_, vocab_};
    if (HUNCH_CHECKS_CONTRACTS && fresh) std::ranges::fill(q, std::numeric_limits<P>::quiet_NaN());
    return q;
  }
  /// The same for a law that lies elsewhere and stays there until the round is over: who asks for q(parent) gets a
  /// copy, made when it is first asked for.
  void leave_q(node_id parent, basic_far_law<P> law) {
    HUNCH_EXPECTS(parent < size(), "the parent must be in the tree already");
    const std::uint32_t row = take_row(parent);
    far_[row] = {law, false};
  }
  /// Declares the children of `parent` chosen, not drawn.
  void drop_q(node_id parent) { nodes_[parent].q_row = no_node; }

  /// Declares the law of the children of `parent` where q alone does not say it (`iid`, `joint_pair`). Its draws
  /// follow, all of one parent before those of the next.
  void begin_draws(node_id parent, laws law) {
    HUNCH_EXPECTS(parent < size() && nodes_[parent].set == no_node, "the draws of a parent begin once");
    nodes_[parent].set = static_cast<std::uint32_t>(sets_.size());
    sets_.push_back({law, draws_.size(), 0});
  }
  /// Notes one more draw of `t`: the node that carries it, added when it is new.
  node_id draw(node_id parent, token t) {
    HUNCH_EXPECTS(!sets_.empty() && nodes_[parent].set + 1 == sets_.size(), "begin_draws comes before draws");
    const node_id known = child_with(parent, t);
    draws_.push_back(known == no_node ? add(parent, t) : known);
    ++sets_.back().count;
    return draws_.back();
  }

  /// The law of the children of `parent`.
  [[nodiscard]] laws law(node_id parent) const noexcept {
    if (nodes_[parent].set != no_node) return sets_[nodes_[parent].set].law;
    return nodes_[parent].q_row == no_node ? deterministic : without_replacement;
  }
  /// The trials of a parent with declared draws, in order; empty for the others, whose trials are their children.
  [[nodiscard]] std::span<const node_id> draws(node_id parent) const noexcept {
    if (nodes_[parent].set == no_node) return {};
    const sibling_set& s = sets_[nodes_[parent].set];
    return {draws_.data() + s.first, s.count};
  }

  /// [vocab], or empty when the children were chosen. Throws only what copying a law from elsewhere throws.
  [[nodiscard]] std::span<const P> q(node_id parent) const {
    HUNCH_EXPECTS(parent < size(), "no such node");
    const std::uint32_t row = nodes_[parent].q_row;
    if (row == no_node) return {};
    const std::span<P> here{q_.data() + row * vocab_, vocab_};
    far_row& from = far_[row];
    if (from.law.copy != nullptr && !std::exchange(from.copied, true)) from.law.copy(from.law.at, here);
    return here;
  }
  /// Where q(parent) lies, if `leave_q` left it there.
  [[nodiscard]] basic_far_law<P> far_q(node_id parent) const noexcept {
    const std::uint32_t row = nodes_[parent].q_row;
    return row == no_node ? basic_far_law<P>{} : far_[row].law;
  }
  /// Whether the children of `parent` have a law: q(parent) is not empty.
  [[nodiscard]] bool has_q(node_id parent) const noexcept { return nodes_[parent].q_row != no_node; }

  [[nodiscard]] node_id first_child(node_id parent) const noexcept { return nodes_[parent].first_child; }
  [[nodiscard]] node_id next_sibling(node_id n) const noexcept { return nodes_[n].next_sibling; }
  [[nodiscard]] node_id parent(node_id n) const noexcept { return parents_[n]; }
  [[nodiscard]] std::uint32_t depth(node_id n) const noexcept { return depths_[n]; }
  [[nodiscard]] token operator[](node_id n) const noexcept {
    HUNCH_EXPECTS(n < size(), "no such node");
    return tokens_[n];
  }
  /// The child of `parent` that carries `t`, or no_node. Cost: O(children).
  [[nodiscard]] node_id child_with(node_id parent, token t) const noexcept {
    node_id c = first_child(parent);
    while (c != no_node && tokens_[c] != t) c = next_sibling(c);
    return c;
  }

  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  [[nodiscard]] std::size_t drafted() const noexcept { return tokens_.size() - 1; }
  [[nodiscard]] std::size_t vocab() const noexcept { return vocab_; }
  [[nodiscard]] tree_view view(std::size_t first = 0) const noexcept { return {tokens_, parents_, depths_, first}; }

 private:
  struct far_row {
    basic_far_law<P> law{};
    bool copied = false;
  };
  struct links {
    node_id first_child = no_node;
    node_id last_child = no_node;
    node_id next_sibling = no_node;
    std::uint32_t q_row = no_node;
    std::uint32_t set = no_node;  // in sets_, for laws that list their draws
  };
  struct sibling_set {
    laws law;
    std::size_t first;  // in draws_
    std::size_t count;
  };

  /// A row for the law of the children of `parent`; nothing is left elsewhere.
  std::uint32_t take_row(node_id parent) {
    std::uint32_t& row = nodes_[parent].q_row;
    if (row == no_node) row = used_rows_++;
    if (q_.size() < used_rows_ * vocab_) q_.resize(used_rows_ * vocab_);
    if (far_.size() < used_rows_) far_.resize(used_rows_);
    far_[row] = {};
    return row;
  }

  std::size_t vocab_;
  std::uint32_t used_rows_ = 0;
  std::vector<token> tokens_;
  std::vector<node_id> parents_;
  std::vector<std::uint32_t> depths_;
  std::vector<links> nodes_;
  std::vector<sibling_set> sets_;
  std::vector<node_id> draws_;
  mutable std::vector<P> q_;          // [rows, vocab]
  mutable std::vector<far_row> far_;  // [rows]
};

using draft_tree = basic_draft_tree<float>;

}  // namespace hunch
