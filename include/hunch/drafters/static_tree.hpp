// A draft tree of a given shape.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/level_pass.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/tree_shape.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// Fills a shape with tokens of `draft`: at each node its children are drawn without replacement from the warped law
/// (Gumbel-Top-k, noise of the node's own), or, with a greedy warper, are its most likely tokens. With shared noise
/// they are the first by the noise of the target's own draw at their position (law `coupled`, `match` only).
///
/// A law with fewer tokens than the shape has children leaves the last ones out; a budget below the shape's size keeps
/// the shape's first nodes in level order. Cost: one batched pass of the draft model per level that has inner nodes.
/// Sources: Jeon et al., "Recursive Speculative Decoding" (2024), RSD-C; Chen et al., "Sequoia" (2024).
template <Model B, class W, draft_noise Noise = draft_noise::own>
class static_tree : public level_drafter<static_tree<B, W, Noise>, B, W> {
  using base = level_drafter<static_tree, B, W>;
  friend base;

 public:
  static constexpr laws sibling_laws = is_greedy<W>()              ? deterministic
                                       : Noise == draft_noise::own ? without_replacement
                                                                   : coupled;

  static_tree(B& draft, W warp, tree_shape shape) : base{draft, std::move(warp)}, shape_{std::move(shape)} {}

  [[nodiscard]] const tree_shape& shape() const noexcept { return shape_; }

 private:
  using base::pass_;

  template <class P, class R>
  void open(const basic_context<R>&, const basic_draft_tree<P>&) {
    places_.assign(1, 0);
  }
  template <class P>
  [[nodiscard]] bool wants(const basic_draft_tree<P>&, node_id n) const {
    return shape_.children(places_[n]) > 0;
  }
  template <class P, class R, class Row>
  void expand(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n, const Row& row) {
    const std::size_t k = std::min<std::size_t>(shape_.children(places_[n]), ctx.budget - tree.size());
    if (k == 0) return;
    if constexpr (sibling_laws == without_replacement) {
      pass_.draw(ctx, tree, n, row, k, drawn_);
    } else if constexpr (sibling_laws == coupled) {
      const auto logits = pass_.logits(ctx, tree, n, row);
      ctx.random.ordered_at_position(ctx.position(tree.depth(n) + 1), logits, k, drawn_);
    } else {
      largest(pass_.logits(ctx, tree, n, row), k, drawn_);
    }
    for (std::uint32_t rank = 0; rank < drawn_.size(); ++rank) {
      tree.add(n, drawn_[rank].index);
      places_.push_back(shape_.child(places_[n], rank));
    }
  }

  template <class P, class R>
  void close_level(const basic_context<R>&, const basic_draft_tree<P>&) const noexcept {}

  tree_shape shape_;
  std::vector<node_id> places_;  // of the tree's nodes in the shape
  std::vector<candidate> drawn_;
};

template <Model B, class W>
static_tree(B&, W, tree_shape) -> static_tree<B, W>;

/// A static tree for `match` when sampling: drawn with the target's noise.
template <Model B, class W>
[[nodiscard]] auto coupled_static_tree(B& draft, W warp, tree_shape shape) {
  return static_tree<B, W, draft_noise::shared_with_target>{draft, std::move(warp), std::move(shape)};
}

}  // namespace hunch
