// What `hunch --device` runs on: the program's seam between devices, over the emulated one.
#include <string>
#include <vector>

#include <hunch/cpu/backend.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/match.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "runtime.hpp"
#include "support/catch.hpp"

#include "../../examples/cli/device.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

constexpr std::size_t length = 12;

template <class B, class W>
std::vector<token> drafted(B& model, W warp) {
  auto decoder = speculate(model, with_length(coupled_model_drafter(model, warp), fixed_length{3}), match{warp});
  decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = length});
  while (decoder.step().status == status::running) continue;
  return {decoder.text().begin(), decoder.text().end()};
}

}  // namespace

TEST_CASE("hunch --device: the texts of the backend that was asked for, and no logits cross for them", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  const gguf::file file = m.file();
  cuda::backend gpu{file};
  cpu::backend processor{file, {.threads = 1}};
  cli::device_backend as_gpu{file, "cuda:0", 1, 0}, as_processor{file, "cpu", 1, 0};
  CHECK(as_gpu.about().kernels() == "cuda on emulated on the host");
  CHECK(as_gpu.context() == gpu.context());
  const auto same = [&](auto warp) {
    const std::size_t before = cuda::emulation::to_host;
    const auto text = drafted(as_gpu, warp);
    CHECK(cuda::emulation::to_host - before <= length * (3 + 4) * sizeof(token));
    CHECK(text == drafted(gpu, warp));
    CHECK(drafted(as_processor, warp) == drafted(processor, warp));
  };
  same(greedy{});
  same(temperature{0.7F});
}

TEST_CASE("hunch --device: a row on the processor gives the tokens of its logits", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cli::device_backend b{m.file(), "cpu", 1, 0};
  auto s = b.open();
  b.prefill(s, random_tokens(5, 50, 1));
  const draft_tree tree = random_tree(4, 50, 2);
  const auto rows = b.forward(s, tree.view());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> row{rows[i]};
    CHECK(rows[i].argmax() == argmax(row));
    CHECK(rows[i].at_position(40 + i, 3, 0.5F) == philox{3}.at_position(40 + i, row, 0.5F));
  }
}

TEST_CASE("hunch --device: a device that is not there is refused by name", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  const gguf::file file = m.file();
  CHECK_THROWS_WITH((cli::device_backend{file, "cuda:1", 1, 0}), "cuda: there is no device 1; this machine has 1");
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x"})
    CHECK_THROWS_WITH((cli::device_backend{file, name, 1, 0}),
                      std::string("there is no device '") + name + "'; --device takes cpu, cuda or cuda:N");
}
