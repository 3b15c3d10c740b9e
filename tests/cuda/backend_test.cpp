// The backend against the laws and against the CPU's. Built twice: over the emulated device, and for a GPU.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <hunch/cpu/backend.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/testing/backend_laws.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "device.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

static_assert(Backend<cuda::backend> && Rewindable<cuda::backend> && Forkable<cuda::backend>);
static_assert(LayerSkippable<cuda::backend> && BatchBackend<cuda::backend> && HiddenStates<cuda::backend>);

namespace {

constexpr const char* architectures[] = {"llama", "qwen2", "gemma3"};

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double most = a.size() == b.size() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}
double size_of(std::span<const float> a) {
  double sum = 0;
  for (const float v : a) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace

TEST_CASE("cuda: keeps the shipped laws of backends, to the bit", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  const std::pair<const char*, tensor_type> models[] = {
      {"llama", tensor_type::q4_1}, {"qwen2", tensor_type::q5_0}, {"gemma3", tensor_type::bf16}};
  for (const auto& [arch, type] : models) {
    INFO(arch << " " << gguf::traits_of(type).name);
    tiny_shape shape = shape_of(arch, type);
    shape.layers = 2;
    shape.pattern = 2;
    tiny_model m{shape};
    cuda::backend b{m.file()};
    CHECK(testing::backend_laws(b, {.rounds = 2, .prefix = 6, .nodes = 3}) == std::vector<std::string>{});
  }
}

TEST_CASE("cuda: a text of one token has the very bits of the CPU, for all quantised types", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  for (const char* arch : architectures) {
    for (const auto type : matrix_types) {
      if (gguf::traits_of(type).block_values == 1) continue;  // float products add in another order
      INFO(arch << " " << gguf::traits_of(type).name);
      tiny_model m{shape_of(arch, type)};
      cuda::backend on_gpu{m.file()};
      cpu::backend on_cpu{m.file(), {.threads = 1}};
      auto s = on_gpu.open();
      auto t = on_cpu.open();
      const draft_tree tree = chain_of(std::vector<token>{17}, 50);
      const auto rows = on_gpu.forward(s, tree.view());
      CHECK(same_bits(rows[0], on_cpu.forward(t, tree.view())[0]));
      CHECK(same_bits(on_gpu.hidden(s, 0), on_cpu.hidden(t, 0)));
    }
  }
}

// Attention adds in another order than the CPU's, so a key or value that lies between two half-precision numbers may
// be rounded to the other one, and an activation to the next int8.
TEST_CASE("cuda: logits are the CPU's within 0.1 % of their size, 6 % with int8, over splits and windows", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  const std::pair<const char*, tensor_type> models[] = {{"llama", tensor_type::f32},
                                                        {"qwen2", tensor_type::f16},
                                                        {"gemma3", tensor_type::f32},
                                                        {"llama", tensor_type::q8_0}};
  for (const auto& [arch, type] : models) {
    INFO(arch << " " << gguf::traits_of(type).name);
    tiny_model m{shape_of(arch, type)};
    cuda::backend on_gpu{m.file()};
    cpu::backend on_cpu{m.file(), {.threads = 1}};
    auto s = on_gpu.open();
    auto t = on_cpu.open();
    const std::vector<token> text = random_tokens(62, 50, 3);
    on_gpu.prefill(s, text);
    on_cpu.prefill(t, text);
    const draft_tree tree = random_tree(12, 50, 4);
    const auto got = on_gpu.forward(s, tree.view());
    const auto want = on_cpu.forward(t, tree.view());
    const double bound = type == tensor_type::q8_0 ? 6e-2 : 1e-3;
    for (std::size_t i = 0; i < tree.size(); ++i)
      CHECK(largest_difference(got[i], want[i]) <= bound * size_of(want[i]));
  }
}

TEST_CASE("cuda: a tree of more nodes than one run takes has the rows of its chains", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("llama", tensor_type::q4_0)};
  cuda::backend b{m.file()};
  auto s = b.open();
  const draft_tree tree = random_tree(150, 50, 8);
  const auto rows = copies(b.forward(s, tree.view()));
  REQUIRE(rows.size() == 150);
  for (const node_id n : {node_id{0}, node_id{63}, node_id{64}, node_id{149}}) {
    auto alone = b.open();
    const draft_tree chain = chain_of(tokens_on(tree, path_to(tree, n)), 50);
    CHECK(same_bits(b.forward(alone, chain.view())[chain.size() - 1], rows[n]));
  }
  const auto path = path_to(tree, 149);
  b.commit(s, path);
  auto fresh = b.open();
  b.prefill(fresh, tokens_on(tree, path));
  const draft_tree next = random_tree(5, 50, 9);
  CHECK(same_bits(copies(b.forward(s, next.view())), copies(b.forward(fresh, next.view()))));
}

TEST_CASE("cuda: passes that are launched as graphs have the bits of passes that are not", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("gemma3", tensor_type::q5_1)};
  cuda::backend with{m.file()};
  cuda::backend without{m.file(), {.graphs = false}};
  auto s = with.open();
  auto t = without.open();
  const std::vector<skip> mask = {skip::none, skip::both, skip::mlp};
  for (std::uint64_t round = 0; round < 4; ++round) {  // the first pass of a shape is launched, the second recorded
    const std::vector<token> more = random_tokens(12, 50, round);
    with.prefill(s, more);
    without.prefill(t, more);
    const draft_tree tree = random_tree(3 + round, 50, 10 + round);
    CHECK(same_bits(copies(with.forward(s, tree.view(), mask)), copies(without.forward(t, tree.view(), mask))));
    with.commit(s, {});
    without.commit(t, {});
    CHECK(same_bits(copies(with.forward(s, tree.view())), copies(without.forward(t, tree.view()))));
    const auto path = path_to(tree, static_cast<node_id>(tree.size() - 1));
    with.commit(s, path);
    without.commit(t, path);
  }
}

TEST_CASE("cuda: what cannot be run is refused by name and leaves the sequence as it was", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("llama", tensor_type::q4_0)};
  cuda::backend b{m.file(), {.context = 20}};
  auto s = b.open();
  b.prefill(s, random_tokens(10, 50, 1));
  CHECK_THROWS_WITH(b.forward(s, chain_of(std::vector<token>{50}, 51).view()),
                    "cuda: token 50 is outside the vocabulary of 50; use the tokenizer of this model");
  CHECK_THROWS_WITH(
      b.prefill(s, random_tokens(11, 50, 1)),
      "cuda: 11 tokens do not fit, there is room for 10; ask room() before a pass, or use a larger context");
  CHECK_THROWS_AS(b.forward(s, random_tree(11, 50, 1).view()), hunch::error);
  const draft_tree tree = random_tree(3, 50, 2);
  const std::vector<skip> mask(2, skip::mlp);
  CHECK_THROWS_WITH(b.forward(s, tree.view(), mask),
                    "cuda: a layer mask of 2 entries for 3 layers; give one entry a layer");
  CHECK(s.kept() == 10);
  CHECK(s.pending() == 0);
  CHECK(b.room(s) == 10);
  CHECK(b.forward(s, tree.view()).size() == 3);
}

TEST_CASE("cuda: a tied head is held once", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model tied{shape_of("llama", tensor_type::f32)};
  cuda::backend b{tied.file()};
  std::size_t bytes = 0;
  for (const auto& [name, t] : tied.tensors) bytes += t.data.size();
  CHECK(b.memory().weight_bytes >= bytes);
  CHECK(b.memory().weight_bytes < bytes + 256 * tied.tensors.size());  // planes are aligned
}
