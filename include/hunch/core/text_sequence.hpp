// A sequence that follows a text: brings a KV cache to any text with the least work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/pass.hpp>

namespace hunch {

/// The tokens that a KV cache keeps, and the nodes that are pending in it.
class cache_mirror {
 public:
  /// What leads to text[0, n - 1) with nothing pending. Pending nodes that the text took are kept.
  /// Cost: O(n) comparisons of tokens. Valid until the next call of a member.
  [[nodiscard]] kv_plan plan(std::span<const token> text) {
    HUNCH_EXPECTS(!text.empty(), "a text has at least one token");
    const auto want = text.first(text.size() - 1);
    const auto end = std::mismatch(kept_.begin(), kept_.end(), want.begin(), want.end()).first;
    const auto same = static_cast<std::size_t>(end - kept_.begin());
    path_.clear();
    if (same == kept_.size()) find_path(want.subspan(same));
    return {same, path_, want.subspan(same + path_.size())};
  }

  /// The first two parts of a plan were carried out.
  void settle(const kv_plan& plan) {
    kept_.resize(plan.keep);
    for (const node_id n : plan.move) kept_.push_back(tokens_[n]);
    drop_pending();
  }
  void append(std::span<const token> tokens) { kept_.insert(kept_.end(), tokens.begin(), tokens.end()); }
  /// A pass ran: all nodes of the tree are pending.
  void run(tree_view tree) {
    tokens_.assign(tree.tokens.begin(), tree.tokens.end());
    parents_.assign(tree.parents.begin(), tree.parents.end());
  }
  void drop_pending() noexcept {
    tokens_.clear();
    parents_.clear();
  }
  void truncate(std::size_t n) { kept_.resize(std::min(n, kept_.size())); }

  [[nodiscard]] std::span<const token> kept() const noexcept { return kept_; }
  [[nodiscard]] std::size_t pending() const noexcept { return tokens_.size(); }

 private:
  /// The longest pending path that `rest` spells.
  void find_path(std::span<const token> rest) {
    node_id at = no_node;
    for (const token t : rest) {
      const node_id hit = find_child(at, t);
      if (hit == no_node) return;
      path_.push_back(at = hit);
    }
  }
  [[nodiscard]] node_id find_child(node_id parent, token t) const noexcept {
    for (node_id i = parent == no_node ? 0 : parent + 1; i < tokens_.size(); ++i)
      if (parents_[i] == parent && tokens_[i] == t) return i;
    return no_node;
  }

  std::vector<token> kept_;
  std::vector<token> tokens_;     // pending nodes
  std::vector<node_id> parents_;  // pending nodes
  std::vector<node_id> path_;     // the plan's
};

/// Hides commit, rollback, prefill and restart behind one verb, `sync`, so that they cannot be called in a wrong order
/// and any drafter with a cache can sit inside any other.
template <Model B>
class text_sequence {
 public:
  explicit text_sequence(B& backend) : backend_{&backend}, sequence_{backend.open()} {}

  /// After: the cache holds text[0, n - 1) and nothing is pending; the root text[n - 1] is what a forward starts with.
  /// Returns false, with the cache as far as it goes, when that does not leave room for the root.
  /// Cost: O(n) comparisons of tokens; a pass over what is missing. Pending nodes that the text took are kept.
  bool sync(std::span<const token> text) {
    kv_plan plan = mirror_.plan(text);
    if (plan.keep < mirror_.kept().size()) {
      drop_pending();
      rewind(plan.keep);
      plan = mirror_.plan(text);
    } else if (mirror_.pending() > 0) {
      backend_->commit(sequence_, plan.move);
      mirror_.settle(plan);
    }
    if (plan.append.size() >= room()) return false;
    if (!plan.append.empty()) {
      backend_->prefill(sequence_, plan.append);
      mirror_.append(plan.append);
    }
    return true;
  }

  /// The pass that runs the nodes [first, size) of `tree` after `text`, for `run`; nothing when it has no room. Where
  /// first is 0 the cache is brought to the text.
  template <class P>
  [[nodiscard]] std::optional<pass> want(std::span<const token> text, const basic_draft_tree<P>& tree,
                                         std::size_t first = 0, layer_mask skipped = {}) {
    if ((first == 0 && !sync(text)) || room() < tree.size() - first) return std::nullopt;
    return pass{0, std::nullopt, tree.view(first), skipped};
  }
  /// A pass that throws leaves pending what was pending before.
  [[nodiscard]] auto run(const pass& wanted) {
    auto rows = forward_pass(wanted);
    mirror_.run(wanted.tree);
    return rows;
  }

  /// Runs the nodes [first, size) of `tree`, without the sub-layers of `skipped`. See Backend::forward.
  template <class P>
  [[nodiscard]] auto forward(const basic_draft_tree<P>& tree, std::size_t first = 0, layer_mask skipped = {}) {
    return run(pass{0, std::nullopt, tree.view(first), skipped});
  }

  /// The backend ran the first `nodes` nodes of the tree by itself (ChainBackend): they are pending.
  template <class P>
  void ran(const basic_draft_tree<P>& tree, std::size_t nodes) {
    const tree_view all = tree.view();
    mirror_.run({all.tokens.first(nodes), all.parents.first(nodes), all.depths.first(nodes)});
  }

  /// Notes the tree as pending and returns what to hand to a batched pass.
  template <class P>
  [[nodiscard]] batch_entry<typename B::sequence> stage(const basic_draft_tree<P>& tree, std::size_t first = 0) {
    mirror_.run(tree.view());
    return {&sequence_, tree.view(first)};
  }

  /// Keeps the pending nodes on `path` (root first).
  void commit(std::span<const node_id> path) {
    backend_->commit(sequence_, path);
    mirror_.settle({mirror_.kept().size(), path, {}});
  }
  void drop_pending() {
    if (mirror_.pending() > 0) commit({});
  }
  [[nodiscard]] std::size_t room() const { return backend_->room(sequence_); }
  [[nodiscard]] std::size_t vocab_size() const { return backend_->vocab_size(); }
  [[nodiscard]] std::span<const token> cached() const noexcept { return mirror_.kept(); }
  [[nodiscard]] B& backend() const noexcept { return *backend_; }
  [[nodiscard]] typename B::sequence& sequence() noexcept { return sequence_; }

 private:
  [[nodiscard]] auto forward_pass(const pass& wanted) {
    if constexpr (LayerSkippable<B>) {
      if (!wanted.skipped.empty()) return backend_->forward(sequence_, wanted.tree, wanted.skipped);
    }
    HUNCH_EXPECTS(wanted.skipped.empty(), "only a LayerSkippable backend leaves layers out");
    return backend_->forward(sequence_, wanted.tree);
  }
  void rewind(std::size_t n) {
    if constexpr (Rewindable<B>) {
      backend_->rewind(sequence_, n);
    } else {
      sequence_ = backend_->open();
      n = 0;
    }
    mirror_.truncate(n);
  }

  B* backend_;
  typename B::sequence sequence_;
  cache_mirror mirror_;
};

/// The same for a model that the host runs: `want` is all plan and no act, `supplied` says that it was carried out.
template <class P>
class text_sequence<basic_hosted_model<P>> {
 public:
  explicit text_sequence(const basic_hosted_model<P>& model) : model_{model} {}

  /// A pass that was wanted and not supplied counts as failed: the host's cache then holds the tokens that its plan
  /// kept, and whatever is behind them goes with the next plan.
  [[nodiscard]] std::optional<pass> want(std::span<const token> text, const basic_draft_tree<P>& tree,
                                         std::size_t first = 0, layer_mask skipped = {}) {
    if (first == 0) {
      give_up();
      kv_plan plan = mirror_.plan(text);
      if (!model_.rewindable && plan.keep < mirror_.kept().size()) {
        mirror_ = {};
        plan = mirror_.plan(text);
      }
      if (plan.size() + tree.size() > model_.capacity) return std::nullopt;
      wanted_ = pass{model_.id, plan, tree.view(), skipped, model_.vocab};
    } else {
      if (mirror_.kept().size() + tree.size() > model_.capacity) return std::nullopt;
      wanted_ = pass{model_.id, std::nullopt, tree.view(first), skipped, model_.vocab};
    }
    return wanted_;
  }
  /// The wanted pass ran.
  void supplied() {
    HUNCH_EXPECTS(wanted_.has_value(), "no pass is waiting for rows");
    if (wanted_->cache) {
      mirror_.settle(*wanted_->cache);
      mirror_.append(wanted_->cache->append);
    }
    mirror_.run(wanted_->tree);
    wanted_.reset();
  }
  /// Forgets a pass that will not be supplied.
  void give_up() {
    if (!wanted_) return;
    if (wanted_->cache) mirror_.truncate(wanted_->cache->keep);
    mirror_.drop_pending();
    wanted_.reset();
  }
  /// Forgets all but the first n tokens: the next plan counts neither on those behind them nor on pending nodes.
  void keep_at_most(std::size_t n) {
    mirror_.drop_pending();
    mirror_.truncate(n);
  }
  /// The plan that keeps the pending nodes on `path`. The host carries it out before the next pass.
  [[nodiscard]] kv_plan commit(std::span<const node_id> path) {
    const kv_plan plan{mirror_.kept().size(), path, {}};
    mirror_.settle(plan);
    return plan;
  }

  /// Nodes that a pass after `text` may have; 0: not even the root.
  [[nodiscard]] std::size_t room_after(std::span<const token> text) const noexcept {
    return text.size() > model_.capacity ? 0 : model_.capacity - (text.size() - 1);
  }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return model_.vocab; }
  [[nodiscard]] std::span<const token> cached() const noexcept { return mirror_.kept(); }

 private:
  basic_hosted_model<P> model_;
  cache_mirror mirror_;
  std::optional<pass> wanted_;
};

}  // namespace hunch
