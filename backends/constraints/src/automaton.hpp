// A nondeterministic automaton over bytes, from an expression over characters.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "expression.hpp"

namespace hunch::constraints::detail {

/// Nodes either read a byte by one of their edges or go on to one or two nodes for free.
struct automaton {
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  struct edge {
    std::uint8_t first, last;  // bytes, both included
    std::uint32_t to;
  };
  struct node {
    std::uint32_t edges = 0, edges_end = 0;
    std::uint32_t free = none, other_free = none;
  };

  std::vector<node> nodes;  // node 0 accepts
  std::vector<edge> edges;
  std::uint32_t start = 0;

  /// [node] the accepting node can be reached by bytes of `usable` alone.
  [[nodiscard]] std::vector<bool> live(const std::bitset<256>& usable) const;
};

/// Throws hunch::error when more than `most_nodes` are needed.
[[nodiscard]] automaton build(const expression& e, std::size_t most_nodes);

}  // namespace hunch::constraints::detail
