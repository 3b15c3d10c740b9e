// What a sequence owns: slots, keys and values, the rows of its last pass.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/transformer/kv_slots.hpp>

#include "memory.hpp"

namespace hunch::cpu::detail {

struct sequence_state {
  sequence_state(const gguf::model_config& c, std::size_t context)
      : slots{context},
        head_dim{c.head_dim},
        stores{c.layers * c.kv_heads * 2},
        kv{stores * context * c.head_dim * sizeof(float)} {}

  /// [slot, head_dim] of one layer and key-value head.
  [[nodiscard]] float* keys(std::size_t layer, std::size_t head, std::size_t kv_heads) const noexcept {
    return store((layer * kv_heads + head) * 2);
  }
  [[nodiscard]] float* values(std::size_t layer, std::size_t head, std::size_t kv_heads) const noexcept {
    return store((layer * kv_heads + head) * 2 + 1);
  }
  [[nodiscard]] float* store(std::size_t i) const noexcept {
    return reinterpret_cast<float*>(kv.data()) + i * slots.capacity() * head_dim;
  }

  void carry_out(std::span<const transformer::kv_slots::move> moves) const noexcept {
    if (moves.empty()) return;
    for (std::size_t i = 0; i < stores; ++i)
      for (const auto& m : moves)
        std::memcpy(store(i) + m.to * head_dim, store(i) + m.from * head_dim, head_dim * sizeof(float));
  }
  void copy_kept_from(const sequence_state& other) {
    for (std::size_t i = 0; i < stores; ++i)
      std::memcpy(store(i), other.store(i), other.slots.kept() * head_dim * sizeof(float));
  }

  transformer::kv_slots slots;
  std::size_t head_dim;
  std::size_t stores;    // layers * kv_heads * 2
  lazy_memory kv;        // [layer, kv_head, key or value, slot, head_dim]
  buffer<float> logits;  // [rows of the last pass, vocab]
  buffer<float> hidden;  // [nodes of the last tree, width]
  std::size_t hidden_rows = 0;
  std::vector<skip> mask;          // what the pending nodes were run without; empty: nothing
  std::vector<float*> batch_rows;  // rows of a batched pass that this sequence was first in
};

}  // namespace hunch::cpu::detail
