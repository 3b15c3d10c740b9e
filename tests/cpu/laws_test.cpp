// The laws that are shipped for everybody's backends, on tiny models.
#include <string>
#include <vector>

#include <hunch/cpu/backend.hpp>
#include <hunch/testing/backend_laws.hpp>

#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("cpu: keeps the shipped laws of backends, to the bit", "[cpu]") {
  for (const char* arch : {"llama", "qwen2", "gemma3"}) {
    for (const auto type : matrix_types) {
      INFO(arch << " " << gguf::traits_of(type).name);
      tiny_model m{shape_of(arch, type)};
      cpu::backend b{m.file(), {.threads = 2}};
      CHECK(testing::backend_laws(b) == std::vector<std::string>{});
    }
  }
}
