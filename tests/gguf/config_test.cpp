#include <string>
#include <vector>

#include <hunch/gguf/config.hpp>

#include "gguf/errors.hpp"
#include "gguf/gguf_writer.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::file;
using hunch::gguf::tensor_type;
using hunch::test::gguf_writer;
using hunch::test::says;

namespace {

// Keys of a model of width 12, 3 heads of 4 and 1 key-value head; `change` sets one key to another value or drops it.
struct model_keys {
  std::string arch = "llama";
  std::uint32_t layers = 2, width = 12, ff = 20, heads = 3, kv_heads = 1, context = 64, vocab = 5;
  float eps = 1e-5F;

  [[nodiscard]] gguf_writer writer() const {
    gguf_writer w;
    const auto key = [&](const char* name) { return arch + "." + name; };
    w.key("general.architecture", arch).key(key("block_count"), layers).key(key("embedding_length"), width);
    w.key(key("feed_forward_length"), ff).key(key("attention.head_count"), heads);
    w.key(key("attention.head_count_kv"), kv_heads).key(key("context_length"), context);
    w.key(key("attention.layer_norm_rms_epsilon"), eps);
    w.tensor("token_embd.weight", tensor_type::f16, {width, vocab}, test::bytes(std::size_t{2} * width * vocab));
    return w;
  }
};

gguf::model_config config_of(const gguf_writer& w) {
  const auto bytes = w.build();
  return gguf::read_config(file::from_bytes(bytes, "mem"));
}
std::string refused(const gguf_writer& w) {
  return test::refusal([&] { return config_of(w); });
}
gguf_writer& bias(gguf_writer& w) { return w.tensor("blk.0.attn_q.bias", tensor_type::f32, {12}, test::bytes(48)); }

}  // namespace

TEST_CASE("config: llama rotates adjacent pairs and scales by the head's length", "[gguf]") {
  const auto c = config_of(model_keys{}.writer().key("llama.rope.freq_base", 1e5F));
  CHECK(c.arch == gguf::architecture::llama);
  CHECK(c.layers == 2);
  CHECK(c.width == 12);
  CHECK(c.ff_width == 20);
  CHECK(c.q_dim() == 12);
  CHECK(c.kv_dim() == 4);
  CHECK(c.head_dim == 4);
  CHECK(c.vocab == 5);
  CHECK(c.context_length == 64);
  CHECK(c.rms_eps == 1e-5F);
  CHECK(c.rope_base == 1e5F);
  CHECK(c.rope == gguf::rope_style::adjacent_pairs);
  CHECK(c.query_scale == 0.5F);
  CHECK(c.embedding_scale == 1.0F);
  CHECK(c.gate == gguf::activation::swiglu);
  CHECK(c.tied_head);
  CHECK_FALSE(c.qkv_bias);
  CHECK_FALSE(c.qk_norm);
  CHECK_FALSE(c.is_sliding(0));
}

TEST_CASE("config: qwen2 rotates halves and has biases and a head of its own where the tensors are there", "[gguf]") {
  auto w = model_keys{.arch = "qwen2"}.writer();
  bias(w).tensor("output.weight", tensor_type::f16, {12, 5}, test::bytes(120));
  const auto c = config_of(w);
  CHECK(c.rope == gguf::rope_style::halves);
  CHECK(c.rope_base == 1e4F);
  CHECK(c.qkv_bias);
  CHECK_FALSE(c.tied_head);
}

TEST_CASE("config: gemma3 slides in five of six layers with the local base and scales the embedding", "[gguf]") {
  auto w = model_keys{.arch = "gemma3", .layers = 13, .width = 16, .heads = 2}.writer();
  w.key("gemma3.attention.key_length", std::uint32_t{64}).key("gemma3.attention.value_length", std::uint32_t{64});
  w.key("gemma3.attention.sliding_window", std::uint32_t{512}).key("gemma3.rope.freq_base", 1e6F);
  w.tensor("blk.0.attn_q_norm.weight", tensor_type::f32, {64}, test::bytes(256));
  const auto c = config_of(w);
  CHECK(c.head_dim == 64);
  CHECK(c.q_dim() == 128);
  CHECK(c.embedding_scale == 4.0F);
  CHECK(c.query_scale == 0.125F);
  CHECK(c.gate == gguf::activation::geglu_tanh);
  CHECK(c.qk_norm);
  CHECK(c.post_norms);
  CHECK(c.sliding_window == 512);
  std::vector<std::size_t> global;
  for (std::size_t l = 0; l < c.layers; ++l)
    if (!c.is_sliding(l)) global.push_back(l);
  CHECK(global == std::vector<std::size_t>{5, 11});
  CHECK(c.rope_base_of(4) == 1e4F);
  CHECK(c.rope_base_of(5) == 1e6F);
}

TEST_CASE("config: other architectures are refused by name with those that are supported", "[gguf]") {
  CHECK(says(refused(model_keys{.arch = "phi3"}.writer()), "'phi3'", "llama, qwen2, gemma3"));
  CHECK(says(refused(gguf_writer{}), "general.architecture"));
}

TEST_CASE("config: counts of zero and counts above 2^31 are refused by key", "[gguf]") {
  CHECK(says(refused(model_keys{.layers = 0}.writer()), "llama.block_count is 0"));
  CHECK(says(refused(model_keys{.heads = 0}.writer()), "llama.attention.head_count is 0"));
  CHECK(says(refused(model_keys{.kv_heads = 0}.writer()), "llama.attention.head_count_kv is 0"));
  CHECK(says(refused(model_keys{.ff = 0}.writer()), "llama.feed_forward_length is 0"));
  CHECK(says(refused(model_keys{.context = 0}.writer()), "llama.context_length is 0"));
  CHECK(says(refused(model_keys{.ff = 4000000000U}.writer()), "llama.feed_forward_length is 4000000000"));
}

TEST_CASE("config: heads that do not fit together are refused", "[gguf]") {
  CHECK(says(refused(model_keys{.kv_heads = 2}.writer()), "2 key-value heads do not divide 3"));
  CHECK(says(refused(model_keys{.heads = 5, .kv_heads = 5}.writer()), "5 heads do not divide a width of 12"));
  CHECK(says(refused(model_keys{.heads = 4, .kv_heads = 4}.writer()), "3 values", "pairs"));
  CHECK(says(refused(model_keys{}.writer().key("llama.attention.value_length", std::uint32_t{8})), "differ in length"));
  CHECK(says(refused(model_keys{}.writer().key("llama.rope.dimension_count", std::uint32_t{2})), "only 2"));
}

TEST_CASE("config: constants that are no positive numbers are refused", "[gguf]") {
  CHECK(says(refused(model_keys{.eps = 0}.writer()), "layer_norm_rms_epsilon"));
  CHECK(says(refused(model_keys{.eps = -1e-5F}.writer()), "layer_norm_rms_epsilon"));
  CHECK(says(refused(model_keys{.eps = std::numeric_limits<float>::quiet_NaN()}.writer()), "layer_norm_rms_epsilon"));
  CHECK(says(refused(model_keys{}.writer().key("llama.rope.freq_base", 0.0F)), "rope.freq_base"));
}

TEST_CASE("config: kinds of layers that the graph does not know are refused by name", "[gguf]") {
  const auto with = [](const char* key, auto value) { return refused(model_keys{}.writer().key(key, value)); };
  CHECK(says(with("llama.rope.scaling.type", "yarn"), "'yarn'", "supported: none"));
  CHECK(says(with("llama.rope.scaling.type", "linear"), "'linear'"));
  CHECK(with("llama.rope.scaling.type", "none").empty());
  CHECK(says(with("llama.expert_count", std::uint32_t{8}), "mixture of experts"));
  CHECK(says(with("llama.attn_logit_softcapping", 50.0F), "attn_logit_softcapping"));
  auto freqs = model_keys{}.writer();
  freqs.tensor("rope_freqs.weight", tensor_type::f32, {2}, test::bytes(8));
  CHECK(says(refused(freqs), "llama3", "rope_freqs.weight"));
  auto biased = model_keys{}.writer();
  biased.tensor("blk.0.attn_output.bias", tensor_type::f32, {12}, test::bytes(48));
  CHECK(says(refused(biased), "blk.0.attn_output.bias"));
}

TEST_CASE("config: an embedding that does not fit the width or the tokenizer is refused", "[gguf]") {
  gguf_writer w;
  w.key("general.architecture", "llama");
  CHECK(says(refused(w), "llama.block_count"));
  auto narrow = model_keys{}.writer();
  narrow.key("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c", "d", "e", "f"});
  CHECK(says(refused(narrow), "6 tokens", "5 rows"));
  auto head = model_keys{}.writer();
  head.tensor("output.weight", tensor_type::f16, {12, 4}, test::bytes(96));
  CHECK(says(refused(head), "output.weight"));
}
