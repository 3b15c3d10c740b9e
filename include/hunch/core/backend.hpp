// Concepts: what an engine must offer to be sped up, and what it may offer on top.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

#include <hunch/core/types.hpp>

namespace hunch {

/// Raw logits, one row [vocab] per node of a pass. Rows belong to the backend, are read-only and live until the next
/// pass of the same sequence. A device may copy row i to the host when it is first touched.
template <class R>
concept LogitRows = requires(const R r, std::size_t i) {
  { r.size() } -> std::convertible_to<std::size_t>;
  r[i].size();
  {r[i].data()};
  requires std::is_floating_point_v<std::remove_cvref_t<decltype(r[i][0])>>;
};

/// A model that runs a tree of tokens in one pass.
///
/// A sequence is the handle of one KV cache: the tokens it keeps, and the nodes of at most one tree that are pending.
///  - `prefill(s, tokens)`  appends and keeps tokens; no logits. Nothing may be pending.
///  - `forward(s, tree)`    runs the nodes [tree.first, size) and leaves them pending; node 0 continues the kept
///                          tokens. tree.first must equal the number of pending nodes. One row per fresh node.
///  - `commit(s, path)`     keeps the pending nodes on `path` (root first, parent to child), drops the rest; {} drops
///  all.
///  - `room(s)`             tokens that still fit: ask instead of failing.
/// Laws B1-B4 (testing/laws.hpp): rows of a tree equal rows of its chains run alone; commit equals prefill of the path;
/// commit({}) leaves no trace; no bit of a row depends on what else shares the pass.
/// A backend and its sequences are used from one thread at a time unless it says otherwise.
/// Not required: rewinding, batching, exceptions, copyable sequences.
template <class B>
concept Backend = requires(B& b, typename B::sequence& s, const typename B::sequence& cs, std::span<const token> tokens,
                           tree_view tree, std::span<const node_id> path) {
  requires std::movable<typename B::sequence>;
  { b.vocab_size() } -> std::convertible_to<std::size_t>;
  { b.open() } -> std::same_as<typename B::sequence>;
  { b.room(cs) } -> std::convertible_to<std::size_t>;
  { b.prefill(s, tokens) } -> std::same_as<void>;
  { b.forward(s, tree) } -> LogitRows;
  { b.commit(s, path) } -> std::same_as<void>;
};

namespace detail {
template <class B>
struct scalar_of {  // models that hosts run say it themselves
  using type = typename B::scalar;
};
template <Backend B>
struct scalar_of<B> {
  using type = std::remove_cvref_t<decltype(std::declval<B&>().forward(std::declval<typename B::sequence&>(),
                                                                       std::declval<tree_view>())[0][0])>;
};
}  // namespace detail

/// Scalar of a model's logits: float for engines, double for the exact test backend.
template <class B>
using logit_t = typename detail::scalar_of<B>::type;

/// Can forget the kept tokens from `n` on. Without it a sequence is reopened instead: slower, same text.
template <class B>
concept Rewindable = Backend<B> && requires(B& b, typename B::sequence& s, std::size_t n) {
  { b.rewind(s, n) } -> std::same_as<void>;
};

/// Can copy a sequence (kept tokens only; nothing pending).
template <class B>
concept Forkable = Backend<B> && requires(B& b, const typename B::sequence& s) {
  { b.fork(s) } -> std::same_as<typename B::sequence>;
};

/// Can leave out attention or MLP sub-layers of a pass. What such a pass wrote is never read by a full one.
template <class B>
concept LayerSkippable = Backend<B> && requires(B& b, typename B::sequence& s, tree_view t, layer_mask m) {
  { b.layer_count() } -> std::convertible_to<std::size_t>;
  { b.forward(s, t, m) } -> LogitRows;
};

/// One sequence's share of a batched pass.
template <class Sequence>
struct batch_entry {
  Sequence* sequence;
  tree_view tree;
};

/// Runs trees of several sequences in one pass; rows of all entries, one entry after another.
template <class B>
concept BatchBackend = Backend<B> && requires(B& b, std::span<const batch_entry<typename B::sequence>> work) {
  { b.forward(work) } -> LogitRows;
};

/// Shows the last hidden state [width] of a pending node (what the output head reads), until the next pass.
template <class B>
concept HiddenStates = Backend<B> && requires(B& b, const typename B::sequence& s, node_id n) {
  { b.hidden(s, n).size() } -> std::convertible_to<std::size_t>;
  { b.hidden(s, n)[0] } -> std::convertible_to<float>;
};

}  // namespace hunch
