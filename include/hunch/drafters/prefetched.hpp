// A model that runs guesses of a cheaper drafter along with every pass: staged speculation for trees.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/drafters/first_of.hpp>

namespace hunch {

/// A Backend over `B` with the same rows in fewer passes. A pass also runs what `D` guesses below each new leaf; a node
/// that is asked for later and was guessed costs nothing. So any drafter over it, chain or tree, is staged: its draws
/// and its q rows are the model's own, exactly, and nothing inner needs to be verified.
///
///   prefetched mid{model, with_length(prompt_lookup(2), fixed_length{4})};
///   auto decoder = speculate(target, gumbel_top_k(mid, warp, {3, 2, 1}), traversal(warp));
///
/// Against `staged`: trees instead of chains. A guess is of use as often as the model draws that very token; where the
/// inner drafter draws from a law of its own, `staged` accepts more often.
/// Cost: a copy of each row that ran; guesses take room in the model's cache until the next commit.
/// Source: Spector & Re (2023), section 3, where the middle model's tree is filled by the smallest one.
template <Backend B, class D>
class prefetched {
 public:
  using scalar = logit_t<B>;

  struct sequence {
    typename B::sequence inner;
    std::vector<token> kept;
    basic_draft_tree<scalar> ran;     // pending in `inner`: what was asked for, and guesses
    std::size_t nodes = 0;            // of `ran`; 0: nothing is pending
    std::vector<scalar> rows;         // [nodes, vocab]
    std::vector<node_id> places;      // of the nodes that were asked for, in `ran`
    std::vector<std::size_t> answer;  // rows of the last call, in `rows`
  };

  /// Rows of nodes that ran in different passes.
  struct rows_type {
    const scalar* data = nullptr;
    std::span<const std::size_t> places{};
    std::size_t cols = 0;

    [[nodiscard]] std::size_t size() const noexcept { return places.size(); }
    [[nodiscard]] std::span<const scalar> operator[](std::size_t i) const noexcept {
      return {data + places[i] * cols, cols};
    }
  };

  /// `nodes`: most nodes of a pass that are guesses.
  prefetched(B& model, D guesser, std::size_t nodes = 16)
      : model_{&model}, guesser_{std::move(guesser)}, most_guesses_{nodes}, guesses_{model.vocab_size()} {
    detail::check_one_vocabulary("prefetched", model, guesser_);
  }

  [[nodiscard]] std::size_t vocab_size() const { return model_->vocab_size(); }
  [[nodiscard]] sequence open() {
    return {model_->open(), {}, basic_draft_tree<scalar>{model_->vocab_size()}, 0, {}, {}, {}};
  }
  [[nodiscard]] std::size_t room(const sequence& s) const { return model_->room(s.inner); }
  void prefill(sequence& s, std::span<const token> tokens) {
    model_->prefill(s.inner, tokens);
    s.kept.insert(s.kept.end(), tokens.begin(), tokens.end());
  }
  rows_type forward(sequence& s, tree_view tree) {
    s.answer.clear();
    s.places.resize(tree.first);
    for (node_id n = static_cast<node_id>(tree.first); n < tree.size(); ++n) s.places.push_back(place_of(s, tree, n));
    if (s.ran.size() > s.nodes) run(s);
    for (std::size_t n = tree.first; n < tree.size(); ++n) s.answer.push_back(s.places[n]);
    return {s.rows.data(), s.answer, vocab_size()};
  }
  void commit(sequence& s, std::span<const node_id> path) {
    path_.clear();
    for (const node_id n : path) path_.push_back(s.places[n]);
    model_->commit(s.inner, path_);
    for (const node_id n : path_) s.kept.push_back(s.ran[n]);
    s.nodes = 0;
    s.places.clear();
  }
  void rewind(sequence& s, std::size_t n) requires Rewindable<B> {
    model_->rewind(s.inner, n);
    s.kept.resize(n);
  }

 private:
  /// The node of s.ran that is node n of the tree, added if it is new.
  static node_id place_of(sequence& s, tree_view tree, node_id n) {
    if (n == 0) {
      if (s.nodes == 0) s.ran.reset(tree.tokens[0]);
      return 0;
    }
    const node_id parent = s.places[tree.parents[n]];
    const node_id known = s.ran.child_with(parent, tree.tokens[n]);
    return known != no_node ? known : s.ran.add(parent, tree.tokens[n]);
  }
  /// Runs the new nodes of s.ran, and guesses below those that are leaves.
  void run(sequence& s) {
    const auto asked = static_cast<node_id>(s.ran.size());
    for (auto n = static_cast<node_id>(s.nodes); n < asked; ++n)
      if (s.ran.first_child(n) == no_node) guess(s, n, asked);
    const auto rows = model_->forward(s.inner, s.ran.view(s.nodes));
    s.rows.resize(s.ran.size() * vocab_size());
    for (std::size_t i = s.nodes; i < s.ran.size(); ++i)
      std::copy_n(rows[i - s.nodes].data(), vocab_size(),
                  s.rows.begin() + static_cast<std::ptrdiff_t>(i * vocab_size()));
    s.nodes = s.ran.size();
  }
  void guess(sequence& s, node_id leaf, node_id asked) {
    const std::size_t taken = s.ran.size() - asked;
    const std::size_t free = model_->room(s.inner) - std::min(model_->room(s.inner), s.ran.size() - s.nodes);
    const std::size_t most = std::min(most_guesses_ - std::min(taken, most_guesses_), free);
    if (most == 0) return;
    // The text up to the leaf stands behind the kept tokens for the time of the call: no copy of a long text.
    const std::size_t kept = s.kept.size();
    s.kept.resize(kept + s.ran.depth(leaf) + 1);
    for (node_id n = leaf; n != no_node; n = s.ran.parent(n)) s.kept[kept + s.ran.depth(n)] = s.ran[n];
    guesses_.reset(s.kept.back());
    decode_context ctx;
    ctx.text = s.kept;
    ctx.budget = most + 1;
    ctx.max_depth = static_cast<std::uint32_t>(most);
    guesser_.propose(ctx, guesses_);
    s.kept.resize(kept);
    places_.assign(1, leaf);
    for (node_id n = 1; n < guesses_.size() && n <= most; ++n)
      places_.push_back(s.ran.add(places_[guesses_.parent(n)], guesses_[n]));
  }

  B* model_;
  D guesser_;
  std::size_t most_guesses_;
  basic_draft_tree<scalar> guesses_;  // of one leaf
  std::vector<node_id> places_;       // of guesses_'s nodes in `ran`
  std::vector<node_id> path_;
};

}  // namespace hunch
