// Matrix products: every instruction set and every number of rows give the bits of the scalar kernels.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "blocks.hpp"
#include "dequantised.hpp"
#include "products.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

constexpr std::size_t max_rows = 64;
constexpr std::size_t inputs = 512;
constexpr std::size_t outputs = 44;  // two strips and twelve outputs of a third

// Activations with an outlier, a row of zeros and a block of zeros.
std::vector<float> activations(std::uint64_t seed) {
  noise from{seed};
  auto x = from.floats(max_rows * inputs, -2, 2);
  x[5 * inputs + 7] = 150;
  for (std::size_t i = 0; i < inputs; ++i) x[3 * inputs + i] = 0;
  for (std::size_t i = 0; i < 256; ++i) x[9 * inputs + i] = 0;
  return x;
}

matrix random_matrix(tensor_type type, std::uint64_t seed) { return test::random_matrix(type, seed, inputs, outputs); }

// Largest values in every block, those of Q6_K negative.
std::vector<std::byte> extreme_weights(tensor_type type, std::uint64_t seed) {
  noise from{seed};
  auto data = random_weights(from, type, inputs, outputs);
  const auto each = [&](auto block, auto&& change) {
    for (std::size_t at = 0; at < data.size(); at += sizeof block) {
      std::memcpy(&block, data.data() + at, sizeof block);
      change(block);
      std::memcpy(data.data() + at, &block, sizeof block);
    }
  };
  if (type == tensor_type::q4_k) each(cpu::block_q4_k{}, [](auto& b) { std::memset(b.q, 0xff, sizeof b.q); });
  if (type == tensor_type::q5_k)
    each(cpu::block_q5_k{}, [](auto& b) {
      std::memset(b.q, 0xff, sizeof b.q);
      std::memset(b.fifth, 0xff, sizeof b.fifth);
    });
  if (type == tensor_type::q6_k)
    each(cpu::block_q6_k{}, [](auto& b) {
      std::memset(b.low, 0, sizeof b.low);
      std::memset(b.high, 0, sizeof b.high);
    });
  return data;
}

}  // namespace

TEST_CASE("kernels: a row alone and in any batch of 1 to 64 has the bits of the scalar kernels", "[kernels]") {
  for (const auto type : matrix_types) {
    const matrix m = random_matrix(type, 11);
    const auto& scalar = cpu::kernels_for(cpu::isa::scalar);
    const auto x = activations(12);
    std::vector<row> alone;
    for (std::size_t r = 0; r < max_rows; ++r) alone.push_back(multiply(scalar, m, x, r, 1)[0]);
    for (const auto* table : all_tables{}) {
      INFO(gguf::traits_of(type).name << " " << table->name);
      for (std::size_t n = 1; n <= max_rows; ++n) {
        const std::size_t first = (n * 7) % (max_rows - n + 1);
        const auto batch = multiply(*table, m, x, first, n);
        const std::vector<row> expected(alone.begin() + static_cast<std::ptrdiff_t>(first),
                                        alone.begin() + static_cast<std::ptrdiff_t>(first + n));
        CAPTURE(n, first);
        REQUIRE(same_bits(batch, expected));
      }
    }
  }
}

TEST_CASE("kernels: outputs beyond the last are not written", "[kernels]") {
  for (const auto type : matrix_types) {
    const matrix m = random_matrix(type, 21);
    for (const auto* table : all_tables{}) {
      CHECK(multiply(*table, m, activations(22), 0, 1)[0][outputs] == -77.0F);
    }
  }
}

TEST_CASE("kernels: a bias is added after the product", "[kernels]") {
  noise from{31};
  const auto bias = from.floats(outputs);
  const matrix m = random_matrix(tensor_type::q4_1, 32);
  for (const auto* table : all_tables{}) {
    const auto x = activations(33);
    const row without = multiply(*table, m, x, 0, 1)[0];
    const row with = multiply(*table, m, x, 0, 1, bias.data())[0];
    for (std::size_t o = 0; o < outputs; ++o) CHECK(with[o] == without[o] + bias[o]);
  }
}

namespace {

// The only error left is that of float sums: a few roundings for each of at most `inputs` terms.
void check_against_dequantised(const cpu::kernel_table& table, tensor_type type, const matrix& m,
                               const std::vector<float>& x, std::size_t rows) {
  const auto weights = dequantised(type, m.data);
  const quantised_rows in{cpu::kernels_for(cpu::isa::scalar), cpu::activations_of(m.packed.kind), x, inputs};
  const bool exact = cpu::activations_of(m.packed.kind) == cpu::activation_kind::f32;
  INFO(gguf::traits_of(type).name << " " << table.name);
  const auto got = multiply(table, m, x, 0, rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = 0;
      double magnitude = 0;
      for (std::size_t i = 0; i < inputs; ++i) {
        const std::size_t at = in.place(r, i);
        const double a = exact ? static_cast<double>(x[r * inputs + i])
                               : in.q[at * in.block + i % in.block] * static_cast<double>(in.scale[at]);
        sum += weights[o * inputs + i] * a;
        magnitude += std::abs(weights[o * inputs + i] * a);
      }
      REQUIRE(std::abs(static_cast<double>(got[r][o]) - sum) <= 2e-6 * magnitude);
    }
  }
}

}  // namespace

TEST_CASE("kernels: products are those of the dequantised numbers, within 2e-6 of the sum of magnitudes", "[kernels]") {
  for (const auto type : matrix_types)
    check_against_dequantised(cpu::kernels_for(cpu::isa::scalar), type, random_matrix(type, 41), activations(42), 8);
}

// Activations of one size and sign make sums over a part that 16 bits cannot hold; the rows of a second tile make some
// that it can.
TEST_CASE("kernels: the largest weights times the largest activations are counted in full", "[kernels]") {
  for (const auto type : {tensor_type::q4_k, tensor_type::q5_k, tensor_type::q6_k}) {
    const matrix m = matrix_of(type, extreme_weights(type, 61), inputs, outputs);
    std::vector<float> x(max_rows * inputs, 1.0F);
    for (std::size_t r = 8; r < 16; ++r)
      for (std::size_t i = 0; i < inputs; ++i) x[r * inputs + i] = i % 8 == 0 ? 1.0F : 0.01F;
    for (const auto* table : all_tables{}) check_against_dequantised(*table, type, m, x, 19);
  }
}

// Float weights run in two chains of inputs; the last of an odd number belongs to the first.
TEST_CASE("kernels: float products of an odd number of inputs count every input, on every instruction set",
          "[kernels]") {
  constexpr std::size_t odd = 17;
  for (const auto type : {tensor_type::f32, tensor_type::f16, tensor_type::bf16}) {
    INFO(gguf::traits_of(type).name);
    noise from{51};
    const auto data = random_weights(from, type, odd, outputs);
    const auto x = from.floats(3 * odd, -2, 2);
    const auto weights = dequantised(type, data);
    gguf::tensor t;
    t.type = type;
    t.shape = {odd, outputs};
    t.data = data;
    cpu::pool one{1};
    cpu::weight_arena arena{cpu::packed_bytes(t)};
    const auto m = cpu::pack(t, arena, one);
    std::vector<row> scalar;
    for (const auto* table : all_tables{}) {
      std::vector<row> got(3, row(outputs));
      float* const rows[] = {got[0].data(), got[1].data(), got[2].data()};
      table->multiply[static_cast<std::size_t>(m.kind)]({.kind = m.kind,
                                                         .weights = reinterpret_cast<const unsigned char*>(m.data),
                                                         .bias = nullptr,
                                                         .inputs = odd,
                                                         .outputs = outputs,
                                                         .in = {.f32 = x.data()},
                                                         .rows = 3,
                                                         .out = rows,
                                                         .first_strip = 0,
                                                         .last_strip = m.strips()});
      if (scalar.empty()) scalar = got;
      REQUIRE(same_bits(got, scalar));
      for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t o = 0; o < outputs; ++o) {
          double sum = 0;
          for (std::size_t i = 0; i < odd; ++i) sum += weights[o * odd + i] * static_cast<double>(x[r * odd + i]);
          CHECK(std::abs(static_cast<double>(got[r][o]) - sum) <= 1e-5);
        }
      }
    }
  }
}
