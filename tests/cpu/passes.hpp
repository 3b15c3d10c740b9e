// Shorthands for running passes in tests.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <hunch/core/draft_tree.hpp>
#include <hunch/cpu/backend.hpp>

#include "noise.hpp"

namespace hunch::test {

using row = std::vector<float>;

inline row copy(std::span<const float> r) { return {r.begin(), r.end()}; }

template <class Rows>
std::vector<row> copies(const Rows& rows) {
  std::vector<row> out;
  for (std::size_t i = 0; i < rows.size(); ++i) out.push_back(copy(rows[i]));
  return out;
}

/// Equal bit for bit: NaN equals itself, 0 and -0 differ.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}
inline bool same_bits(const std::vector<row>& a, const std::vector<row>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same_bits(std::span<const float>(a[i]), std::span<const float>(b[i]))) return false;
  return true;
}

inline std::vector<token> random_tokens(std::size_t n, std::size_t vocab, std::uint64_t seed) {
  noise from{seed};
  std::vector<token> out(n);
  for (auto& t : out) t = static_cast<token>(from.below(vocab));
  return out;
}

/// A chain of the given tokens as a tree.
inline draft_tree chain_of(std::span<const token> tokens, std::size_t vocab) {
  draft_tree t{vocab};
  t.reset(tokens[0]);
  for (std::size_t i = 1; i < tokens.size(); ++i) t.add(static_cast<node_id>(i - 1), tokens[i]);
  return t;
}

/// A random tree; siblings are distinct.
inline draft_tree random_tree(std::size_t nodes, std::size_t vocab, std::uint64_t seed) {
  noise from{seed};
  draft_tree t{vocab};
  t.reset(static_cast<token>(from.below(vocab)));
  while (t.size() < nodes) {
    const auto parent = static_cast<node_id>(from.below(t.size()));
    const auto id = static_cast<token>(from.below(vocab));
    if (t.child_with(parent, id) == no_node) t.add(parent, id);
  }
  return t;
}

/// Nodes from the root to `n`.
inline std::vector<node_id> path_to(const draft_tree& t, node_id n) {
  std::vector<node_id> path;
  for (; n != no_node; n = t.parent(n)) path.insert(path.begin(), n);
  return path;
}
inline std::vector<token> tokens_on(const draft_tree& t, std::span<const node_id> path) {
  std::vector<token> out;
  for (const node_id n : path) out.push_back(t[n]);
  return out;
}

/// Rows of `tokens` after `text`, one token a pass, everything kept by commit: the plainest way to run a model.
inline std::vector<row> one_by_one(cpu::backend& b, std::span<const token> text, std::span<const token> tokens) {
  auto s = b.open();
  std::vector<row> rows;
  const node_id path[] = {0};
  const auto step = [&](token t) {
    draft_tree tree{b.vocab_size()};
    tree.reset(t);
    row r = copy(b.forward(s, tree.view())[0]);
    b.commit(s, path);
    return r;
  };
  for (const token t : text) step(t);
  for (const token t : tokens) rows.push_back(step(t));
  return rows;
}

}  // namespace hunch::test
