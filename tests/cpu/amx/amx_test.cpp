// The matrix unit's kernels without its hardware: the model of tiles against numbers by hand, and products against the
// scalar kernels, over the model and as trapped machine code.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "ops.hpp"
#include "products.hpp"
#include "support/catch.hpp"
#include "tile_model.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

struct shapes {
  std::uint8_t bytes[64] = {1};

  shapes& set(int tile, std::uint8_t rows, std::uint8_t row_bytes) {
    bytes[16 + 2 * tile] = row_bytes;
    bytes[48 + tile] = rows;
    return *this;
  }
};

// Sums of 2 rows by 2 outputs, over 8 inputs.
shapes small() { return shapes{}.set(0, 2, 8).set(1, 2, 8).set(2, 2, 8).set(3, 1, 8); }

constexpr std::uint8_t rows_of_8[2][8] = {{1, 2, 3, 4, 255, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 128, 1}};  // 255 is -1
constexpr std::uint8_t weights[2][8] = {{1, 1, 1, 1, 200, 0, 0, 100},
                                        {10, 0, 7, 3, 20, 0, 255, 5}};  // [input / 4, 4 o]

const auto superblocks = {tensor_type::q4_k, tensor_type::q5_k, tensor_type::q6_k};

std::vector<const cpu::kernel_table*> unit_tables() {
  std::vector<const cpu::kernel_table*> out{&cpu::amx_model::table()};
  if (const auto* trapped = trapped_kernels()) out.push_back(trapped);
  if (cpu::available(cpu::isa::amx)) out.push_back(&cpu::kernels_for(cpu::isa::amx));
  return out;
}

}  // namespace

TEST_CASE("tile model: a product adds four bytes of a row times four bytes of an output, signed as asked", "[amx]") {
  tile_model m;
  m.configure(small().bytes);
  m.load(1, rows_of_8, 8);
  m.load(2, weights, 8);
  std::int32_t sums[2][2] = {{1000, 2000}, {3000, 4000}};
  m.load(0, sums, 8);
  m.multiply_add(0, 1, 2, false);
  m.store(0, sums, 8);
  // Row 0: 1 + 2 + 3 + 4 - 10 and 200 + 400 - 20; row 1: -128 * 7 + 3 and -128 * 255 + 5.
  CHECK(sums[0][0] == 1000);
  CHECK(sums[0][1] == 2580);
  CHECK(sums[1][0] == 3000 - 893);
  CHECK(sums[1][1] == 4000 - 32635);
  m.zero(0);
  m.multiply_add(0, 1, 2, true);  // 200 is -56 and 255 is -1
  m.store(0, sums, 8);
  CHECK(sums[0][1] == -56 + 400 - 20);
  CHECK(sums[1][1] == 128 + 5);
  CHECK(m.products() == 2);
  CHECK(m.fault() == nullptr);
}

TEST_CASE("tile model: what lies beyond a shape is neither read nor written, and is zero in a product", "[amx]") {
  tile_model m;
  m.configure(small().bytes);
  std::uint8_t bytes[4][16];
  std::memset(bytes, 9, sizeof bytes);
  m.zero(3);
  m.store(3, bytes, 16);
  CHECK(bytes[0][7] == 0);
  CHECK(bytes[0][8] == 9);
  CHECK(bytes[1][0] == 9);
  m.configure(shapes{}.set(0, 16, 64).bytes);  // a new shape finds no old numbers
  std::vector<std::uint8_t> whole(1024, 1);
  m.store(0, whole.data(), 64);
  CHECK(std::count(whole.begin(), whole.end(), 0) == 1024);
  CHECK(m.fault() == nullptr);
}

TEST_CASE("tile model: what the processor refuses is refused", "[amx]") {
  const auto fault_of = [](const auto& f) {
    tile_model m;
    m.configure(small().bytes);
    f(m);
    return std::string(m.fault() == nullptr ? "" : m.fault());
  };
  const auto configuring = [&](const shapes& s) { return fault_of([&](tile_model& m) { m.configure(s.bytes); }); };
  CHECK(configuring(shapes{}.set(0, 17, 64)) == "a tile that is too large");
  CHECK(configuring(shapes{}.set(0, 16, 0)) == "a shape with rows or bytes alone");
  CHECK(configuring(shapes{}.set(8, 1, 4)) == "a tile beyond the eighth");
  shapes wrong = small();
  wrong.bytes[2] = 1;
  CHECK(configuring(wrong) == "a reserved byte that is not zero");
  CHECK(fault_of([](tile_model& m) { m.zero(4); }) == "a tile without a shape");
  CHECK(fault_of([](tile_model& m) { m.multiply_add(0, 1, 1, false); }) == "one tile twice");
  CHECK(fault_of([](tile_model& m) { m.multiply_add(0, 1, 3, false); }) == "shapes that do not fit");
  CHECK(fault_of([](tile_model& m) {
          m.release();
          m.zero(0);
        }) == "tiles are not configured");
}

TEST_CASE("amx: tiles are configured, multiplied as often as counted, and given back", "[amx]") {
  const matrix m = random_matrix(tensor_type::q4_k, 71, 512, 44);
  const auto x = noise{72}.floats(20 * 512, -2, 2);
  const std::size_t before = tiles().products();
  multiply(cpu::amx_model::table(), m, x, 0, 20);
  CHECK(tiles().products() - before == 2 * 2 * 2 * 16);  // pairs of strips, blocks, tiles of rows, four steps of four
  CHECK_FALSE(tiles().configured());
  multiply(cpu::amx_model::table(), m, x, 0, 4);  // too few rows
  CHECK(tiles().products() - before == 2 * 2 * 2 * 16);
  CHECK(tiles().fault() == nullptr);
}

// All rows at once, turned by one place each time, so that every row visits every place of every tile.
TEST_CASE("amx: a row has the bits of the scalar kernels wherever it lies among 64", "[amx]") {
  constexpr std::size_t inputs = 256;
  constexpr std::size_t rows = 64;
  const tile_trap trap;
  for (const auto type : superblocks) {
    const matrix m = random_matrix(type, 81, inputs, 32);
    auto x = noise{82}.floats(rows * inputs, -2, 2);
    auto expected = multiply(cpu::kernels_for(cpu::isa::scalar), m, x, 0, rows);
    for (std::size_t turn = 0; turn < rows; ++turn) {
      CAPTURE(turn, gguf::traits_of(type).name);
      for (const auto* table : unit_tables()) REQUIRE(same_bits(multiply(*table, m, x, 0, rows), expected));
      std::rotate(x.begin(), x.begin() + inputs, x.end());
      std::rotate(expected.begin(), expected.begin() + 1, expected.end());
    }
  }
  CHECK(tiles().fault() == nullptr);
}

TEST_CASE("amx: matrices of any number of outputs and blocks, and passes beyond 64 rows, have the scalar bits",
          "[amx]") {
  const tile_trap trap;
  for (const auto type : superblocks) {
    for (const std::size_t inputs : {256u, 768u}) {
      for (const std::size_t outputs : {1u, 15u, 16u, 17u, 31u, 33u, 80u}) {
        const matrix m = random_matrix(type, 91 + outputs, inputs, outputs);
        const auto x = noise{92}.floats(83 * inputs, -2, 2);
        for (const std::size_t rows : {5u, 9u, 16u, 83u}) {
          CAPTURE(inputs, outputs, rows, gguf::traits_of(type).name);
          const auto expected = multiply(cpu::kernels_for(cpu::isa::scalar), m, x, 0, rows);
          for (const auto* table : unit_tables()) REQUIRE(same_bits(multiply(*table, m, x, 0, rows), expected));
        }
      }
    }
  }
  CHECK(tiles().fault() == nullptr);
}

namespace {

// Products of passes of some rows one after another, by the operations that a model's graph is made of.
std::vector<row> products_of_passes(const cpu::kernel_table& with, const matrix& m) {
  gguf::model_config config;
  config.width = config.ff_width = m.packed.inputs;
  config.heads = config.kv_heads = 4;
  config.head_dim = m.packed.inputs / 4;
  config.rope_base = 10000;
  cpu::pool threads{2};
  cpu::cpu_ops ops{config, with, threads};
  cpu::row_buffer& x = ops.buffers().x;
  cpu::row_buffer& out = ops.buffers().out;
  std::vector<row> results;
  noise from{112};
  for (const std::size_t rows : {3u, 21u, 6u, 4u, 64u, 9u}) {
    const std::vector<cpu::pass_row> pass(rows, cpu::pass_row{nullptr, 0, 0, {}, 0});
    ops.begin(pass, {});
    for (std::size_t r = 0; r < rows; ++r) std::generate_n(x.rows[r], x.width, [&] { return from.uniform(-2, 2); });
    ops.multiply(x, {{&m.packed, nullptr, &out}});
    ops.finish();
    for (std::size_t r = 0; r < rows; ++r) results.push_back({out.rows[r], out.rows[r] + out.width});
  }
  return results;
}

}  // namespace

TEST_CASE("amx: rows of a pass lie in the groups that its kernels read, whatever passes came before", "[amx]") {
  const tile_trap trap;
  for (const auto type : {tensor_type::q4_k, tensor_type::q6_k, tensor_type::q4_1, tensor_type::f16}) {
    INFO(gguf::traits_of(type).name);
    const matrix m = random_matrix(type, 111, 512, 512);
    const auto expected = products_of_passes(cpu::kernels_for(cpu::isa::scalar), m);
    for (const auto* table : unit_tables()) CHECK(same_bits(products_of_passes(*table, m), expected));
  }
}

TEST_CASE("amx: the machine code runs trapped, where there is no AMX but AVX-512", "[amx]") {
  const auto* trapped = trapped_kernels();
  if (trapped == nullptr) {
    std::cout << "SKIPPED: no AVX-512, or AMX itself\n";
    return;
  }
  CHECK(std::string(trapped->name) == "amx");
  const tile_trap trap;
  const matrix m = random_matrix(tensor_type::q6_k, 101, 256, 32);
  const std::size_t before = tiles().products();
  multiply(*trapped, m, noise{102}.floats(16 * 256), 0, 16);
  CHECK(tiles().products() - before == 16);
}

TEST_CASE("amx: kernels that cannot run are refused, and the best others are taken", "[amx]") {
  if (cpu::available(cpu::isa::amx)) {
    CHECK(std::string(cpu::kernels_for(cpu::isa::best).name) == "amx");
    CHECK(std::string(cpu::kernels_for(cpu::isa::avx512).name) == "avx512");
  } else {
    CHECK_THROWS_AS(cpu::kernels_for(cpu::isa::amx), error);
    CHECK(std::string(cpu::kernels_for(cpu::isa::best).name) != "amx");
  }
}
