// RSD-C: a tree of constant branching, siblings drawn without replacement.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <hunch/drafters/static_tree.hpp>
#include <hunch/drafters/tree_shape.hpp>

namespace hunch {

/// branching[d] children at each node of depth d: gumbel_top_k(draft, warp, {3, 2, 1}) drafts 3 + 6 + 6 nodes in three
/// passes of the draft model.
/// Source: Jeon et al., "Recursive Speculative Decoding" (2024), RSD-C.
template <Model B, class W>
[[nodiscard]] auto gumbel_top_k(B& draft, W warp, const std::vector<std::uint32_t>& branching) {
  return static_tree<B, W>{draft, std::move(warp), constant_branching(branching)};
}

/// The same tree drawn with the target's noise, for `match` when sampling (law `coupled`).
template <Model B, class W>
[[nodiscard]] auto coupled_gumbel_top_k(B& draft, W warp, const std::vector<std::uint32_t>& branching) {
  return coupled_static_tree(draft, std::move(warp), constant_branching(branching));
}

}  // namespace hunch
