// A backend sequence that follows a text: brings the cache to any text with the least work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/draft_tree.hpp>

namespace hunch {

/// Hides commit, rollback, prefill and restart behind one verb, `sync`, so that they cannot be called in a wrong order
/// and any drafter with a cache can sit inside any other.
template <Backend B>
class text_sequence {
 public:
  explicit text_sequence(B& backend) : backend_{&backend}, sequence_{backend.open()} {}

  /// After: the cache holds text[0, n - 1) and nothing is pending; the root text[n - 1] is what a forward starts with.
  /// Returns false, with the cache as far as it goes, when that does not leave room for the root.
  /// Cost: O(n) comparisons of tokens; a pass over what is missing. Pending nodes that the text took are kept.
  bool sync(std::span<const token> text) {
    HUNCH_EXPECTS(!text.empty(), "a text has at least one token");
    const auto want = text.first(text.size() - 1);
    const auto end = std::mismatch(cached_.begin(), cached_.end(), want.begin(), want.end()).first;
    const auto same = static_cast<std::size_t>(end - cached_.begin());
    if (same < cached_.size()) {
      drop_pending();
      rewind(same);
    } else {
      keep_pending(want.subspan(same));
    }
    const auto missing = want.subspan(cached_.size());
    if (missing.size() >= room()) return false;
    if (!missing.empty()) {
      backend_->prefill(sequence_, missing);
      cached_.insert(cached_.end(), missing.begin(), missing.end());
    }
    return true;
  }

  /// Runs the nodes [first, size) of `tree`; `extra` goes to the backend (a layer mask). See Backend::forward.
  /// A pass that throws leaves pending what was pending before.
  template <class P, class... Extra>
  [[nodiscard]] auto forward(const basic_draft_tree<P>& tree, std::size_t first = 0, Extra... extra) {
    auto rows = backend_->forward(sequence_, tree.view(first), extra...);
    note_pending(tree);
    return rows;
  }

  /// Notes the tree as pending and returns what to hand to a batched pass.
  template <class P>
  [[nodiscard]] batch_entry<typename B::sequence> stage(const basic_draft_tree<P>& tree, std::size_t first = 0) {
    note_pending(tree);
    return {&sequence_, tree.view(first)};
  }

  /// Keeps the pending nodes on `path` (root first).
  void commit(std::span<const node_id> path) {
    backend_->commit(sequence_, path);
    for (const node_id n : path) cached_.push_back(tokens_[n]);
    tokens_.clear();
    parents_.clear();
  }
  void drop_pending() {
    if (!tokens_.empty()) commit({});
  }

  [[nodiscard]] std::size_t room() const { return backend_->room(sequence_); }
  [[nodiscard]] std::span<const token> cached() const noexcept { return cached_; }
  [[nodiscard]] B& backend() const noexcept { return *backend_; }
  [[nodiscard]] typename B::sequence& sequence() noexcept { return sequence_; }

 private:
  template <class P>
  void note_pending(const basic_draft_tree<P>& tree) {
    const tree_view view = tree.view();
    tokens_.assign(view.tokens.begin(), view.tokens.end());
    parents_.assign(view.parents.begin(), view.parents.end());
  }
  /// Keeps the longest pending path that `rest` spells, drops the others.
  void keep_pending(std::span<const token> rest) {
    if (tokens_.empty()) return;
    path_.clear();
    node_id at = no_node;
    for (const token t : rest) {
      const auto hit = find_child(at, t);
      if (hit == no_node) break;
      path_.push_back(at = hit);
    }
    commit(path_);
  }
  [[nodiscard]] node_id find_child(node_id parent, token t) const noexcept {
    for (node_id i = parent == no_node ? 0 : parent + 1; i < tokens_.size(); ++i)
      if (parents_[i] == parent && tokens_[i] == t) return i;
    return no_node;
  }
  void rewind(std::size_t n) {
    if constexpr (Rewindable<B>) {
      backend_->rewind(sequence_, n);
    } else {
      sequence_ = backend_->open();
      n = 0;
    }
    cached_.resize(n);
  }

  B* backend_;
  typename B::sequence sequence_;
  std::vector<token> cached_;     // tokens in the cache
  std::vector<token> tokens_;     // pending nodes
  std::vector<node_id> parents_;  // pending nodes
  std::vector<node_id> path_;
};

}  // namespace hunch
