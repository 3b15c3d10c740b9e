// Trees for the verifiers of independent draws and of pairs, for comparison with draws without replacement.
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
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// branching[d] independent draws at each node of depth d; draws of the same token share one node. For multi_round and
/// k_sequence.
/// Cost: one batched pass of the draft model per level, a pass over the vocabulary per draw.
/// Source: Miao et al., "SpecInfer" (2024).
template <Model B, class W>
class iid_children : public level_drafter<iid_children<B, W>, B, W> {
  using base = level_drafter<iid_children, B, W>;
  friend base;

 public:
  static constexpr laws sibling_laws = iid;
  static_assert(!is_greedy<W>(), "hunch: iid_children draws; with a greedy warper use gumbel_top_k");

  iid_children(B& draft, W warp, std::vector<std::uint32_t> branching)
      : base{draft, std::move(warp)}, branching_{std::move(branching)} {}

 private:
  using base::pass_;

  template <class P, class R>
  void open(const basic_context<R>&, const basic_draft_tree<P>&) const noexcept {}
  template <class P>
  [[nodiscard]] std::uint32_t children_of(const basic_draft_tree<P>& tree, node_id n) const {
    return tree.depth(n) < branching_.size() ? branching_[tree.depth(n)] : 0;
  }
  template <class P>
  [[nodiscard]] bool wants(const basic_draft_tree<P>& tree, node_id n) const {
    return children_of(tree, n) > 0;
  }
  template <class P, class R, class Row>
  void expand(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n, const Row& row) {
    const auto k = static_cast<std::uint32_t>(std::min<std::size_t>(children_of(tree, n), ctx.budget - tree.size()));
    if (k == 0) return;
    const auto q = pass_.law(ctx, tree, n, row);
    if (q.empty()) return;
    tree.begin_draws(n, iid);
    for (std::uint32_t lane = 0; lane < k; ++lane)
      tree.draw(n, ctx.random.categorical(ctx.site(n), purpose::draft, q, lane));
  }
  template <class P, class R>
  void close_level(const basic_context<R>&, const basic_draft_tree<P>&) const noexcept {}

  std::vector<std::uint32_t> branching_;
};

/// SpecHub's pairs at every node, `length` levels: 2 + 4 + … + 2^length nodes. For spec_hub.
/// Cost: one batched pass of the draft model per level.
/// Source: Sun et al., "SpecHub" (2024).
template <Model B, class W>
class spec_hub_pairs : public level_drafter<spec_hub_pairs<B, W>, B, W> {
  using base = level_drafter<spec_hub_pairs, B, W>;
  friend base;

 public:
  static constexpr laws sibling_laws = joint_pair;
  static_assert(!is_greedy<W>(), "hunch: spec_hub_pairs draws; with a greedy warper use gumbel_top_k");

  spec_hub_pairs(B& draft, W warp, std::uint32_t length = 1) : base{draft, std::move(warp)}, length_{length} {}

 private:
  using base::pass_;

  template <class P, class R>
  void open(const basic_context<R>&, const basic_draft_tree<P>&) const noexcept {}
  template <class P>
  [[nodiscard]] bool wants(const basic_draft_tree<P>& tree, node_id n) const {
    return tree.depth(n) < length_;
  }
  template <class P, class R, class Row>
  void expand(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n, const Row& row) {
    if (tree.size() >= ctx.budget) return;
    const auto q = pass_.law(ctx, tree, n, row);
    if (q.empty()) return;
    ctx.random.ordered_without_replacement(ctx.site(n), q, 2, drawn_);
    tree.begin_draws(n, joint_pair);
    tree.draw(n, drawn_[0].index);
    if (drawn_.size() < 2 || tree.size() >= ctx.budget) return;
    const token hub = argmax(q);
    tree.draw(n, drawn_[0].index == hub ? drawn_[1].index : hub);
  }
  template <class P, class R>
  void close_level(const basic_context<R>&, const basic_draft_tree<P>&) const noexcept {}

  std::uint32_t length_;
  std::vector<candidate> drawn_;
};

}  // namespace hunch
