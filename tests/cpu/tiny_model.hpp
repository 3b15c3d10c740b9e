// Tiny models with random weights, as GGUF files in memory.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <hunch/gguf/file.hpp>

#include "gguf/gguf_writer.hpp"
#include "noise.hpp"

namespace hunch::test {

/// Shape of a tiny model. The vocabulary is no multiple of 16, so the last strip of the head is not full.
struct tiny_shape {
  std::string arch = "llama";
  gguf::tensor_type type = gguf::tensor_type::f32;  // of all matrices
  std::size_t layers = 3;
  std::size_t width = 64;
  std::size_t ff = 96;
  std::size_t heads = 4;
  std::size_t kv_heads = 2;
  std::size_t head_dim = 16;
  std::size_t vocab = 50;
  std::size_t context = 256;
  std::size_t window = 5;   // gemma3
  std::size_t pattern = 3;  // gemma3: layer 2 is global
  bool own_head = false;
  std::size_t claimed_layers = 0;  // what the file says; 0: the truth
};

/// A shape for a type: formats of 256 values need rows of 256.
inline tiny_shape shape_of(std::string arch, gguf::tensor_type type) {
  tiny_shape s;
  s.arch = std::move(arch);
  s.type = type;
  if (gguf::traits_of(type).block_values == 256) {
    s.layers = 2;
    s.width = 256;
    s.ff = 512;
    s.head_dim = 64;
    s.pattern = 2;
  }
  s.own_head = s.arch == "qwen2";
  return s;
}

/// A file in memory that owns its bytes. Tensors can be replaced before the file is built.
class tiny_model {
 public:
  explicit tiny_model(const tiny_shape& shape, std::uint64_t seed = 1) : shape_{shape} {
    noise from{seed};
    matrix(from, "token_embd.weight", shape.width, shape.vocab);
    if (shape.own_head) matrix(from, "output.weight", shape.width, shape.vocab);
    vector(from, "output_norm.weight", shape.width, 0.5F, 1.5F);
    for (std::size_t i = 0; i < shape.layers; ++i) layer(from, "blk." + std::to_string(i) + ".");
  }

  struct entry {
    gguf::tensor_type type;
    std::vector<std::uint64_t> shape;
    bytes data;
  };
  std::map<std::string, entry> tensors;

  /// The bytes of the file.
  [[nodiscard]] bytes build() const {
    gguf_writer w;
    const std::string& a = shape_.arch;
    const auto count = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
    w.key("general.architecture", a)
        .key(a + ".block_count", count(shape_.claimed_layers == 0 ? shape_.layers : shape_.claimed_layers))
        .key(a + ".embedding_length", count(shape_.width))
        .key(a + ".feed_forward_length", count(shape_.ff))
        .key(a + ".attention.head_count", count(shape_.heads))
        .key(a + ".attention.head_count_kv", count(shape_.kv_heads))
        .key(a + ".attention.key_length", count(shape_.head_dim))
        .key(a + ".attention.value_length", count(shape_.head_dim))
        .key(a + ".context_length", count(shape_.context))
        .key(a + ".attention.layer_norm_rms_epsilon", 1e-5F)
        .key(a + ".rope.freq_base", 1e4F);
    if (a == "gemma3")
      w.key(a + ".attention.sliding_window", count(shape_.window))
          .key(a + ".attention.sliding_window_pattern", count(shape_.pattern))
          .key(a + ".rope.freq_base_swa", 1e2F);
    for (const auto& [name, e] : tensors) w.tensor(name, e.type, e.shape, e.data);
    return w.build();
  }

  /// The file; valid as long as this object.
  [[nodiscard]] gguf::file file() {
    const bytes built = build();
    storage_.assign((built.size() + 7) / 8, 0);
    std::memcpy(storage_.data(), built.data(), built.size());
    return gguf::file::from_bytes({reinterpret_cast<const std::byte*>(storage_.data()), built.size()}, "tiny model");
  }

  [[nodiscard]] const tiny_shape& shape() const noexcept { return shape_; }

 private:
  void matrix(noise& from, const std::string& name, std::size_t inputs, std::size_t outputs) {
    tensors[name] = {shape_.type, {inputs, outputs}, random_weights(from, shape_.type, inputs, outputs)};
  }
  void vector(noise& from, const std::string& name, std::size_t size, float low, float high) {
    const auto values = from.floats(size, low, high);
    tensors[name] = {gguf::tensor_type::f32, {size}, bytes_of(std::span<const float>(values))};
  }

  void layer(noise& from, const std::string& p) {
    const tiny_shape& s = shape_;
    const std::size_t q_dim = s.heads * s.head_dim;
    const std::size_t kv_dim = s.kv_heads * s.head_dim;
    vector(from, p + "attn_norm.weight", s.width, 0.5F, 1.5F);
    matrix(from, p + "attn_q.weight", s.width, q_dim);
    matrix(from, p + "attn_k.weight", s.width, kv_dim);
    matrix(from, p + "attn_v.weight", s.width, kv_dim);
    matrix(from, p + "attn_output.weight", q_dim, s.width);
    vector(from, p + "ffn_norm.weight", s.width, 0.5F, 1.5F);
    matrix(from, p + "ffn_gate.weight", s.width, s.ff);
    matrix(from, p + "ffn_up.weight", s.width, s.ff);
    matrix(from, p + "ffn_down.weight", s.ff, s.width);
    if (s.arch == "qwen2") {
      vector(from, p + "attn_q.bias", q_dim, -0.5F, 0.5F);
      vector(from, p + "attn_k.bias", kv_dim, -0.5F, 0.5F);
      vector(from, p + "attn_v.bias", kv_dim, -0.5F, 0.5F);
    }
    if (s.arch == "gemma3") {
      vector(from, p + "attn_q_norm.weight", s.head_dim, 0.5F, 1.5F);
      vector(from, p + "attn_k_norm.weight", s.head_dim, 0.5F, 1.5F);
      vector(from, p + "post_attention_norm.weight", s.width, 0.5F, 1.5F);
      vector(from, p + "post_ffw_norm.weight", s.width, 0.5F, 1.5F);
    }
  }

  tiny_shape shape_;
  std::vector<std::uint64_t> storage_;  // 8-byte aligned
};

}  // namespace hunch::test
