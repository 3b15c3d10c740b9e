// A model without some of its layers, as a draft model of its own.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>
#include <hunch/drafters/skip_search.hpp>

namespace hunch {

/// A Backend over `B` whose passes leave sub-layers out: a draft model without a second file, for any drafter, trees
/// included. Its sequences are its own; the weights are the target's.
///
///   skipping draft{target, spread_skips(target.layer_count(), 0.1)};
///   auto decoder = speculate(target, best_first(draft, warp, 24), traversal(warp));
///
/// What is kept runs in full, so drafts look back on what the target saw; pending nodes look back on each other as the
/// passes left them. Against `swift`: any drafter instead of a chain, for a second cache and a full pass over what was
/// kept. No sub-layer left out: `B` itself.
/// Source: Zhang et al., "Draft & Verify" (2024): a fixed set of sub-layers.
template <LayerSkippable B>
class skipping {
 public:
  struct sequence {
    typename B::sequence inner;
    std::vector<token> pending{};
  };

  skipping(B& model, skip_set skipped) : model_{&model}, skipped_{std::move(skipped)} {
    if (skipped_.layers() != model.layer_count())
      raise("hunch: skipping needs a set for as many layers as the model has");
  }

  [[nodiscard]] std::size_t vocab_size() const { return model_->vocab_size(); }
  [[nodiscard]] sequence open() { return {model_->open()}; }
  [[nodiscard]] std::size_t room(const sequence& s) const { return model_->room(s.inner); }
  void prefill(sequence& s, std::span<const token> tokens) { model_->prefill(s.inner, tokens); }
  [[nodiscard]] auto forward(sequence& s, tree_view tree) {
    s.pending.assign(tree.tokens.begin(), tree.tokens.end());
    return skipped_.size() == 0 ? model_->forward(s.inner, tree) : model_->forward(s.inner, tree, skipped_.mask());
  }
  void commit(sequence& s, std::span<const node_id> path) {
    if (skipped_.size() == 0) return model_->commit(s.inner, path);
    model_->commit(s.inner, {});
    kept_.clear();
    for (const node_id n : path) kept_.push_back(s.pending[n]);
    if (!kept_.empty()) model_->prefill(s.inner, kept_);
  }
  void rewind(sequence& s, std::size_t n) requires Rewindable<B> { model_->rewind(s.inner, n); }

 private:
  B* model_;
  skip_set skipped_;
  std::vector<token> kept_;
};

}  // namespace hunch
