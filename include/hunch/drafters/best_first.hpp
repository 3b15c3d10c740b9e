// Dynamic trees: the most likely nodes of the draft model's tree, within a budget.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/level_pass.hpp>
#include <hunch/sampling/row.hpp>

namespace hunch {

/// How far best_first looks. Defaults as EAGLE-2's, one level deeper.
struct best_first_options {
  std::uint32_t depth = 7;   ///< most levels, one pass of the draft model each
  std::uint32_t width = 10;  ///< most nodes of a level that are run, and most children of a node
  double min_gain = 0;       ///< stop when a level adds no more than this to the expected accepted tokens (OPT-Tree)
};

/// The `nodes` nodes of largest cumulative draft probability. Level by level the best nodes are run in one pass; a
/// level that brings nothing into the best `nodes` is the last, since no child is more likely than its parent.
///
/// Children are chosen, not drawn (law `deterministic`): exact under every verifier for chosen drafts. Best where the
/// draft model knows how sure it is; the warper's temperature shapes the tree and nothing else.
/// After: parents come before their children, nodes in order of falling probability.
/// Sources: Li et al., "EAGLE-2" (2024); Wang et al., "OPT-Tree" (2024).
template <Model B, class W>
class best_first : public grown_by_passes<best_first<B, W>, B, W> {
  using base = grown_by_passes<best_first, B, W>;
  friend base;

 public:
  static constexpr laws sibling_laws = deterministic;

  best_first(B& draft, W warp, std::size_t nodes, best_first_options options = {})
      : base{draft, std::move(warp)}, nodes_{nodes}, options_{options}, run_{draft.vocab_size()} {
    if (options.width == 0) raise("hunch: best_first needs a width of at least 1");
  }

  template <class P, class R>
  void begin(const basic_context<R>& ctx, const basic_draft_tree<P>&) {
    pass_.begin();
    run_.reset(ctx.text.back());
    scores_.assign(1, 0.0);
    pool_.clear();
    expected_ = 0;
  }
  template <class P, class R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    std::optional<pass> wanted;
    if (room(ctx, tree) > 0)
      wanted = pass_.next(unbounded(ctx), run_, [&](node_id n) { return run_.depth(n) < options_.depth; });
    if (!wanted) copy_to(tree);
    return wanted;
  }

 private:
  using base::pass_;

  struct entry {
    double score;  // log-probability of the path
    std::uint32_t depth;
    std::uint32_t order;
    node_id parent;         // in run_
    node_id own = no_node;  // in run_, once it was run
    token index;

    [[nodiscard]] bool before(const entry& other) const noexcept {
      if (score != other.score) return score > other.score;
      return depth != other.depth ? depth < other.depth : order < other.order;  // ties: parents first
    }
  };

  template <class P, class R>
  [[nodiscard]] std::size_t room(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) const {
    return std::min(nodes_, ctx.budget - tree.size());
  }
  /// The budget is the target's; what the draft model runs is bounded by width.
  template <class R>
  [[nodiscard]] static basic_context<R> unbounded(basic_context<R> ctx) {
    ctx.budget = std::numeric_limits<std::size_t>::max();
    return ctx;
  }
  template <class P, class R, class Rows>
  void grow(const basic_context<R>& ctx, const basic_draft_tree<P>& tree, const Rows& rows) {
    pass_.supply(
        unbounded(ctx), run_, rows, [&](node_id n) { return run_.depth(n) < options_.depth; },
        [&](node_id n, const auto& row) { expand(ctx, n, row); });
    select(room(ctx, tree));
  }

  template <class R, class Row>
  void expand(const basic_context<R>& ctx, node_id n, const Row& row) {
    largest(pass_.scratch_law(ctx, run_, n, row), options_.width, found_);
    for (const candidate& c : found_) {
      if (!(c.score > 0)) continue;
      entry e{scores_[n] + std::min(0.0, std::log(c.score)), run_.depth(n) + 1, 0, n, no_node, c.index};
      e.order = static_cast<std::uint32_t>(pool_.size());
      pool_.push_back(e);
    }
  }

  /// Keeps the best `room` entries; those of the newest level among them, at most `width`, are run next.
  void select(std::size_t room) {
    const std::uint32_t newest = pool_.empty() ? 0 : pool_.back().depth;
    std::ranges::sort(pool_, [](const entry& a, const entry& b) { return a.before(b); });
    if (pool_.size() > room) pool_.resize(room);
    double expected = 0;
    for (std::uint32_t i = 0; i < pool_.size(); ++i) {
      pool_[i].order = i;
      expected += std::exp(pool_[i].score);
    }
    const bool worth = expected > expected_ + options_.min_gain;
    expected_ = expected;
    std::uint32_t taken = 0;
    for (entry& e : pool_) {
      if (!worth || e.depth != newest || taken == options_.width) continue;
      e.own = run_.add(e.parent, e.index);
      scores_.push_back(e.score);
      ++taken;
    }
  }

  template <class P>
  void copy_to(basic_draft_tree<P>& tree) {
    places_.assign(run_.size(), 0);
    for (const entry& e : pool_) {
      const node_id n = tree.add(places_[e.parent], e.index);
      if (e.own != no_node) places_[e.own] = n;
    }
  }

  std::size_t nodes_;
  best_first_options options_;
  draft_tree run_;              // what the draft model has run
  std::vector<double> scores_;  // of run_'s nodes
  std::vector<entry> pool_;
  std::vector<node_id> places_;  // of run_'s nodes in the tree
  std::vector<candidate> found_;
  double expected_ = 0;
};

}  // namespace hunch
