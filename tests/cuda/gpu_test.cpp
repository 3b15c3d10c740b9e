// What only a GPU can show: real models, and the noise and the products as its instructions compute them.
#include <cmath>
#include <string>
#include <vector>

#include <hunch/cpu/backend.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/testing/backend_laws.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "device.hpp"
#include "support/models.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("cuda: every type of matrix keeps the laws on the GPU", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  for (const char* arch : {"llama", "qwen2", "gemma3"}) {
    for (const auto type : matrix_types) {
      INFO(arch << " " << gguf::traits_of(type).name);
      tiny_model m{shape_of(arch, type)};
      cuda::backend b{m.file()};
      CHECK(testing::backend_laws(b) == std::vector<std::string>{});
    }
  }
}

TEST_CASE("cuda: real models say what the CPU says, within 2 % of the size of the logits", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  bool any = false;
  for (const char* name : {"smollm2", "qwen", "gemma"}) {
    const auto path = model_path(name);
    if (!path) continue;
    any = true;
    INFO(name);
    const gguf::file file{*path};
    cuda::backend on_gpu{file, {.context = 512}};
    cpu::backend on_cpu{file, {.context = 512}};
    auto s = on_gpu.open();
    auto t = on_cpu.open();
    const std::vector<token> text = random_tokens(100, on_gpu.vocab_size() / 2, 1);
    on_gpu.prefill(s, text);
    on_cpu.prefill(t, text);
    const draft_tree tree = random_tree(16, on_gpu.vocab_size() / 2, 2);
    const auto got = on_gpu.forward(s, tree.view());
    const auto want = on_cpu.forward(t, tree.view());
    for (std::size_t i = 0; i < tree.size(); ++i) {
      double square = 0, most = 0;
      for (std::size_t v = 0; v < got[i].size(); ++v) {
        square += static_cast<double>(want[i][v]) * static_cast<double>(want[i][v]);
        most = std::max(most, std::abs(static_cast<double>(got[i][v]) - static_cast<double>(want[i][v])));
      }
      CHECK(most <= 2e-2 * std::sqrt(square / static_cast<double>(got[i].size())));
    }
  }
  if (!any) HUNCH_SKIP(absent_model("smollm2"));
}
