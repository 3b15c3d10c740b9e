// What a drafter and a verifier are told, and what a verification returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hunch/core/draft_tree.hpp>
#include <hunch/core/random.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// One round as its parts see it. `text` is all there is: drafters are functions of it.
template <class R>
struct basic_context {
  std::span<const token> text{};         ///< whole text, never empty; text.back() is the root
  std::size_t budget = 1;                ///< most nodes that the target takes in this round, root included
  std::uint32_t max_depth = 0;           ///< deepest node that can still be emitted
  std::span<const token> end_of_text{};  ///< tokens that end a text; drafting past one is wasted
  std::uint64_t run = 0;                 ///< equal non-zero runs: the text has only grown since; 0: nothing is known
  R random{};
  std::uint64_t round = 0;       ///< of its draws; 0: the text's length, which no other round of this text has
  std::uint32_t first_site = 0;  ///< rounds nested in one round draw at nodes of their own, from here on

  /// Absolute position of a node's token.
  [[nodiscard]] std::uint64_t position(std::uint32_t depth) const noexcept { return text.size() - 1 + depth; }
  [[nodiscard]] draw_site site(node_id n) const noexcept { return {round != 0 ? round : text.size(), first_site + n}; }
};

using decode_context = basic_context<philox>;

/// The tokens before the one that a row decides about: the text and the path from the root to a node.
/// Warpers read it for penalties and biases.
struct prefix_view {
  std::span<const token> text;  // ends with the root
  tree_view tree;
  node_id node = 0;

  [[nodiscard]] std::size_t size() const noexcept { return text.size() + tree.depths[node]; }
  /// Calls f with each drafted token of the path, deepest first.
  template <class F>
  void for_each_drafted(F f) const {
    for (node_id n = node; tree.parents[n] != no_node; n = tree.parents[n]) f(tree.tokens[n]);
  }
};

/// Result of one verification.
template <class P>
struct basic_verdict {
  std::vector<node_id> path;  ///< accepted nodes, root first; never empty after a verification
  token next = no_token;      ///< correction or bonus token; no_token: the rows were not usable (NaN, no mass)
  std::size_t tested = 0;     ///< drafts that were decided about; those behind a rejection were not
  std::vector<P> laws;  ///< scratch [path, vocab]: warped target law of each node on the path, if the verifier has it
  std::vector<P> residual;   ///< scratch [vocab]
  std::vector<P> draft_law;  ///< scratch [vocab]

  [[nodiscard]] std::size_t accepted() const noexcept { return path.size() - 1; }
  void reset() {
    path.assign(1, 0);
    next = no_token;
    tested = 0;
  }
};

using verdict = basic_verdict<float>;

}  // namespace hunch
