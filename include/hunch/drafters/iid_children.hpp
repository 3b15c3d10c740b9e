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
template <Backend B, class W>
class iid_children {
 public:
  static constexpr laws sibling_laws = iid;
  static_assert(!is_greedy<W>(), "hunch: iid_children draws; with a greedy warper use gumbel_top_k");

  iid_children(B& draft, W warp, std::vector<std::uint32_t> branching)
      : pass_{draft, std::move(warp)}, branching_{std::move(branching)} {}

  [[nodiscard]] std::size_t vocab_size() const { return pass_.vocab_size(); }

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    const auto wanted = [&](node_id n) { return tree.depth(n) < branching_.size() ? branching_[tree.depth(n)] : 0; };
    pass_.grow(
        ctx, tree, [&](node_id n) { return wanted(n) > 0; },
        [&](node_id n, const auto& row) {
          const auto k = static_cast<std::uint32_t>(std::min<std::size_t>(wanted(n), ctx.budget - tree.size()));
          if (k == 0) return;
          const auto q = pass_.law(ctx, tree, n, row);
          if (q.empty()) return;
          tree.begin_draws(n, iid);
          for (std::uint32_t lane = 0; lane < k; ++lane)
            tree.draw(n, ctx.random.categorical(ctx.site(n), purpose::draft, q, lane));
        },
        [] {});
  }

 private:
  level_pass<B, W> pass_;
  std::vector<std::uint32_t> branching_;
};

/// SpecHub's pairs at every node, `length` levels: 2 + 4 + … + 2^length nodes. For spec_hub.
/// Cost: one batched pass of the draft model per level.
/// Source: Sun et al., "SpecHub" (2024).
template <Backend B, class W>
class spec_hub_pairs {
 public:
  static constexpr laws sibling_laws = joint_pair;
  static_assert(!is_greedy<W>(), "hunch: spec_hub_pairs draws; with a greedy warper use gumbel_top_k");

  spec_hub_pairs(B& draft, W warp, std::uint32_t length = 1) : pass_{draft, std::move(warp)}, length_{length} {}

  [[nodiscard]] std::size_t vocab_size() const { return pass_.vocab_size(); }

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    pass_.grow(
        ctx, tree, [&](node_id n) { return tree.depth(n) < length_; },
        [&](node_id n, const auto& row) {
          if (tree.size() >= ctx.budget) return;
          const auto q = pass_.law(ctx, tree, n, row);
          if (q.empty()) return;
          ctx.random.ordered_without_replacement(ctx.site(n), q, 2, drawn_);
          tree.begin_draws(n, joint_pair);
          tree.draw(n, drawn_[0].index);
          if (drawn_.size() < 2 || tree.size() >= ctx.budget) return;
          const token hub = argmax(q);
          tree.draw(n, drawn_[0].index == hub ? drawn_[1].index : hub);
        },
        [] {});
  }

 private:
  level_pass<B, W> pass_;
  std::uint32_t length_;
  std::vector<candidate> drawn_;
};

}  // namespace hunch
