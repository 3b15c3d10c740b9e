// Bookkeeping of one sequence's KV cache: which token lies in which slot. No device, no arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>

namespace hunch::transformer {

/// Slots of one sequence: kept tokens, then the pending nodes of at most one tree.
///
/// Kept token i lies in slot i, pending node n in slot kept() + n. So a kept token's position is its slot, and what a
/// node sees is the kept slots followed by the slots of its ancestors, root first, and its own: logical order.
/// Checks that guard memory (room, parents) raise hunch::error before anything changes; they cost nothing beside a
/// pass. No allocation once the sequence has held as many pending nodes before.
class kv_slots {
 public:
  /// What a node sees, in logical order: index i lies in slot i below `run`, in tail[i - run] from there on.
  struct view {
    std::size_t run = 0;
    std::span<const std::uint32_t> tail;

    [[nodiscard]] std::size_t size() const noexcept { return run + tail.size(); }
    [[nodiscard]] std::size_t slot(std::size_t i) const noexcept { return i < run ? i : tail[i - run]; }
  };

  /// One step of a compaction: the token in slot `from` goes to slot `to`. Steps must be done in order.
  struct move {
    std::uint32_t from;
    std::uint32_t to;
  };

  explicit kv_slots(std::size_t capacity) : capacity_{capacity} {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t kept() const noexcept { return kept_; }
  [[nodiscard]] std::size_t pending() const noexcept { return nodes_.size(); }
  [[nodiscard]] std::size_t room() const noexcept { return capacity_ - kept_ - pending(); }

  [[nodiscard]] std::size_t slot(node_id n) const noexcept { return kept_ + n; }
  /// Position in the text of a pending node; it sees position + 1 slots.
  [[nodiscard]] std::size_t position(node_id n) const noexcept { return visible(n).size() - 1; }
  /// Valid until the next append, commit or rewind.
  [[nodiscard]] view visible(node_id n) const noexcept {
    HUNCH_EXPECTS(n < pending(), "the node is not pending");
    const node& at = nodes_[n];
    return {at.run, std::span<const std::uint32_t>(tails_).subspan(at.tail, at.tail_size)};
  }

  /// Adds the nodes [tree.first, size) as pending. Throws hunch::error, changing nothing, when the tree does not
  /// continue the pending nodes, a parent is not before its child, a depth is wrong or there is no room.
  /// Cost: O(fresh nodes), for those off the main chain O(depth).
  void append(const tree_view& tree) {
    check(tree);
    for (std::size_t i = tree.first; i < tree.size(); ++i) add(tree.parents[i]);
  }

  /// Adds `count` nodes, each the child of the one before; for prefill.
  void append_chain(std::size_t count) {
    if (count > room()) refuse_room(count);
    for (std::size_t i = 0; i < count; ++i) add(nodes_.empty() ? no_node : static_cast<node_id>(nodes_.size() - 1));
  }

  /// Forgets the pending nodes from `first` on, as if they had not been appended.
  void retract(std::size_t first) {
    HUNCH_EXPECTS(first <= pending(), "cannot retract nodes that are not pending");
    if (first >= nodes_.size()) return;
    std::size_t tail = tails_.size();
    for (std::size_t i = nodes_.size(); i-- > first;) tail = nodes_[i].tail;  // tails lie in the order of the nodes
    tails_.resize(tail);
    nodes_.resize(first);
  }

  /// Keeps the nodes on `path` (root first, parent to child), drops the others; {} drops all.
  ///
  /// Returns the moves that bring the kept nodes to their slots, valid until the next call.
  /// Throws hunch::error, changing nothing, when `path` is no path from the root.
  std::span<const move> commit(std::span<const node_id> path) {
    for (std::size_t i = 0; i < path.size(); ++i) {
      const node_id expected = i == 0 ? no_node : path[i - 1];
      if (path[i] >= pending() || nodes_[path[i]].parent != expected)
        raise("kv: node " + std::to_string(path[i]) + " at place " + std::to_string(i) +
              " of a committed path is not pending or no child of the one before; commit a path from the root");
    }
    moves_.clear();
    for (std::size_t i = 0; i < path.size(); ++i) {
      // path[i] >= i, and paths ascend: no move overwrites a slot that a later one reads.
      if (path[i] != i)
        moves_.push_back({static_cast<std::uint32_t>(kept_ + path[i]), static_cast<std::uint32_t>(kept_ + i)});
    }
    kept_ += path.size();
    drop_pending();
    return moves_;
  }

  /// Keeps all pending nodes, which must be a chain.
  void commit_chain() {
    kept_ += pending();
    drop_pending();
  }

  /// Forgets the kept tokens from `n` on, and pending nodes.
  void rewind(std::size_t n) {
    HUNCH_EXPECTS(n <= kept_, "cannot rewind to a place after the kept tokens");
    drop_pending();
    if (n < kept_) kept_ = n;
  }

 private:
  struct node {
    node_id parent;
    std::uint32_t run;
    std::uint32_t tail;  // offset in tails_
    std::uint32_t tail_size;
  };

  void drop_pending() noexcept {
    nodes_.clear();
    tails_.clear();
  }

  void add(node_id parent) {
    const auto own = static_cast<std::uint32_t>(kept_ + nodes_.size());
    node n{parent, static_cast<std::uint32_t>(kept_), static_cast<std::uint32_t>(tails_.size()), 0};
    std::uint32_t above = 0;  // slots in the parent's tail
    if (parent != no_node) {
      n.run = nodes_[parent].run;
      above = nodes_[parent].tail_size;
    }
    if (above == 0 && own == n.run) {
      ++n.run;  // still slot = position
    } else {
      for (std::uint32_t i = 0; i < above; ++i) {
        const std::uint32_t slot = tails_[nodes_[parent].tail + i];
        tails_.push_back(slot);
      }
      tails_.push_back(own);
      n.tail_size = above + 1;
    }
    nodes_.push_back(n);
  }

  void check(const tree_view& tree) const {
    const std::size_t size = tree.size();
    if (tree.parents.size() != size || tree.depths.size() != size || tree.first > size)
      raise("kv: a tree of " + std::to_string(size) + " tokens has " + std::to_string(tree.parents.size()) +
            " parents, " + std::to_string(tree.depths.size()) + " depths and starts at " + std::to_string(tree.first));
    if (tree.first != pending())
      raise("kv: the tree starts at node " + std::to_string(tree.first) + " and " + std::to_string(pending()) +
            " nodes are pending; pass all nodes since the last commit, first = number of pending nodes");
    if (tree.fresh() > room()) refuse_room(tree.fresh());
    for (std::size_t i = tree.first; i < size; ++i) {
      const node_id parent = tree.parents[i];
      const bool root = i == 0;
      if (root ? parent != no_node || tree.depths[i] != 0 : parent >= i || tree.depths[i] != tree.depths[parent] + 1)
        raise("kv: node " + std::to_string(i) + " has parent " + std::to_string(parent) + " and depth " +
              std::to_string(tree.depths[i]) + "; node 0 is the root, parents come before their children");
    }
  }

  [[noreturn]] void refuse_room(std::size_t wanted) const {
    raise("kv: " + std::to_string(wanted) + " tokens do not fit, there is room for " + std::to_string(room()) + " of " +
          std::to_string(capacity_) + "; ask room() before a pass, or open with a larger context");
  }

  std::size_t capacity_;
  std::size_t kept_ = 0;
  std::vector<node> nodes_;           // pending
  std::vector<std::uint32_t> tails_;  // slots of nodes off the main chain
  std::vector<move> moves_;
};

}  // namespace hunch::transformer
