// The tensors of a model under the names that GGUF files give them, checked for presence and shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/transformer/format.hpp>

namespace hunch::transformer {

/// One layer. Matrices are [outputs, inputs]; vectors that a model has not are empty.
template <class Matrix, class Vector>
struct layer_weights {
  Vector attn_norm, ffn_norm;                 // [width]
  Vector q_bias, k_bias, v_bias;              // [q_dim], [kv_dim]; qwen2
  Vector q_norm, k_norm;                      // [head_dim]; gemma3
  Vector post_attention_norm, post_ffw_norm;  // [width]; gemma3
  Matrix q, k, v, attn_output, gate, up, down;
};

template <class Table, class Matrix, class Vector>
struct model_weights {
  Table embedding;  // [vocab, width], read by rows
  Matrix head;      // [vocab, width]; the embedding once more where the file has no head of its own
  Vector output_norm;
  std::vector<layer_weights<Matrix, Vector>> layers;
};

/// Finds tensors by name and checks their shape. Throws hunch::error naming the tensor.
class tensor_source {
 public:
  explicit tensor_source(const gguf::file& from) : from_{from} {}

  [[nodiscard]] const gguf::tensor& matrix(const std::string& name, std::size_t inputs, std::size_t outputs) const {
    return checked(name, {inputs, outputs});
  }
  [[nodiscard]] const gguf::tensor& vector(const std::string& name, std::size_t size) const {
    return checked(name, {size});
  }

 private:
  [[nodiscard]] static std::string text_of(const std::vector<std::uint64_t>& shape) {
    std::string text;
    for (const auto d : shape) text += (text.empty() ? "" : " x ") + std::to_string(d);
    return text;
  }

  [[nodiscard]] const gguf::tensor& checked(const std::string& name, const std::vector<std::uint64_t>& shape) const {
    const gguf::tensor& t = from_.at(name);
    if (t.shape != shape)
      raise("model: '" + from_.name() + "': tensor '" + name + "' is " + text_of(t.shape) + ", the model needs " +
            text_of(shape) + "; the file is damaged or was made by an unfit converter: convert it again");
    return t;
  }

  const gguf::file& from_;
};

/// The format of a matrix. Throws hunch::error naming `backend`, the tensor and what is supported.
[[nodiscard]] inline format format_of(const gguf::tensor& t, const char* backend) {
  using gguf::tensor_type;
  constexpr tensor_type known[format_count] = {tensor_type::f32,  tensor_type::f16,  tensor_type::bf16,
                                               tensor_type::q4_0, tensor_type::q4_1, tensor_type::q5_0,
                                               tensor_type::q5_1, tensor_type::q8_0, tensor_type::q4_k,
                                               tensor_type::q5_k, tensor_type::q6_k};  // in the order of `format`
  std::string names;
  for (std::size_t i = 0; i < format_count; ++i) {
    if (known[i] == t.type) return static_cast<format>(i);
    names += (i == 0 ? "" : ", ") + std::string(gguf::traits_of(known[i]).name);
  }
  raise(std::string(backend) + ": tensor '" + t.name + "' is " + std::string(gguf::traits_of(t.type).name) +
        ", which is not supported; supported: " + names);
}

/// Throws hunch::error naming `backend` and the tensor when it is not F32.
inline void check_vector(const gguf::tensor& t, const char* backend) {
  if (t.type != gguf::tensor_type::f32)
    raise(std::string(backend) + ": tensor '" + t.name + "' is " + std::string(gguf::traits_of(t.type).name) +
          ", vectors are supported as F32 only; convert the model again");
}

/// Builds the weights of a device. `Maker` turns a tensor into the device's form:
/// make.table(tensor), make.matrix(tensor), make.vector(tensor), each of which may throw hunch::error naming it.
template <class Table, class Matrix, class Vector, class Maker>
[[nodiscard]] model_weights<Table, Matrix, Vector> load_weights(const gguf::file& from, const gguf::model_config& c,
                                                                Maker&& make) {
  const tensor_source in{from};
  model_weights<Table, Matrix, Vector> w;
  const gguf::tensor& embedding = in.matrix("token_embd.weight", c.width, c.vocab);
  w.embedding = make.table(embedding);
  w.head = make.matrix(c.tied_head ? embedding : in.matrix("output.weight", c.width, c.vocab));
  w.output_norm = make.vector(in.vector("output_norm.weight", c.width));
  for (std::size_t i = 0; i < c.layers; ++i) {  // one by one: their number is a claim until the tensors are found
    auto& l = w.layers.emplace_back();
    const std::string prefix = "blk." + std::to_string(i) + ".";
    const auto vector = [&](const char* name, std::size_t n) { return make.vector(in.vector(prefix + name, n)); };
    const auto matrix = [&](const char* name, std::size_t inputs, std::size_t outputs) {
      return make.matrix(in.matrix(prefix + name, inputs, outputs));
    };
    l.attn_norm = vector("attn_norm.weight", c.width);
    l.q = matrix("attn_q.weight", c.width, c.q_dim());
    l.k = matrix("attn_k.weight", c.width, c.kv_dim());
    l.v = matrix("attn_v.weight", c.width, c.kv_dim());
    l.attn_output = matrix("attn_output.weight", c.q_dim(), c.width);
    if (c.qkv_bias) {
      l.q_bias = vector("attn_q.bias", c.q_dim());
      l.k_bias = vector("attn_k.bias", c.kv_dim());
      l.v_bias = vector("attn_v.bias", c.kv_dim());
    }
    if (c.qk_norm) {
      l.q_norm = vector("attn_q_norm.weight", c.head_dim);
      l.k_norm = vector("attn_k_norm.weight", c.head_dim);
    }
    l.ffn_norm = vector("ffn_norm.weight", c.width);
    l.gate = matrix("ffn_gate.weight", c.width, c.ff_width);
    l.up = matrix("ffn_up.weight", c.width, c.ff_width);
    l.down = matrix("ffn_down.weight", c.ff_width, c.width);
    if (c.post_norms) {
      l.post_attention_norm = vector("post_attention_norm.weight", c.width);
      l.post_ffw_norm = vector("post_ffw_norm.weight", c.width);
    }
  }
  return w;
}

}  // namespace hunch::transformer
