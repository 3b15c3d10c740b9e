// What a file or a caller can get wrong, and what is said about it.
#include <cstdint>
#include <limits>

#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;
using Catch::Matchers::Contains;
using gguf::tensor_type;

namespace {

cpu::backend load(tiny_model& m) { return cpu::backend{m.file(), {.threads = 1}}; }

}  // namespace

TEST_CASE("cpu: a tensor type without kernels is refused by name", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  auto& t = m.tensors.at("blk.1.ffn_up.weight");
  t.type = tensor_type::iq4_nl;
  t.data.assign(64 / 32 * 18 * 96, std::byte{});
  CHECK_THROWS_WITH(load(m), Contains("'blk.1.ffn_up.weight' is IQ4_NL") &&
                                 Contains("F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K"));
}

TEST_CASE("cpu: a norm that is not F32 is refused by name", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  auto& t = m.tensors.at("blk.0.attn_norm.weight");
  t.type = tensor_type::f16;
  t.data.assign(64 * 2, std::byte{});
  CHECK_THROWS_WITH(load(m), Contains("'blk.0.attn_norm.weight' is F16"));
}

TEST_CASE("cpu: a missing tensor is named", "[cpu]") {
  tiny_model m{shape_of("gemma3", tensor_type::f32)};
  m.tensors.erase("blk.2.post_ffw_norm.weight");
  CHECK_THROWS_WITH(load(m), Contains("blk.2.post_ffw_norm.weight"));
}

TEST_CASE("cpu: a tensor of the wrong shape is named with both shapes", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  m.tensors.at("blk.0.attn_k.weight").shape = {32, 64};
  CHECK_THROWS_WITH(load(m), Contains("'blk.0.attn_k.weight' is 32 x 64, the model needs 64 x 32"));
}

TEST_CASE("cpu: heads that are no multiple of 16 are refused", "[cpu]") {
  tiny_shape s = shape_of("llama", tensor_type::f32);
  s.head_dim = 24;
  tiny_model m{s};
  CHECK_THROWS_WITH(load(m), Contains("heads of 24 values"));
}

TEST_CASE("cpu: tokens outside the vocabulary are refused before anything changes", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  auto b = load(m);
  auto s = b.open();
  for (const token bad : {token{-1}, token{50}, std::numeric_limits<token>::max()}) {
    const std::vector<token> tokens{1, bad};
    CHECK_THROWS_WITH(b.prefill(s, tokens), Contains("outside the vocabulary of 50"));
    const std::vector<node_id> parents{no_node, 0};
    const std::vector<std::uint32_t> depths{0, 1};
    CHECK_THROWS_WITH(b.forward(s, {tokens, parents, depths, 0}), Contains("outside the vocabulary"));
  }
  CHECK(s.kept() == 0);
  CHECK(s.pending() == 0);
}

TEST_CASE("cpu: a full context is refused before anything changes, and room says how much fits", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  cpu::backend b{m.file(), {.threads = 1, .context = 10}};
  auto s = b.open();
  CHECK(b.room(s) == 10);
  b.prefill(s, random_tokens(7, 50, 1));
  CHECK(b.room(s) == 3);
  CHECK_THROWS_WITH(b.prefill(s, random_tokens(4, 50, 2)), Contains("4 tokens do not fit, there is room for 3"));
  CHECK_THROWS_WITH(b.forward(s, random_tree(4, 50, 3).view()), Contains("there is room for 3"));
  CHECK(s.kept() == 7);
  b.forward(s, random_tree(3, 50, 3).view());
  CHECK(b.room(s) == 0);
  CHECK_THROWS_WITH(b.prefill(s, random_tokens(1, 50, 2)), Contains("3 nodes are pending"));
}

TEST_CASE("cpu: a context whose size in bytes overflows is refused", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  for (const std::size_t context : {std::size_t{1} << 31, std::size_t{1} << 54, std::size_t{1} << 63})
    CHECK_THROWS_WITH((cpu::backend{m.file(), {.threads = 1, .context = context}}),
                      Contains("a context of " + std::to_string(context) + " tokens is too large"));
}

TEST_CASE("cpu: a number of layers that the file does not hold is refused before memory is taken for them", "[cpu]") {
  tiny_shape s = shape_of("llama", tensor_type::f32);
  s.claimed_layers = 2147483647;
  tiny_model m{s};
  CHECK_THROWS_WITH(load(m), Contains("has no tensor 'blk.3.attn_norm.weight'"));
}

TEST_CASE("cpu: memory is reported for weights and for a token", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::f32)};
  auto b = load(m);
  CHECK(b.memory().kv_token_bytes == 3 * 2 * 32 * 2);  // layers, key and value, kv_dim, half
  // Matrices [outputs, inputs] in floats; the head's 50 outputs fill 4 strips of 16.
  const std::size_t layer = 64 * 64 + 32 * 64 + 32 * 64 + 64 * 64 + 3 * 96 * 64;
  CHECK(b.memory().weight_bytes == 4 * (64 * 64 + 3 * layer));
}
