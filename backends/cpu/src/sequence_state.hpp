// What a sequence owns: slots, keys and values, the rows of its last pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/transformer/kv_slots.hpp>

#include "kernels/attention_task.hpp"
#include "memory.hpp"

namespace hunch::cpu::detail {

struct sequence_state {
  sequence_state(const gguf::model_config& c, std::size_t context)
      : slots{context},
        head_dim{c.head_dim},
        heads{c.layers * c.kv_heads},
        store_values{whole_blocks(context) * c.head_dim},
        kv{2 * heads * store_values * sizeof(std::uint16_t)} {}

  [[nodiscard]] static constexpr std::size_t whole_blocks(std::size_t slots) noexcept {
    return (slots + key_block - 1) / key_block * key_block;
  }

  /// Halves [slot / 16, head_dim, slot % 16] of one key-value head; `head` counts through all layers.
  [[nodiscard]] std::uint16_t* keys(std::size_t head) const noexcept {
    return reinterpret_cast<std::uint16_t*>(kv.data()) + 2 * head * store_values;
  }
  /// Halves [slot, head_dim].
  [[nodiscard]] std::uint16_t* values(std::size_t head) const noexcept { return keys(head) + store_values; }
  /// Where the key of a slot has its lane; value d lies 16 d further.
  [[nodiscard]] std::uint16_t* key(std::size_t head, std::size_t slot) const noexcept {
    return keys(head) + slot / key_block * key_block * head_dim + slot % key_block;
  }

  void carry_out(std::span<const transformer::kv_slots::move> moves) const noexcept {
    if (moves.empty()) return;
    for (std::size_t h = 0; h < heads; ++h) {
      for (const auto& m : moves) {
        const std::uint16_t* from = key(h, m.from);
        std::uint16_t* to = key(h, m.to);
        for (std::size_t d = 0; d < key_block * head_dim; d += key_block) to[d] = from[d];
        std::uint16_t* v = values(h);
        std::memcpy(v + m.to * head_dim, v + m.from * head_dim, head_dim * sizeof *v);
      }
    }
  }
  void copy_kept_from(const sequence_state& other) {
    const std::size_t kept = other.slots.kept();
    for (std::size_t h = 0; h < heads; ++h) {
      std::memcpy(keys(h), other.keys(h), whole_blocks(kept) * head_dim * sizeof(std::uint16_t));
      std::memcpy(values(h), other.values(h), kept * head_dim * sizeof(std::uint16_t));
    }
  }

  transformer::kv_slots slots;
  std::size_t head_dim;
  std::size_t heads;         // layers * kv_heads
  std::size_t store_values;  // of all keys or all values of a head
  lazy_memory kv;            // [layer, kv_head]: keys, then values
  buffer<float> logits;      // [rows of the last pass, vocab]
  buffer<float> hidden;      // [nodes of the last tree, width]
  std::size_t hidden_rows = 0;
  std::vector<skip> mask;          // what the pending nodes were run without; empty: nothing
  std::vector<float*> batch_rows;  // rows of a batched pass that this sequence was first in
};

}  // namespace hunch::cpu::detail
