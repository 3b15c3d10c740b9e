// A model that is a table of exact probabilities: the backend of tests, and the smallest complete example of one.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/one_at_a_time.hpp>
#include <hunch/core/random.hpp>

namespace hunch::testing {

/// Writes the probabilities [vocab] of the token after `context`, which is never empty.
template <class P>
using toy_law = std::function<void(std::span<const token> context, std::span<P> row)>;

/// The same row whatever came before.
template <class P>
[[nodiscard]] toy_law<P> iid_law(std::vector<P> row) {
  return [row = std::move(row)](std::span<const token>, std::span<P> out) {
    std::copy(row.begin(), row.end(), out.begin());
  };
}

/// rows[t] after token t; `start` after the first token of a text, whichever it is (it stands for "^").
template <class P>
[[nodiscard]] toy_law<P> markov_law(std::vector<P> start, std::vector<std::vector<P>> rows) {
  return [start = std::move(start), rows = std::move(rows)](std::span<const token> context, std::span<P> out) {
    const auto& row = context.size() == 1 ? start : rows[static_cast<std::size_t>(context.back())];
    std::copy(row.begin(), row.end(), out.begin());
  };
}

/// Pseudo-random rows that depend on the last two tokens. `sharpness` 0: uniform; 8: one token has most of the mass.
template <class P>
[[nodiscard]] toy_law<P> hashed_law(std::uint64_t salt, double sharpness) {
  return [salt, sharpness](std::span<const token> context, std::span<P> out) {
    const auto last = static_cast<std::uint32_t>(context.back());
    const auto before = context.size() > 1 ? static_cast<std::uint32_t>(context[context.size() - 2]) : ~0u;
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto words = philox4x32({last, before, static_cast<std::uint32_t>(i), 0}, salt);
      out[i] = static_cast<P>(std::exp(sharpness * uniform01(words[0])));
      sum += static_cast<double>(out[i]);
    }
    for (P& x : out) x = static_cast<P>(static_cast<double>(x) / sum);
  };
}

/// What a backend was asked to do, for tests that count work.
struct toy_work {
  std::size_t opened = 0;
  std::size_t prefilled = 0;  ///< tokens
  std::size_t passes = 0;
  std::size_t rows = 0;
  std::size_t rewound = 0;  ///< calls
};

/// Logits are log p, so softmax gives the table back; probability 0 is -inf. The "cache" is the list of kept tokens.
///
/// Every broken calling contract is raised as hunch::error: the wrong tree.first, a prefill over pending nodes, a path
/// that is not parent to child, more tokens than the capacity, a full pass over nodes of a layer-skipping one.
/// Shapes: rows [fresh, vocab], owned by the sequence. A pass costs O(kept tokens) a node.
template <class P>
class basic_toy_backend {
 public:
  struct sequence {
    std::vector<token> kept;
    std::vector<token> tokens;     // pending nodes
    std::vector<node_id> parents;  // pending nodes
    bool skipped = false;          // the pending nodes come from a layer-skipping pass
    std::vector<P> rows;           // [fresh, vocab] of the last pass
  };

  basic_toy_backend(std::size_t vocab, toy_law<P> law, std::size_t capacity = 4096)
      : vocab_{vocab}, law_{std::move(law)}, capacity_{capacity} {}

  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_; }
  [[nodiscard]] sequence open() {
    const auto visit = alone_.enter();
    ++work_.opened;
    return {};
  }
  /// Kept and pending tokens both take room.
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept {
    return capacity_ - s.kept.size() - s.tokens.size();
  }
  void prefill(sequence& s, std::span<const token> tokens) {
    const auto visit = alone_.enter();
    expects(s.tokens.empty(), "prefill: nodes are pending; commit first");
    expects(tokens.size() <= room(s), "prefill: no room");
    for (const token t : tokens) check_token(t);
    s.kept.insert(s.kept.end(), tokens.begin(), tokens.end());
    work_.prefilled += tokens.size();
  }
  basic_matrix_view<P> forward(sequence& s, tree_view tree) {
    const auto visit = alone_.enter();
    run(s, tree, 0.0);
    return {s.rows.data(), tree.fresh(), vocab_};
  }
  void commit(sequence& s, std::span<const node_id> path) {
    const auto visit = alone_.enter();
    expects(path.empty() || !s.skipped, "commit: nodes of a layer-skipping pass can only be dropped");
    node_id before = no_node;
    for (const node_id n : path) {
      expects(n < s.tokens.size(), "commit: no such pending node");
      expects(s.parents[n] == std::exchange(before, n), "commit: the path must lead from the root, parent to child");
    }
    for (const node_id n : path) s.kept.push_back(s.tokens[n]);
    drop_pending(s);
  }

  // Refinements.
  void rewind(sequence& s, std::size_t n) {
    const auto visit = alone_.enter();
    expects(s.tokens.empty(), "rewind: nodes are pending; commit first");
    expects(n <= s.kept.size(), "rewind: fewer tokens are kept");
    s.kept.resize(n);
    ++work_.rewound;
  }
  [[nodiscard]] sequence fork(const sequence& s) {
    const auto visit = alone_.enter();
    expects(s.tokens.empty(), "fork: nodes are pending; commit first");
    ++work_.opened;
    sequence copy;
    copy.kept = s.kept;
    return copy;
  }
  [[nodiscard]] std::size_t layer_count() const noexcept { return 2; }
  /// Each skipped half of a layer mixes a quarter of the uniform law in; skipping all gives the uniform law.
  basic_matrix_view<P> forward(sequence& s, tree_view tree, layer_mask mask) {
    const auto visit = alone_.enter();
    expects(mask.empty() || mask.size() == layer_count(), "forward: one entry a layer");
    double left_out = 0;
    for (const skip m : mask) left_out += (skips(m, skip::attention) ? 0.25 : 0) + (skips(m, skip::mlp) ? 0.25 : 0);
    run(s, tree, left_out);
    return {s.rows.data(), tree.fresh(), vocab_};
  }
  basic_matrix_view<P> forward(std::span<const batch_entry<sequence>> work) {
    const auto visit = alone_.enter();
    expects(!work.empty(), "forward: an empty batch");
    std::vector<P> all;
    for (const auto& entry : work) {
      run(*entry.sequence, entry.tree, 0.0);
      all.insert(all.end(), entry.sequence->rows.begin(), entry.sequence->rows.end());
    }
    auto& rows = work.front().sequence->rows;
    rows = std::move(all);
    return {rows.data(), rows.size() / vocab_, vocab_};
  }
  /// The probabilities after a pending node: [vocab].
  [[nodiscard]] std::vector<float> hidden(const sequence& s, node_id n) const {
    expects(n < s.tokens.size(), "hidden: no such pending node");
    std::vector<P> row(vocab_);
    law_(context(s, n), row);
    return {row.begin(), row.end()};
  }

  // For tests.
  [[nodiscard]] const toy_law<P>& law() const noexcept { return law_; }
  [[nodiscard]] const toy_work& work() const noexcept { return work_; }
  void reset_work() noexcept { work_ = {}; }
  /// From now on the row after the token at `position` of a text holds `value` at index 0; heal() ends it.
  void poison(std::size_t position, P value = std::numeric_limits<P>::quiet_NaN()) {
    poisoned_ = position;
    poison_ = value;
  }
  void heal() noexcept { poisoned_.reset(); }

 private:
  static void expects(bool good, const char* what) {
    if (!good) raise(std::string{"toy_backend: "} + what);
  }
  void check_token(token t) const {
    expects(t >= 0 && static_cast<std::size_t>(t) < vocab_, "a token is outside of the vocabulary");
  }
  void check_tree(const sequence& s, tree_view tree, bool skipping) const {
    expects(tree.first == s.tokens.size(), "forward: tree.first must equal the number of pending nodes");
    expects(tree.fresh() > 0, "forward: no fresh node");
    expects(s.kept.size() + tree.size() <= capacity_, "forward: no room");
    expects(s.tokens.empty() || s.skipped == skipping, "forward: a full and a layer-skipping pass share no nodes");
    expects(tree.parents[0] == no_node && tree.depths[0] == 0, "forward: node 0 is the root");
    for (std::size_t i = 0; i < tree.size(); ++i) {
      check_token(tree.tokens[i]);
      if (i > 0) expects(tree.parents[i] < i, "forward: a parent comes before its children");
      if (i > 0) expects(tree.depths[i] == tree.depths[tree.parents[i]] + 1, "forward: depth = parent's depth + 1");
      if (i >= tree.first) continue;
      expects(tree.tokens[i] == s.tokens[i] && tree.parents[i] == s.parents[i], "forward: a pending node changed");
    }
  }
  void run(sequence& s, tree_view tree, double left_out) {
    check_tree(s, tree, left_out > 0);
    s.tokens.assign(tree.tokens.begin(), tree.tokens.end());
    s.parents.assign(tree.parents.begin(), tree.parents.end());
    s.skipped = left_out > 0;
    s.rows.resize(tree.fresh() * vocab_);
    for (std::size_t i = tree.first; i < tree.size(); ++i) {
      const std::span<P> row{s.rows.data() + (i - tree.first) * vocab_, vocab_};
      const auto before = context(s, static_cast<node_id>(i));
      law_(before, row);
      for (P& x : row) x = std::log(mix(x, left_out));
      if (poisoned_ && *poisoned_ + 1 == before.size()) row[0] = poison_;
    }
    ++work_.passes;
    work_.rows += tree.fresh();
  }
  [[nodiscard]] P mix(P x, double left_out) const {
    if (left_out == 0) return x;
    return static_cast<P>((1 - left_out) * static_cast<double>(x) + left_out / static_cast<double>(vocab_));
  }
  static void drop_pending(sequence& s) {
    s.tokens.clear();
    s.parents.clear();
    s.skipped = false;
  }
  /// Kept tokens and the path from the root to pending node n; valid until the next call.
  [[nodiscard]] std::span<const token> context(const sequence& s, node_id n) const {
    std::size_t depth = 0;
    for (node_id at = n; at != no_node; at = s.parents[at]) ++depth;
    context_.resize(s.kept.size() + depth);
    std::copy(s.kept.begin(), s.kept.end(), context_.begin());
    for (node_id at = n; at != no_node; at = s.parents[at]) context_[s.kept.size() + --depth] = s.tokens[at];
    return context_;
  }

  one_at_a_time alone_;
  std::size_t vocab_;
  toy_law<P> law_;
  std::size_t capacity_;
  toy_work work_;
  std::optional<std::size_t> poisoned_;
  P poison_{};
  mutable std::vector<token> context_;
};

using toy_backend = basic_toy_backend<float>;
using exact_backend = basic_toy_backend<double>;

static_assert(Rewindable<toy_backend> && Forkable<toy_backend> && LayerSkippable<toy_backend> &&
              BatchBackend<toy_backend> && HiddenStates<toy_backend>);

/// Any backend without its refinements: what only appends, like a recurrent model.
template <Backend B>
class append_only {
 public:
  using sequence = typename B::sequence;

  explicit append_only(B& inner) : inner_{&inner} {}
  [[nodiscard]] std::size_t vocab_size() const { return inner_->vocab_size(); }
  [[nodiscard]] sequence open() { return inner_->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return inner_->room(s); }
  void prefill(sequence& s, std::span<const token> tokens) { inner_->prefill(s, tokens); }
  auto forward(sequence& s, tree_view tree) { return inner_->forward(s, tree); }
  void commit(sequence& s, std::span<const node_id> path) { inner_->commit(s, path); }

 private:
  B* inner_;
};

static_assert(Backend<append_only<toy_backend>> && !Rewindable<append_only<toy_backend>>);

}  // namespace hunch::testing
