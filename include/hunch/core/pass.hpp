// A pass as data: what hosts that own every forward pass are asked to do.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include <hunch/core/backend.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// What to do with a KV cache, in this order. Pending nodes are those that passes left since the last plan: node i of
/// their tree sits i places behind the kept tokens.
struct kv_plan {
  std::size_t keep = 0;             ///< tokens that stay, from the front; what comes after is truncated
  std::span<const node_id> move{};  ///< pending nodes that follow them, root first: move[j] goes to place keep + j
  std::span<const token> append{};  ///< tokens to run behind those and keep (prefill, in chunks of any size)

  /// Tokens that are kept afterwards, with nothing pending.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return keep + move.size() + append.size(); }
};

/// One pass that the host runs: bring the cache into its state, then run the nodes [tree.first, size) and leave them
/// pending. Its rows of raw logits, one per such node, are what `supply` takes. Valid until then.
struct pass {
  std::uint32_t model = 0;       ///< hosted_model::id of the model to run
  std::optional<kv_plan> cache;  ///< before the pass; nothing: the pending tree goes on growing
  tree_view tree;
  layer_mask skipped{};   ///< sub-layers that the nodes leave out; what the plan appends runs in full
  std::size_t vocab = 0;  ///< hosted_model::vocab of the model: the length of the rows that `supply` takes
};

/// A model whose passes its host runs: stands where a Backend stands when a drafter or a step_machine is built.
template <class P>
struct basic_hosted_model {
  using scalar = P;
  std::uint32_t id = 0;      ///< the host's own number for it
  std::size_t vocab = 0;     ///< length of a row of logits
  std::size_t capacity = 0;  ///< tokens that its cache holds, pending ones included
  bool rewindable = true;    ///< false: a plan never truncates but to 0 (recurrent models)

  [[nodiscard]] constexpr std::size_t vocab_size() const noexcept { return vocab; }
};
using hosted_model = basic_hosted_model<float>;

template <class B>
inline constexpr bool is_hosted = false;
template <class P>
inline constexpr bool is_hosted<basic_hosted_model<P>> = true;

/// What drafters are built over: a backend that they run, or a model that the host runs.
template <class B>
concept Model = Backend<B> || is_hosted<B>;

}  // namespace hunch
