// Shapes of draft trees: constant branching, or the best one for measured acceptance (Sequoia).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// A tree without tokens: node 0 is the root, level follows level, siblings stand together in the order in which they
/// are drafted. Built once, read in every step.
class tree_shape {
 public:
  /// From parents[i] < i, parents[0] == no_node; nodes are put in level order, siblings keep their order.
  explicit tree_shape(std::span<const node_id> parents) {
    const std::size_t n = parents.size();
    if (n == 0 || parents[0] != no_node) raise("hunch: tree_shape: node 0 is the root, its parent is no_node");
    std::vector<std::vector<node_id>> children(n);
    for (std::size_t i = 1; i < n; ++i) {
      if (parents[i] >= i)
        raise("hunch: tree_shape: the parent of node " + std::to_string(i) + " must have a smaller number");
      children[parents[i]].push_back(static_cast<node_id>(i));
    }
    std::vector<node_id> order{0};
    nodes_.resize(n);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& below = children[order[i]];
      nodes_[i].first_child = static_cast<node_id>(order.size());
      nodes_[i].children = static_cast<std::uint32_t>(below.size());
      for (std::size_t rank = 0; rank < below.size(); ++rank) {
        link& child = nodes_[order.size()];
        child = {static_cast<node_id>(i), static_cast<std::uint32_t>(rank), nodes_[i].depth + 1, 0, 0};
        order.push_back(below[rank]);
      }
    }
  }

  /// Nodes, the root included: what ctx.budget counts.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] node_id parent(node_id n) const noexcept { return nodes_[n].parent; }
  [[nodiscard]] std::uint32_t rank(node_id n) const noexcept { return nodes_[n].rank; }  ///< place among its siblings
  [[nodiscard]] std::uint32_t depth(node_id n) const noexcept { return nodes_[n].depth; }
  [[nodiscard]] std::uint32_t children(node_id n) const noexcept { return nodes_[n].children; }
  [[nodiscard]] node_id child(node_id n, std::uint32_t rank) const noexcept { return nodes_[n].first_child + rank; }

 private:
  struct link {
    node_id parent = no_node;
    std::uint32_t rank = 0;
    std::uint32_t depth = 0;
    node_id first_child = 0;
    std::uint32_t children = 0;
  };
  std::vector<link> nodes_;
};

/// branching[d] children at each node of depth d.
[[nodiscard]] inline tree_shape constant_branching(std::span<const std::uint32_t> branching) {
  std::vector<node_id> parents{no_node};
  std::size_t first = 0;
  for (const std::uint32_t b : branching) {
    const std::size_t end = parents.size();
    for (std::size_t n = first; n < end; ++n) parents.insert(parents.end(), b, static_cast<node_id>(n));
    first = end;
  }
  return tree_shape{parents};
}

/// Expected tokens of a step: 1 + the sum over nodes of the product of acceptance[rank] along their path.
/// acceptance[k]: probability that the sibling of rank k is accepted and the ones before it are not.
[[nodiscard]] inline double expected_tokens(const tree_shape& shape, std::span<const double> acceptance) {
  std::vector<double> reach(shape.size(), 1.0);
  double sum = 1;
  for (node_id n = 1; n < shape.size(); ++n) {
    const std::uint32_t rank = shape.rank(n);
    reach[n] = rank < acceptance.size() ? reach[shape.parent(n)] * acceptance[rank] : 0;
    sum += reach[n];
  }
  return sum;
}

namespace detail {

/// The dynamic program behind `sequoia`. best(m, l): most expected tokens of a subtree with exactly m nodes on at most
/// l levels; with(m, l, b): the same with exactly b children at its root.
class sequoia_program {
 public:
  sequoia_program(std::span<const double> acceptance, std::size_t nodes, std::size_t levels)
      : acceptance_{acceptance}, nodes_{nodes}, ranks_{std::min(acceptance.size(), nodes - 1)} {
    const std::size_t cells = (levels + 1) * (nodes + 1);
    table_.assign(cells * (ranks_ + 1), entry{});
    best_.assign(cells, entry{});
    for (std::size_t l = 1; l <= levels; ++l)
      for (std::size_t m = 1; m <= nodes; ++m) fill(m, l);
  }

  [[nodiscard]] double value(std::size_t m, std::size_t l) const { return best_[l * (nodes_ + 1) + m].value; }

  /// Appends below `at` the children of the best subtree with m nodes on l levels.
  void build(std::size_t m, std::size_t l, node_id at, std::vector<node_id>& parents) const {
    std::vector<std::size_t> sizes;  // of the subtrees, last rank first
    std::size_t left = m;
    for (std::size_t b = best_[l * (nodes_ + 1) + m].choice; b > 0; --b) {
      const std::size_t before = cell(left, l, b).choice;
      sizes.push_back(left - before);
      left = before;
    }
    for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
      parents.push_back(at);
      build(*size, l - 1, static_cast<node_id>(parents.size() - 1), parents);
    }
  }

 private:
  static constexpr double impossible = -std::numeric_limits<double>::infinity();
  struct entry {
    double value = impossible;
    std::size_t choice = 0;  // best: children of the root; cell: nodes left to the siblings before and the root
  };

  [[nodiscard]] const entry& cell(std::size_t m, std::size_t l, std::size_t b) const {
    return table_[(l * (nodes_ + 1) + m) * (ranks_ + 1) + b];
  }
  void fill(std::size_t m, std::size_t l) {
    entry* row = &table_[(l * (nodes_ + 1) + m) * (ranks_ + 1)];
    if (m == 1) row[0] = {1, 0};
    for (std::size_t b = 1; l > 1 && b <= std::min(ranks_, m - 1); ++b)
      for (std::size_t y = b; y < m; ++y) {  // y nodes: the root and the b - 1 subtrees before
        const double v = cell(y, l, b - 1).value + acceptance_[b - 1] * value(m - y, l - 1);
        if (v > row[b].value) row[b] = {v, y};
      }
    entry& best = best_[l * (nodes_ + 1) + m];
    for (std::size_t b = 0; b <= ranks_; ++b)
      if (row[b].value > best.value) best = {row[b].value, b};
  }

  std::span<const double> acceptance_;
  std::size_t nodes_;
  std::size_t ranks_;
  std::vector<entry> table_;  // [level, nodes, children of the root]
  std::vector<entry> best_;   // [level, nodes]
};

}  // namespace detail

/// The shape of at most `nodes` nodes (root included) and at most `max_depth` levels below the root that emits most
/// tokens a step, if the sibling of rank k is accepted with probability acceptance_by_rank[k] wherever it stands.
///
/// Cost: O(nodes²·max_depth·ranks), once. acceptance_by_rank is measured, for one pair of models and one temperature.
/// Source: Chen et al., "Sequoia" (2024), section 3.1.
[[nodiscard]] inline tree_shape sequoia(std::span<const double> acceptance_by_rank, std::size_t nodes,
                                        std::size_t max_depth) {
  if (nodes == 0) raise("hunch: sequoia needs a budget of at least 1 node, the root");
  for (const double a : acceptance_by_rank)
    if (!(a >= 0 && a <= 1)) raise("hunch: sequoia needs acceptance rates in [0, 1]");
  const std::size_t levels = std::min(max_depth, nodes - 1) + 1;
  const detail::sequoia_program program{acceptance_by_rank, nodes, levels};
  std::size_t best = 1;
  for (std::size_t m = 2; m <= nodes; ++m)
    if (program.value(m, levels) > program.value(best, levels)) best = m;
  std::vector<node_id> parents{no_node};
  program.build(best, levels, 0, parents);
  return tree_shape{parents};
}

}  // namespace hunch
