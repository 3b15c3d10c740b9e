// Token recycling: the target's own second thoughts, kept from every verified row, make the next tree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/tree_shape.hpp>
#include <hunch/sampling/row.hpp>

namespace hunch {

namespace detail {

/// Whether any value is above `floor`; the number of values is a multiple of row_lanes. Lanes as wide as the values,
/// and a length that the compiler does not know, are what it vectorises.
template <class P>
[[nodiscard]] bool any_above(std::span<const P> values, P floor) noexcept {
  P top[row_lanes];
  std::fill(top, top + row_lanes, floor);
  for (std::size_t i = 0; i < values.size(); i += row_lanes) {
    const P* const x = values.data() + i;
    for (std::size_t l = 0; l < row_lanes; ++l) top[l] = x[l] > top[l] ? x[l] : top[l];
  }
  bool any = false;
  for (const P t : top) any |= t > floor;
  return any;
}

}  // namespace detail

/// The most that `most_likely` finds.
inline constexpr std::size_t most_candidates = 32;

/// Writes the indices of the best.size() largest logits, largest first, ties: lower index; no_token where fewer are
/// above -inf. NaN is never one. Up to most_candidates.
/// Cost: one pass that compares whole blocks with the smallest of the best so far; only where one is larger, a closer
/// look.
template <class P>
void most_likely(std::span<const P> row, std::span<token> best) noexcept {
  HUNCH_EXPECTS(!best.empty() && best.size() <= most_candidates, "1 to most_candidates indices");
  constexpr std::size_t block = 8 * row_lanes;
  P score[most_candidates];
  std::size_t found = 0;
  P floor = -std::numeric_limits<P>::infinity();
  const auto look = [&](std::size_t i) {
    if (!(row[i] > floor)) return;
    std::size_t at = found < best.size() ? found++ : found - 1;
    for (; at > 0 && row[i] > score[at - 1]; --at) {
      score[at] = score[at - 1];
      best[at] = best[at - 1];
    }
    score[at] = row[i];
    best[at] = static_cast<token>(i);
    if (found == best.size()) floor = score[found - 1];
  };
  std::size_t i = 0;
  for (; i + block <= row.size(); i += block) {
    if (!detail::any_above(row.subspan(i, block), floor)) continue;
    for (std::size_t j = i; j < i + block; ++j) look(j);
  }
  for (; i < row.size(); ++i) look(i);
  std::fill(best.begin() + static_cast<std::ptrdiff_t>(found), best.end(), no_token);
}

struct recycling_options {
  std::size_t k = 8;  ///< candidates kept a token
  bool keep = true;   ///< what one text taught is used for the next; false: forget where a text begins
};

/// The best shape of at most `nodes` nodes (root included) for candidates that are right as often, by rank, as those of
/// tokens that had been run before were in SmolLM2's greedy answers to prompts of six kinds.
[[nodiscard]] inline tree_shape recycling_shape(std::size_t nodes) {
  constexpr double rates[] = {.41, .09, .046, .029, .019, .018, .017, .013};
  return sequoia(rates, nodes, 6);
}

/// Keeps for each token the k likeliest successors that the target named when it last ran that token, in any row of
/// any tree, rejected ones included, and fills a shape with them from the root down: no model, no search.
///
/// A token's successors are those of its row in the last round that had it; among several of one round a row on the
/// accepted path goes before the others, then the later node. What the target never ran has no children.
/// Memory: vocab·k·4 bytes. Cost: a few reads a node to propose, one pass over each distinct token's row to learn.
/// Kept between texts, so one user's words may become another's drafts (never their text): `keep = false` or forget().
/// Source: Luo et al., "Turning Trash into Treasure: Accelerating Inference of Large Language Models with Token
/// Recycling" (2024); the shape by Sequoia's program instead of the paper's list.
class token_recycling {
 public:
  static constexpr laws sibling_laws = deterministic;

  explicit token_recycling(std::size_t nodes = 24, recycling_options options = {})
      : token_recycling{recycling_shape(nodes), options} {}
  explicit token_recycling(tree_shape shape, recycling_options options = {})
      : shape_{std::move(shape)}, options_{options} {
    if (options_.k == 0 || options_.k > most_candidates)
      raise("hunch: token_recycling keeps 1 to " + std::to_string(most_candidates) + " candidates a token, not " +
            std::to_string(options_.k));
  }

  [[nodiscard]] const tree_shape& shape() const noexcept { return shape_; }
  /// Forgets all that was learned.
  void forget() { std::fill(successors_.begin(), successors_.end(), no_token); }

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    fit(tree.vocab());
    const bool same_text = ctx.run != 0 && ctx.run == run_;
    run_ = ctx.run;
    if (!options_.keep && !same_text) forget();
    places_.assign(1, 0);
    for (node_id n = 0; n < tree.size(); ++n) {
      if (tree.depth(n) >= ctx.max_depth) return;  // level order: all that follow are as deep
      if (n != 0 && std::ranges::find(ctx.end_of_text, tree[n]) != ctx.end_of_text.end()) continue;
      const std::span<const token> next = successors(tree[n]);
      const std::size_t children = std::min<std::size_t>(shape_.children(places_[n]), next.size());
      for (std::uint32_t rank = 0; rank < children && next[rank] != no_token; ++rank) {
        if (tree.size() >= ctx.budget) return;
        tree.add(n, next[rank]);
        places_.push_back(shape_.child(places_[n], rank));
      }
    }
  }

  /// What a token is followed by is the target's, whoever drafted it: beside another drafter it is told every round.
  [[nodiscard]] static constexpr bool learns_from_any() noexcept { return true; }

  template <class P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    fit(tree.vocab());
    learned_.clear();
    for (std::size_t i = result.path.size(); i-- > 0;) learn(tree[result.path[i]], rows, result.path[i]);
    for (std::size_t n = tree.size(); n-- > 0;) learn(tree[static_cast<node_id>(n)], rows, n);
  }

 private:
  void fit(std::size_t vocab) {
    if (successors_.size() != vocab * options_.k) successors_.assign(vocab * options_.k, no_token);
  }
  [[nodiscard]] std::span<token> successors(token t) noexcept {
    return std::span{successors_}.subspan(static_cast<std::size_t>(t) * options_.k, options_.k);
  }
  /// The first row of a token in a round counts.
  template <class P>
  void learn(token t, basic_rows_ref<P> rows, std::size_t n) {
    if (std::ranges::find(learned_, t) != learned_.end()) return;
    learned_.push_back(t);
    most_likely(rows[n], successors(t));
  }

  tree_shape shape_;
  recycling_options options_;
  std::vector<token> successors_;  // [vocab, k]
  std::vector<node_id> places_;    // of the tree's nodes in the shape
  std::vector<token> learned_;     // tokens whose rows were read in this round
  std::uint64_t run_ = 0;
};

}  // namespace hunch
