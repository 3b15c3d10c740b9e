// Passes without some sub-layers.
#include <vector>

#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

std::vector<skip> mask_of(std::initializer_list<skip> s) { return s; }

}  // namespace

TEST_CASE("cpu: B3: a pass with skipped sub-layers in between leaves no trace", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 2}};
  const auto text = random_tokens(9, b.vocab_size(), 1);
  const auto tree = random_tree(12, b.vocab_size(), 2);
  auto s = b.open();
  b.prefill(s, text);
  const auto expected = copies(b.forward(s, tree.view()));
  b.commit(s, {});
  const auto mask = mask_of({skip::attention, skip::mlp, skip::both});
  b.forward(s, tree.view(), mask);
  b.commit(s, {});
  CHECK(same_bits(copies(b.forward(s, tree.view())), expected));
}

TEST_CASE("cpu: skipping nothing is the full pass, skipping everything forgets the context", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 1}};
  const std::vector<token> last{4};
  const auto tree = chain_of(last, b.vocab_size());
  const auto row_with = [&](std::uint64_t text, layer_mask mask) {
    auto s = b.open();
    b.prefill(s, random_tokens(9, b.vocab_size(), text));
    return copies(b.forward(s, tree.view(), mask));
  };
  const std::vector<skip> none(3, skip::none);
  const std::vector<skip> all(3, skip::both);
  CHECK(same_bits(row_with(1, none), row_with(1, {})));
  CHECK_FALSE(same_bits(row_with(1, {}), row_with(2, {})));
  CHECK(same_bits(row_with(1, all), row_with(2, all)));
}

TEST_CASE("cpu: a skipped sub-layer is one whose output is zero", "[cpu]") {
  for (const char* arch : {"llama", "gemma3"}) {
    tiny_model m{shape_of(arch, tensor_type::f32)};
    tiny_model silent = m;
    for (auto& byte : silent.tensors.at("blk.0.attn_output.weight").data) byte = {};
    for (auto& byte : silent.tensors.at("blk.1.ffn_down.weight").data) byte = {};
    cpu::backend b{m.file(), {.threads = 1}};
    cpu::backend with_zeros{silent.file(), {.threads = 1}};
    const auto tree = random_tree(9, b.vocab_size(), 3);
    const auto mask = mask_of({skip::attention, skip::mlp, skip::none});
    auto s = b.open();
    auto z = with_zeros.open();
    CHECK(same_bits(copies(b.forward(s, tree.view(), mask)), copies(with_zeros.forward(z, tree.view()))));
  }
}

TEST_CASE("cpu: a skipping pass can go on over several passes and be rolled back, not committed", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 1}};
  const auto mask = mask_of({skip::none, skip::both, skip::none});
  const auto tokens = random_tokens(6, b.vocab_size(), 4);
  const auto chain = chain_of(tokens, b.vocab_size());
  auto whole = b.open();
  const auto expected = copies(b.forward(whole, chain.view(), mask));

  auto s = b.open();
  const auto start = chain_of(std::span(tokens).first(2), b.vocab_size());
  b.forward(s, start.view(), mask);
  const auto rest = copies(b.forward(s, chain.view(2), mask));
  CHECK(same_bits(rest, {expected.begin() + 2, expected.end()}));

  const std::vector<node_id> path{0};
  CHECK_THROWS_WITH(b.commit(s, path), Catch::Matchers::Contains("without some layers"));
  b.commit(s, {});
  b.forward(s, start.view());
  CHECK_THROWS_WITH(b.forward(s, chain.view(2), mask), Catch::Matchers::Contains("another layer mask"));
  b.commit(s, path);
  CHECK(s.kept() == 1);
}

TEST_CASE("cpu: a mask of the wrong length is refused", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 1}};
  auto s = b.open();
  const auto mask = mask_of({skip::attention});
  const auto tree = random_tree(2, b.vocab_size(), 5);
  CHECK_THROWS_WITH(b.forward(s, tree.view(), mask), Catch::Matchers::Contains("1 entries for 3 layers"));
}
