// The laws of a backend, checked on any type: needs no test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/random.hpp>

namespace hunch::testing {

struct backend_law_options {
  std::uint64_t seed = 1;
  std::size_t rounds = 6;       ///< random texts and trees to try
  std::size_t prefix = 12;      ///< longest kept text
  std::size_t nodes = 10;       ///< largest tree
  double tolerance = 0;         ///< largest difference of two logits; 0: the same bits
  std::vector<token> tokens{};  ///< texts are made of these; empty: of the whole vocabulary
};

namespace detail {

template <class B>
class backend_check {
 public:
  using P = logit_t<B>;
  using tree_type = basic_draft_tree<P>;
  using sequence = typename B::sequence;
  using rows_type = std::vector<std::vector<P>>;

  backend_check(B& backend, backend_law_options options)
      : backend_{backend}, vocab_{backend.vocab_size()}, options_{std::move(options)} {}

  std::vector<std::string> run() {
    for (round_ = 0; round_ < options_.rounds; ++round_) {
      prefix_ = random_text(round_ == 0 ? 0 : below(options_.prefix + 1));
      tree_type tree = random_tree(1 + below(options_.nodes));
      tree_type next = random_tree(1 + below(options_.nodes));
      tree_rows_are_chain_rows(tree);
      commit_is_prefill(tree, next);
      dropping_leaves_no_trace(tree, next);
      prefill_in_any_chunks(next);
      rows_live_until_the_next_pass(tree, next);
      room_is_exact(tree);
      if constexpr (Rewindable<B>) rewind_is_a_shorter_text(tree, next);
      if constexpr (Forkable<B>) fork_is_a_copy(tree, next);
      if constexpr (LayerSkippable<B>) skipping_leaves_no_trace(tree, next);
      if constexpr (BatchBackend<B>) batch_is_one_by_one(tree, next);
      if constexpr (HiddenStates<B>) hidden_states_are_those_of_chains(tree);
    }
    return violations_;
  }

 private:
  // B1
  void tree_rows_are_chain_rows(const tree_type& tree) {
    sequence all = open();
    const rows_type rows = pass(all, tree);
    for (node_id n = 0; n < tree.size(); ++n) {
      sequence alone = open();
      same("B1: the row of a tree's node", rows[n], pass(alone, chain_to(tree, n)).back(), n);
    }
    if (tree.size() < 2) return;
    const std::size_t cut = 1 + below(tree.size() - 1);
    sequence twice = open();
    rows_type parts = pass(twice, first_nodes(tree, cut));
    for (auto& row : pass(twice, tree, cut)) parts.push_back(std::move(row));
    same("B1: rows of a tree that was run in two parts", parts, rows);
  }
  // B2
  void commit_is_prefill(const tree_type& tree, const tree_type& next) {
    const auto path = path_to(tree, static_cast<node_id>(below(tree.size())));
    sequence committed = open();
    (void)pass(committed, tree);
    backend_.commit(committed, path);
    same("B2: rows after commit(path)", pass(committed, next), fresh_rows(path_tokens(tree, path), next));
  }
  // B3
  void dropping_leaves_no_trace(const tree_type& tree, const tree_type& next) {
    sequence s = open();
    (void)pass(s, tree);
    backend_.commit(s, {});
    same("B3: rows after commit({})", pass(s, next), fresh_rows({}, next));
  }
  void rewind_is_a_shorter_text(const tree_type& tree, const tree_type& next) {
    const std::vector<token> whole = prefix_;
    sequence s = open();
    (void)pass(s, tree);
    backend_.commit(s, path_to(tree, static_cast<node_id>(tree.size() - 1)));
    prefix_.resize(below(prefix_.size() + 1));
    backend_.rewind(s, prefix_.size());
    same("B3: rows after rewind(n)", pass(s, next), fresh_rows({}, next));
    prefix_ = whole;
  }
  // B4
  void prefill_in_any_chunks(const tree_type& next) {
    const rows_type whole = fresh_rows({}, next);
    sequence chunks = backend_.open();
    for (std::size_t done = 0; done < prefix_.size();) {
      const std::size_t n = 1 + below(prefix_.size() - done);
      backend_.prefill(chunks, std::span<const token>{prefix_}.subspan(done, n));
      done += n;
    }
    same("B4: rows after a prefill in chunks", pass(chunks, next), whole);
    sequence decoded = backend_.open();
    const node_id root[] = {0};
    for (const token t : prefix_) {
      tree_type one{vocab_};
      one.reset(t);
      (void)pass(decoded, one);
      backend_.commit(decoded, root);
    }
    same("B4: rows after a text that was decoded token by token", pass(decoded, next), whole);
  }
  void rows_live_until_the_next_pass(const tree_type& tree, const tree_type& next) {
    sequence mine = open();
    const auto rows = backend_.forward(mine, tree.view());
    const rows_type before = copy(rows);
    sequence other = open();
    (void)pass(other, next);
    same("rows, while another sequence runs,", copy(rows), before);
  }
  void batch_is_one_by_one(const tree_type& tree, const tree_type& next) {
    sequence a = open();
    sequence b = backend_.open();
    const batch_entry<sequence> work[] = {{&a, tree.view()}, {&b, next.view()}};
    const rows_type rows = copy(backend_.forward(std::span<const batch_entry<sequence>>{work}));
    rows_type alone = fresh_rows({}, tree);
    sequence empty = backend_.open();
    for (auto& row : pass(empty, next)) alone.push_back(std::move(row));
    same("B4: rows of a batch", rows, alone);
  }
  void room_is_exact(const tree_type& tree) {
    sequence s = backend_.open();
    const std::size_t all = backend_.room(s);
    backend_.prefill(s, prefix_);
    expects(backend_.room(s) + prefix_.size() == all, "room: a prefill of n tokens must take n");
    (void)pass(s, tree);
    expects(backend_.room(s) + prefix_.size() + tree.size() <= all, "room: pending nodes take room");
    const auto path = path_to(tree, static_cast<node_id>(tree.size() - 1));
    backend_.commit(s, path);
    expects(backend_.room(s) + prefix_.size() + path.size() == all, "room: commit must give back the dropped nodes");
  }
  void fork_is_a_copy(const tree_type& tree, const tree_type& next) {
    sequence original = open();
    sequence copied = backend_.fork(original);
    (void)pass(original, tree);
    backend_.commit(original, path_to(tree, static_cast<node_id>(tree.size() - 1)));
    same("fork: rows of the copy", pass(copied, next), fresh_rows({}, next));
    const auto path = path_to(tree, static_cast<node_id>(tree.size() - 1));
    backend_.commit(copied, {});
    same("fork: rows of the original", pass(original, next), fresh_rows(path_tokens(tree, path), next));
  }
  void skipping_leaves_no_trace(const tree_type& tree, const tree_type& next) {
    const std::vector<skip> none(backend_.layer_count(), skip::none);
    const std::vector<skip> some(backend_.layer_count(), skip::both);
    sequence s = open();
    same("skip: rows of an empty mask", copy(backend_.forward(s, tree.view(), layer_mask{})), fresh_rows({}, tree));
    backend_.commit(s, {});
    same("skip: rows of a mask that skips nothing", copy(backend_.forward(s, tree.view(), layer_mask{none})),
         fresh_rows({}, tree));
    backend_.commit(s, {});
    (void)backend_.forward(s, tree.view(), layer_mask{some});
    backend_.commit(s, {});
    same("skip: full rows after a skipping pass", pass(s, next), fresh_rows({}, next));
  }
  void hidden_states_are_those_of_chains(const tree_type& tree) {
    sequence all = open();
    (void)pass(all, tree);
    for (node_id n = 0; n < tree.size(); ++n) {
      sequence alone = open();
      const tree_type chain = chain_to(tree, n);
      (void)pass(alone, chain);
      const auto mine = backend_.hidden(all, n);
      const auto theirs = backend_.hidden(alone, static_cast<node_id>(chain.size() - 1));
      bool equal = mine.size() == theirs.size();
      for (std::size_t i = 0; equal && i < mine.size(); ++i)
        equal = close(static_cast<double>(mine[i]), static_cast<double>(theirs[i]));
      expects(equal, "B1: the hidden state of a tree's node must be that of its chain alone");
    }
  }

  // Building blocks.
  std::size_t below(std::size_t n) {
    return philox4x32({static_cast<std::uint32_t>(drawn_++), 0, 0, 0}, options_.seed)[0] % n;
  }
  token random_token() {
    if (options_.tokens.empty()) return static_cast<token>(below(vocab_));
    return options_.tokens[below(options_.tokens.size())];
  }
  std::vector<token> random_text(std::size_t n) {
    std::vector<token> text(n);
    for (token& t : text) t = random_token();
    return text;
  }
  tree_type random_tree(std::size_t nodes) {
    tree_type tree{vocab_};
    tree.reset(random_token());
    for (std::size_t tries = 0; tree.size() < nodes && tries < 8 * nodes; ++tries) {
      const std::size_t back = std::min(tree.size(), 1 + below(4));
      const auto parent = static_cast<node_id>(tree.size() - back);
      const token t = random_token();
      if (tree.child_with(parent, t) == no_node) tree.add(parent, t);
    }
    return tree;
  }
  static std::vector<node_id> path_to(const tree_type& tree, node_id n) {
    std::vector<node_id> path;
    for (; n != no_node; n = tree.parent(n)) path.push_back(n);
    std::reverse(path.begin(), path.end());
    return path;
  }
  static std::vector<token> path_tokens(const tree_type& tree, const std::vector<node_id>& path) {
    std::vector<token> tokens;
    for (const node_id n : path) tokens.push_back(tree[n]);
    return tokens;
  }
  tree_type chain_to(const tree_type& tree, node_id n) const {
    tree_type chain{vocab_};
    chain.reset(tree[0]);
    for (const node_id at : path_to(tree, n))
      if (at != 0) chain.add(static_cast<node_id>(chain.size() - 1), tree[at]);
    return chain;
  }
  tree_type first_nodes(const tree_type& tree, std::size_t n) const {
    tree_type part{vocab_};
    part.reset(tree[0]);
    for (node_id i = 1; i < n; ++i) part.add(tree.parent(i), tree[i]);
    return part;
  }
  sequence open() {
    sequence s = backend_.open();
    if (!prefix_.empty()) backend_.prefill(s, prefix_);
    return s;
  }
  template <class Rows>
  static rows_type copy(const Rows& rows) {
    rows_type out(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) out[i].assign(rows[i].data(), rows[i].data() + rows[i].size());
    return out;
  }
  rows_type pass(sequence& s, const tree_type& tree, std::size_t first = 0) {
    const rows_type rows = copy(backend_.forward(s, tree.view(first)));
    expects(rows.size() == tree.size() - first, "forward: one row per fresh node");
    for (const auto& row : rows) expects(row.size() == vocab_, "forward: a row has vocab_size() logits");
    return rows;
  }
  /// Rows of `tree` after the prefix and `more`, in a new sequence.
  rows_type fresh_rows(const std::vector<token>& more, const tree_type& tree) {
    std::vector<token> text = prefix_;
    text.insert(text.end(), more.begin(), more.end());
    sequence s = backend_.open();
    if (!text.empty()) backend_.prefill(s, text);
    return pass(s, tree);
  }

  [[nodiscard]] bool close(double a, double b) const { return a == b || std::abs(a - b) <= options_.tolerance; }
  void same(const char* what, const rows_type& got, const rows_type& want) {
    expects(got.size() == want.size(), std::string{what} + ": not as many rows as expected");
    for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) same(what, got[i], want[i], i);
  }
  void same(const char* what, const std::vector<P>& got, const std::vector<P>& want, std::size_t row) {
    for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
      if (close(static_cast<double>(got[i]), static_cast<double>(want[i]))) continue;
      std::ostringstream line;
      line.precision(9);
      line << what << " differs: row " << row << ", token " << i << " is " << got[i] << ", must be " << want[i];
      return expects(false, line.str());
    }
  }
  void expects(bool good, const std::string& what) {
    if (good || violations_.size() >= 20) return;
    violations_.push_back(what + " (round " + std::to_string(round_) + ", " + std::to_string(prefix_.size()) +
                          " tokens kept)");
  }

  B& backend_;
  std::size_t vocab_;
  backend_law_options options_;
  std::vector<token> prefix_;
  std::vector<std::string> violations_;
  std::size_t round_ = 0;
  std::size_t drawn_ = 0;
};

}  // namespace detail

/// Checks the laws B1-B4 and those of the refinements that the backend has: what it breaks, in words; empty if nothing.
///
/// B1 rows of a tree equal those of each chain run alone. B2 commit(path) equals a prefill of the path's tokens.
/// B3 commit({}), rewind and layer-skipping passes leave no trace. B4 no bit depends on chunks, batch or other rows.
/// Cost: about 10 + nodes passes a round; for large models lower rounds and nodes.
template <Backend B>
[[nodiscard]] std::vector<std::string> backend_laws(B& backend, backend_law_options options = {}) {
  return detail::backend_check<B>{backend, std::move(options)}.run();
}

/// The same for a backend that `make()` returns.
template <class Make>
requires Backend<std::remove_cvref_t<std::invoke_result_t<Make&>>>
[[nodiscard]] std::vector<std::string> backend_laws(Make make, backend_law_options options = {}) {
  auto&& backend = make();
  return backend_laws(backend, std::move(options));
}

}  // namespace hunch::testing
