// What a decoder-only transformer needs to know about its shape, read from a GGUF file and checked.
#pragma once

#include <cstddef>
#include <hunch/gguf/file.hpp>
#include <string_view>

namespace hunch::gguf {

enum class architecture { llama, qwen2, gemma3 };

/// Which values of a head rotate together: 2i and 2i+1 (llama files have q and k permuted for it), or i and i+half.
enum class rope_style { adjacent_pairs, halves };

/// The gate of the feed-forward part: silu(g)·u, or gelu(g)·u with the tanh form of gelu.
enum class activation { swiglu, geglu_tanh };

/// Shape and constants of a model. Every value has been checked: nothing is 0 where that makes no sense, widths
/// agree with the tensors' shapes, and kinds that the graph does not know were refused by name.
struct model_config {
  architecture arch = architecture::llama;
  std::size_t layers = 0;
  std::size_t width = 0;           // values of the residual stream
  std::size_t ff_width = 0;        // values between gate/up and down
  std::size_t heads = 0;           // query heads
  std::size_t kv_heads = 0;        // divides heads
  std::size_t head_dim = 0;        // even; of queries, keys and values
  std::size_t vocab = 0;           // rows of the embedding, padding included
  std::size_t context_length = 0;  // longest text of the training

  float rms_eps = 0;
  float rope_base = 0;        // global layers
  float rope_local_base = 0;  // sliding layers; rope_base where there are none
  rope_style rope = rope_style::halves;

  std::size_t sliding_window = 0;   // keys that a sliding layer sees, itself included; 0: no sliding layers
  std::size_t sliding_pattern = 0;  // every n-th layer is global, the others slide; 0: no sliding layers

  float embedding_scale = 1;  // on the rows of the embedding
  float query_scale = 1;      // on q·k
  activation gate = activation::swiglu;
  bool qk_norm = false;     // RMS norm of each head of q and k, before the rotation
  bool post_norms = false;  // RMS norms after attention and after the feed-forward part
  bool qkv_bias = false;
  bool tied_head = false;  // the embedding is also the output head

  [[nodiscard]] std::size_t q_dim() const noexcept { return heads * head_dim; }
  [[nodiscard]] std::size_t kv_dim() const noexcept { return kv_heads * head_dim; }
  /// True when `layer` sees only the last `sliding_window` keys.
  [[nodiscard]] bool is_sliding(std::size_t layer) const noexcept {
    return sliding_pattern != 0 && (layer + 1) % sliding_pattern != 0;
  }
  [[nodiscard]] float rope_base_of(std::size_t layer) const noexcept {
    return is_sliding(layer) ? rope_local_base : rope_base;
  }
};

/// Reads the configuration. Throws hunch::error naming the key, the value and what is supported.
[[nodiscard]] model_config read_config(const file& from);

[[nodiscard]] std::string_view name_of(architecture arch) noexcept;

}  // namespace hunch::gguf
