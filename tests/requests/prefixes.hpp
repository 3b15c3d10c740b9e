// Prefixes as warpers see them: a text and drafts below its last token.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>

namespace hunch::test {

inline constexpr float inf = std::numeric_limits<float>::infinity();

/// `logits` after a text and a chain of drafts; beside each draft stands a sibling that must not matter.
template <class W>
std::vector<float> warped(const W& warp, std::vector<float> logits, const std::vector<token>& text,
                          const std::vector<token>& drafts = {}, token sibling = no_token) {
  draft_tree tree{logits.size()};
  tree.reset(text.back());
  node_id at = 0;
  for (const token t : drafts) {
    const node_id parent = at;
    if (sibling != no_token) (void)tree.add(parent, sibling);
    at = tree.add(parent, t);
  }
  warp(std::span<float>{logits}, prefix_view{text, tree.view(), at});
  return logits;
}

}  // namespace hunch::test
