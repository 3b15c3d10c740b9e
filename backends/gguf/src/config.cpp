#include <cmath>
#include <hunch/core/error.hpp>
#include <hunch/gguf/config.hpp>
#include <limits>
#include <string>

namespace hunch::gguf {
namespace {

constexpr std::string_view convert_again = "the file is damaged or was made by an unfit converter: convert it again";

// Reads keys below the architecture's prefix and says which file and key a complaint is about.
class config_reader {
 public:
  config_reader(const file& from, std::string prefix) : from_{from}, prefix_{std::move(prefix)} {}

  [[nodiscard]] std::string key(std::string_view name) const { return prefix_ + "." + std::string(name); }

  // A count from 1 to 2^31 - 1: what fits into any index and whose products of two fit into 64 bits.
  [[nodiscard]] std::size_t count(std::string_view name) const {
    return checked(name, from_.require<std::uint64_t>(key(name)));
  }
  [[nodiscard]] std::size_t count(std::string_view name, std::size_t otherwise) const {
    const auto v = from_.get<std::uint64_t>(key(name));
    return v ? checked(name, *v) : otherwise;
  }

  [[nodiscard]] float positive(std::string_view name) const { return checked(name, from_.require<float>(key(name))); }
  [[nodiscard]] float positive(std::string_view name, float otherwise) const {
    const auto v = from_.get<float>(key(name));
    return v ? checked(name, *v) : otherwise;
  }

  [[noreturn]] void refuse(const std::string& what, std::string_view advice) const {
    throw error("gguf: '" + from_.name() + "': " + what + "; " + std::string(advice));
  }

 private:
  [[nodiscard]] std::size_t checked(std::string_view name, std::uint64_t v) const {
    if (v == 0 || v > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
      refuse(key(name) + " is " + std::to_string(v) + ", it must be from 1 to 2^31 - 1", convert_again);
    return static_cast<std::size_t>(v);
  }
  [[nodiscard]] float checked(std::string_view name, float v) const {
    if (!std::isfinite(v) || v <= 0)
      refuse(key(name) + " is " + std::to_string(v) + ", it must be a finite number above 0", convert_again);
    return v;
  }

  const file& from_;
  std::string prefix_;
};

architecture read_architecture(const file& from) {
  const auto name = from.require<std::string_view>("general.architecture");
  for (const auto arch : {architecture::llama, architecture::qwen2, architecture::gemma3})
    if (name == name_of(arch)) return arch;
  throw error("gguf: '" + from.name() + "' is of architecture '" + std::string(name) +
              "', which is not supported; supported: llama, qwen2, gemma3");
}

void read_shape(const file& from, const config_reader& in, model_config& c) {
  c.layers = in.count("block_count");
  c.width = in.count("embedding_length");
  c.ff_width = in.count("feed_forward_length");
  c.heads = in.count("attention.head_count");
  c.kv_heads = in.count("attention.head_count_kv", c.heads);
  c.context_length = in.count("context_length");
  if (c.heads % c.kv_heads != 0)
    in.refuse(std::to_string(c.kv_heads) + " key-value heads do not divide " + std::to_string(c.heads) + " heads",
              convert_again);
  if (!from.keys().contains(in.key("attention.key_length")) && c.width % c.heads != 0)
    in.refuse(std::to_string(c.heads) + " heads do not divide a width of " + std::to_string(c.width) + " and " +
                  in.key("attention.key_length") + " is missing",
              convert_again);
  c.head_dim = in.count("attention.key_length", c.width / c.heads);
  if (const auto values = in.count("attention.value_length", c.head_dim); values != c.head_dim)
    in.refuse("keys of " + std::to_string(c.head_dim) + " and values of " + std::to_string(values) +
                  " differ in length, which is not supported",
              "use a model whose heads have one length");
  if (c.head_dim % 2 != 0)
    in.refuse("a head of " + std::to_string(c.head_dim) + " values cannot be rotated in pairs", convert_again);
  if (const auto rotated = in.count("rope.dimension_count", c.head_dim); rotated != c.head_dim)
    in.refuse("only " + std::to_string(rotated) + " of a head's " + std::to_string(c.head_dim) +
                  " values are rotated, which is not supported",
              "use a model that rotates whole heads");
}

void read_embedding(const file& from, const config_reader& in, model_config& c) {
  const auto& embedding = from.at("token_embd.weight");
  if (embedding.shape.size() != 2 || embedding.shape[0] != c.width ||
      embedding.shape[1] > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
    in.refuse("token_embd.weight is no matrix of rows of " + std::to_string(c.width) + " values", convert_again);
  c.vocab = static_cast<std::size_t>(embedding.shape[1]);
  const metadata_entry* tokens = from.keys().find("tokenizer.ggml.tokens");
  if (tokens != nullptr && tokens->count > c.vocab)
    in.refuse("the tokenizer has " + std::to_string(tokens->count) + " tokens and the embedding " +
                  std::to_string(c.vocab) + " rows",
              convert_again);
  const tensor* head = from.find("output.weight");
  c.tied_head = head == nullptr;
  if (head != nullptr && head->shape != embedding.shape)
    in.refuse("output.weight and token_embd.weight differ in shape", convert_again);
}

void refuse_unknown_kinds(const file& from, const config_reader& in) {
  const auto scaling = from.get<std::string_view>(in.key("rope.scaling.type")).value_or("none");
  if (scaling != "none")
    in.refuse("rope scaling '" + std::string(scaling) + "' is not supported; supported: none",
              "use a model without it, or its variant of shorter context");
  if (in.positive("rope.scale_linear", 1) != 1)
    in.refuse("rope scaling 'linear' is not supported; supported: none", "use a model without it");
  if (from.find("rope_freqs.weight") != nullptr)
    in.refuse("rope scaling 'llama3' (tensor rope_freqs.weight) is not supported; supported: none",
              "use a model without it");
  if (from.get<std::uint64_t>(in.key("expert_count")).value_or(0) != 0)
    in.refuse("a mixture of experts is not supported", "use a dense model");
  for (const auto* name : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (from.get<float>(in.key(name)).value_or(0) != 0)
      in.refuse(in.key(name) + " is set, which is not supported", "use a model without a soft cap");
  for (const auto* name : {"blk.0.attn_output.bias", "blk.0.ffn_up.bias", "blk.0.ffn_down.bias", "blk.0.ffn_gate.bias"})
    if (from.find(name) != nullptr)
      in.refuse("tensor " + std::string(name) + " is there, biases are supported for q, k and v only",
                "use a model without it");
}

void read_gemma3(const config_reader& in, model_config& c) {
  // The files hold the base of the global layers only; the local one is a constant of the architecture.
  c.rope_local_base = in.positive("rope.freq_base_swa", 1e4F);
  c.sliding_window = in.count("attention.sliding_window");
  c.sliding_pattern = in.count("attention.sliding_window_pattern", 6);
  c.embedding_scale = std::sqrt(static_cast<float>(c.width));
  c.gate = activation::geglu_tanh;
  c.post_norms = true;
  // The 27B model, known by its 62 layers, scales by width / heads instead of by the length of a head.
  const auto scaled = c.layers == 62 ? c.width / c.heads : c.head_dim;
  c.query_scale = 1 / std::sqrt(static_cast<float>(scaled));
}

}  // namespace

std::string_view name_of(architecture arch) noexcept {
  switch (arch) {
    case architecture::llama:
      return "llama";
    case architecture::qwen2:
      return "qwen2";
    case architecture::gemma3:
      return "gemma3";
  }
  return "unknown";
}

model_config read_config(const file& from) {
  model_config c;
  c.arch = read_architecture(from);
  const config_reader in{from, std::string(name_of(c.arch))};
  read_shape(from, in, c);
  read_embedding(from, in, c);
  refuse_unknown_kinds(from, in);
  c.rms_eps = in.positive("attention.layer_norm_rms_epsilon");
  c.rope_base = in.positive("rope.freq_base", c.arch == architecture::gemma3 ? 1e6F : 1e4F);
  c.rope_local_base = c.rope_base;
  c.rope = c.arch == architecture::llama ? rope_style::adjacent_pairs : rope_style::halves;
  c.query_scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
  c.qkv_bias = from.find("blk.0.attn_q.bias") != nullptr;
  c.qk_norm = from.find("blk.0.attn_q_norm.weight") != nullptr;
  if (c.arch == architecture::gemma3) read_gemma3(in, c);
  return c;
}

}  // namespace hunch::gguf
