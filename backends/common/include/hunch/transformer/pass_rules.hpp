// What a backend asks of every call before it does anything, so that a refused call changes nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <hunch/core/backend.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/transformer/kv_slots.hpp>

namespace hunch::transformer {

/// An empty mask and one that skips nothing mean the same.
[[nodiscard]] inline layer_mask normal(layer_mask mask) noexcept {
  const bool nothing = std::all_of(mask.begin(), mask.end(), [](skip s) { return s == skip::none; });
  return nothing ? layer_mask{} : mask;
}

/// Bytes of the keys and values of one token, in half precision.
[[nodiscard]] inline std::size_t kv_token_bytes(const gguf::model_config& c) noexcept {
  return c.layers * c.kv_dim() * 2 * sizeof(std::uint16_t);
}

/// The checks of one backend. All throw hunch::error, whose text begins with the backend's name.
class pass_rules {
 public:
  /// `config` outlives this.
  pass_rules(std::string backend, const gguf::model_config& config) : backend_{std::move(backend)}, c_{&config} {}

  /// Returns `context`. Slots are numbers of 32 bits, and bytes of a sequence numbers of 64. To be asked when the
  /// weights are loaded: until then the other numbers are the file's claims.
  std::size_t checked_context(std::size_t context) const {
    if (context > std::numeric_limits<std::int32_t>::max() || context > SIZE_MAX / kv_token_bytes(*c_))
      refuse("a context of " + std::to_string(context) + " tokens is too large; use at most what memory can hold");
    return context;
  }

  void check_prefill(const kv_slots& slots, std::span<const token> tokens) const {
    check_tokens(tokens);
    if (slots.pending() != 0) refuse(std::to_string(slots.pending()) + " nodes are pending; commit before prefill");
    if (tokens.size() > slots.room())
      refuse(std::to_string(tokens.size()) + " tokens do not fit, there is room for " + std::to_string(slots.room()) +
             "; ask room() before a pass, or use a larger context");
  }

  /// `pending_mask`: what the pending nodes were run without; both masks are normal(). Whether the tree continues the
  /// pending nodes and fits is for kv_slots::append to say.
  void check_tree(const kv_slots& slots, layer_mask pending_mask, const tree_view& tree, layer_mask mask) const {
    check_tokens(tree.tokens);
    if (!mask.empty() && mask.size() != c_->layers)
      refuse("a layer mask of " + std::to_string(mask.size()) + " entries for " + std::to_string(c_->layers) +
             " layers; give one entry a layer");
    if (slots.pending() != 0 && !std::ranges::equal(mask, pending_mask))
      refuse("the pending nodes were run with another layer mask; roll them back with commit({}) first");
  }

  template <class Sequence>
  void check_batch(std::span<const batch_entry<Sequence>> work) const {
    for (std::size_t i = 0; i < work.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (work[j].sequence == work[i].sequence) refuse("a sequence is twice in a batch; give each one entry");
  }

  void check_commit(std::span<const node_id> path, layer_mask pending_mask) const {
    if (!path.empty() && !pending_mask.empty())
      refuse("nodes that were run without some layers cannot be committed; roll them back with commit({})");
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { raise(backend_ + ": " + why); }

  void check_tokens(std::span<const token> tokens) const {
    for (const token t : tokens)
      if (t < 0 || static_cast<std::size_t>(t) >= c_->vocab)
        refuse("token " + std::to_string(t) + " is outside the vocabulary of " + std::to_string(c_->vocab) +
               "; use the tokenizer of this model");
  }

  std::string backend_;
  const gguf::model_config* c_;
};

}  // namespace hunch::transformer
