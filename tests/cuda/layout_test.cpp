// How matrices lie in device memory: value by value what the CPU backend reads from the file.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/noise.hpp"
#include "cpu/passes.hpp"
#include "layout.hpp"
#include "pack.hpp"
#include "packed.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("cuda layout: every value of every type is the one that the CPU backend reads", "[cuda]") {
  for (const auto type : matrix_types) {
    for (const std::size_t inputs : {std::size_t{256}, std::size_t{768}, std::size_t{96}}) {
      const auto& traits = gguf::traits_of(type);
      if (inputs % traits.block_values != 0) continue;
      INFO(traits.name << " " << inputs);
      noise from{inputs};
      const std::vector<std::byte> data = random_weights(from, type, inputs, 19);
      gguf::tensor t{"test", type, {inputs, 19}, data};
      std::vector<std::uint8_t> planes(cuda::planes_of(cuda::shape_of(t)).all());
      cuda::pack(t, planes);
      const cuda::matrix_view m = cuda::placed(cuda::shape_of(t), planes.data());
      row expected(inputs), got(inputs);
      for (unsigned o = 0; o < 19; ++o) {
        cpu::table_of(t).read(o, 1, expected.data());
        for (unsigned i = 0; i < inputs; ++i) got[i] = cuda::value_at(m, o, i);
        CHECK(same_bits(std::span<const float>(got), std::span<const float>(expected)));
      }
    }
  }
}

TEST_CASE("cuda layout: outputs that fill a tile and blocks that fill a group are zero", "[cuda]") {
  noise from{1};
  const std::vector<std::byte> data = random_weights(from, gguf::tensor_type::q5_1, 160, 3);
  gguf::tensor t{"test", gguf::tensor_type::q5_1, {160, 3}, data};
  cuda::matrix_view m = cuda::shape_of(t);
  CHECK(m.groups() == 2);  // 160 inputs are five blocks: a group of four, and one that is filled up
  CHECK(cuda::planes_of(m).codes == 16 * 2 * 64);
  std::vector<std::uint8_t> planes(cuda::planes_of(m).all(), 255);
  cuda::pack(t, planes);
  m = cuda::placed(m, planes.data());
  for (unsigned i = 0; i < 96; ++i) CHECK(cuda::code_of(m, m.group_at(2, 1), 32 + i) == 0);
  for (unsigned i = 0; i < 128; ++i) CHECK(cuda::code_of(m, m.group_at(15, 0), i) == 0);
}

TEST_CASE("cuda layout: words of four codes", "[cuda]") {
  CHECK(cuda::low_nibbles(0x1f2e3d4cu) == 0x0f0e0d0cu);
  CHECK(cuda::high_nibbles(0x1f2e3d4cu) == 0x01020304u);
  CHECK(cuda::fifth_of(0b0101) == 0x00100010u);
  CHECK(cuda::fifth_of(0b11111010) == 0x10001000u);  // only the four lowest bits count
  CHECK(cuda::less<8>(0x0f080700u) == 0x0700fff8u);  // 7, 0, -1, -8
  CHECK(cuda::less<32>(0x3f201f00u) == 0x1f00ffe0u);
  CHECK(cuda::less<0>(0x3f201f00u) == 0x3f201f00u);
}

TEST_CASE("cuda layout: half-precision numbers have their exact values", "[cuda]") {
  const auto value = [](std::uint16_t h) { return static_cast<double>(cuda::half_of(h)); };
  CHECK(value(0x3c00) == 1.0);
  CHECK(value(0xc100) == -2.5);
  CHECK(value(0x7bff) == 65504.0);
  CHECK(value(0x0400) == std::ldexp(1, -14));
  CHECK(value(0x0001) == std::ldexp(1, -24));
  CHECK(std::signbit(value(0x8000)));
}

TEST_CASE("cuda layout: a type without a kernel is refused by name", "[cuda]") {
  gguf::tensor t{"blk.0.attn_q.weight", gguf::tensor_type::q2_k, {256, 4}, {}};
  CHECK_THROWS_WITH(cuda::format_of(t),
                    "cuda: tensor 'blk.0.attn_q.weight' is Q2_K, which is not supported; supported: F32, F16, BF16, "
                    "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K");
}
