// Products on the (emulated) device: the bits of the CPU's scalar kernels, for any number of rows.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "cpu/dequantised.hpp"
#include "cpu/noise.hpp"
#include "cpu/passes.hpp"
#include "dispatch.hpp"
#include "kernels/float_products.hpp"
#include "kernels/products.hpp"
#include "launch.hpp"
#include "pack.hpp"
#include "packed.hpp"
#include "pool.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

// Quantised values and what belongs to them.
struct quantised {
  std::vector<signed char> q;
  std::vector<float> scale, scaled_sum;
  std::vector<std::int32_t> sum, offset;
  std::vector<std::int16_t> sums;

  quantised(std::size_t values, std::size_t block)
      : q(values),
        scale(values / block),
        scaled_sum(values / 32),
        sum(values / 32),
        offset(values / 16),
        sums(values / 32) {}
};

// Rows that the CPU's kernels rounded: in groups, as they read them, and row after row, as the device does.
struct rounded {
  std::vector<float> x;
  quantised grouped;
  quantised in_rows;

  rounded(std::size_t rows, std::size_t inputs, std::size_t block)
      : grouped{(rows + cpu::group_rows - 1) / cpu::group_rows * cpu::group_rows * inputs, block},
        in_rows{rows * inputs, block} {
    noise from{inputs};
    x = from.floats(rows * inputs, -2, 2);
    x[7] = 150;
    if (rows > 3) std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(3 * inputs), inputs, 0.0F);
    const auto& table = cpu::kernels_for(cpu::isa::scalar);
    const std::size_t blocks = inputs / block;
    quantised& g = grouped;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = cpu::block_at(r, 0, blocks);
      (block == 32 ? table.quantise_32 : table.quantise_256)(
          x.data() + r * inputs, inputs,
          {g.q.data() + at * block, g.scale.data() + at, g.scaled_sum.data() + at, g.sum.data() + at,
           g.offset.data() + 16 * at, g.sums.data() + 8 * at});
      for (std::size_t b = 0; b < blocks; ++b) copy_block(cpu::block_at(r, b, blocks), r * blocks + b, block);
    }
  }
  [[nodiscard]] cpu::activation_rows rows() const {
    const quantised& g = grouped;
    return {x.data(), g.q.data(), g.scale.data(), g.scaled_sum.data(), g.sum.data(), g.offset.data(), g.sums.data()};
  }
  [[nodiscard]] cuda::quantised_view view() const {
    return {reinterpret_cast<const std::int8_t*>(in_rows.q.data()), in_rows.scale.data(), in_rows.scaled_sum.data(),
            in_rows.sums.data()};
  }

 private:
  void copy_block(std::size_t from, std::size_t to, std::size_t block) {
    const auto copy = [&](const auto& source, auto& target, std::size_t each) {
      std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from * each), each,
                  target.begin() + static_cast<std::ptrdiff_t>(to * each));
    };
    copy(grouped.q, in_rows.q, block);
    copy(grouped.scale, in_rows.scale, 1);
    if (block == 32) copy(grouped.scaled_sum, in_rows.scaled_sum, 1);
    if (block == 256) copy(grouped.sums, in_rows.sums, 8);
  }
};

struct test_matrix {
  std::vector<std::byte> data;
  gguf::tensor tensor;
  cpu::weight_arena arena{0};
  cpu::packed_matrix packed;
  cuda::device_array<std::uint8_t> planes;
  cuda::matrix_view on_device;

  test_matrix(tensor_type type, std::size_t inputs, std::size_t outputs, std::uint64_t seed) {
    noise from{seed};
    data = random_weights(from, type, inputs, outputs);
    tensor = {"test", type, {inputs, outputs}, data};
    cpu::pool one{1};
    arena = cpu::weight_arena{cpu::packed_bytes(tensor)};
    packed = cpu::pack(tensor, arena, one);
    planes = cuda::device_array<std::uint8_t>{cuda::planes_of(cuda::shape_of(tensor)).all()};
    cuda::pack(tensor, {planes.data(), planes.size()});
    on_device = cuda::placed(cuda::shape_of(tensor), planes.data());
  }

  [[nodiscard]] std::vector<row> on_cpu(const rounded& in, std::size_t rows, const float* bias) const {
    std::vector<row> out(rows, row(tensor.rows()));
    std::vector<float*> pointers;
    for (auto& r : out) pointers.push_back(r.data());
    cpu::kernels_for(cpu::isa::scalar)
        .multiply[static_cast<std::size_t>(packed.kind)](
            {.kind = packed.kind,
             .weights = reinterpret_cast<const unsigned char*>(packed.data),
             .bias = bias,
             .inputs = packed.inputs,
             .outputs = packed.outputs,
             .in = in.rows(),
             .rows = rows,
             .out = pointers.data(),
             .first_strip = 0,
             .last_strip = packed.strips()});
    return out;
  }
};

template <unsigned Tiles>
void launch(const cuda::product_list& work, const rounded& in, const cuda::pass_block& pass) {
  unsigned blocks = 0;
  for (unsigned i = 0; i < work.count; ++i)
    blocks += (work.of[i].matrix.tiles() + cuda::block_tiles<Tiles> - 1) / cuda::block_tiles<Tiles>;
  cuda::stream s;
  cuda::launch(s, cuda::multiply<Tiles>, {blocks}, cuda::block_threads<Tiles>, work, in.view(), in.view(), &pass);
}

std::vector<row> split(const cuda::device_array<float>& out, std::size_t rows, std::size_t width) {
  std::vector<row> split;
  for (std::size_t r = 0; r < rows; ++r) split.emplace_back(out.data() + r * width, out.data() + (r + 1) * width);
  return split;
}

cuda::pass_block pass_of(std::size_t rows) {
  cuda::pass_block pass{};
  pass.rows = static_cast<std::uint32_t>(rows);
  return pass;
}

std::vector<row> on_device(const test_matrix& m, const rounded& in, std::size_t rows, int tiles, const float* bias) {
  const auto width = static_cast<unsigned>(m.tensor.rows());
  cuda::device_array<float> out{rows * width};
  cuda::product_list work;
  work.of[work.count++] = {m.on_device, bias, out.data(), width};
  const cuda::pass_block pass = pass_of(rows);
  if (tiles == 1) launch<1>(work, in, pass);
  if (tiles == 2) launch<2>(work, in, pass);
  if (tiles == 4) launch<4>(work, in, pass);
  if (tiles == 8) launch<8>(work, in, pass);
  return split(out, rows, width);
}

constexpr tensor_type quantised_types[] = {tensor_type::q4_0, tensor_type::q4_1, tensor_type::q5_0, tensor_type::q5_1,
                                           tensor_type::q8_0, tensor_type::q4_k, tensor_type::q5_k, tensor_type::q6_k};

}  // namespace

TEST_CASE("cuda products: every quantised type, kernel and number of rows has the bits of the CPU", "[cuda]") {
  for (const auto type : quantised_types) {
    const std::size_t block = gguf::traits_of(type).block_values;
    // More groups than warps, with a group that is not full; then fewer groups than warps.
    for (const std::size_t inputs : {block == 256 ? std::size_t{2560} : std::size_t{1184}, std::size_t{256}}) {
      const test_matrix m{type, inputs, 37, inputs};
      const rounded in{64, inputs, block};
      const row bias = noise{5}.floats(37);
      const std::vector<row> expected = m.on_cpu(in, 64, bias.data());
      for (const int tiles : {1, 2, 4, 8}) {
        for (const std::size_t rows : {1u, 3u, 8u, 13u, 16u, 32u, 50u, 64u}) {
          if (rows > static_cast<std::size_t>(8 * tiles)) continue;
          if (inputs != 256 && rows != 3 && rows != static_cast<std::size_t>(8 * tiles)) continue;
          INFO(gguf::traits_of(type).name << " inputs=" << inputs << " tiles=" << tiles << " rows=" << rows);
          const std::vector<row> got = on_device(m, in, rows, tiles, bias.data());
          CHECK(same_bits(got, {expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(rows)}));
        }
      }
    }
  }
}

TEST_CASE("cuda products: the order in which threads run does not show", "[cuda]") {
  for (const auto type : {tensor_type::q4_1, tensor_type::q4_k, tensor_type::q6_k}) {
    const std::size_t block = gguf::traits_of(type).block_values;
    const test_matrix m{type, 2560, 20, 9};
    const rounded in{8, 2560, block};
    const auto up = on_device(m, in, 8, 1, nullptr);
    cuda::emulation::order = cuda::emulation::thread_order::descending;
    const auto down = on_device(m, in, 8, 1, nullptr);
    cuda::emulation::order = cuda::emulation::thread_order::ascending;
    CHECK(same_bits(up, down));
  }
}

TEST_CASE("cuda products: three matrices of different types in one launch", "[cuda]") {
  const test_matrix a{tensor_type::q4_k, 512, 40, 1}, b{tensor_type::q6_k, 512, 16, 2},
      c{tensor_type::q5_k, 512, 17, 3};
  const rounded in{5, 512, 256};
  const cuda::pass_block pass = pass_of(5);
  for (const int tiles : {1, 4}) {
    cuda::device_array<float> x{5 * 40}, y{5 * 16}, z{5 * 17};
    cuda::product_list work;
    work.of[work.count++] = {a.on_device, nullptr, x.data(), 40};
    work.of[work.count++] = {b.on_device, nullptr, y.data(), 16};
    work.of[work.count++] = {c.on_device, nullptr, z.data(), 17};
    tiles == 1 ? launch<1>(work, in, pass) : launch<4>(work, in, pass);
    CHECK(same_bits(split(x, 5, 40), a.on_cpu(in, 5, nullptr)));
    CHECK(same_bits(split(y, 5, 16), b.on_cpu(in, 5, nullptr)));
    CHECK(same_bits(split(z, 5, 17), c.on_cpu(in, 5, nullptr)));
  }
}

TEST_CASE("cuda products: float matrices are exact within their bound and do not depend on other rows", "[cuda]") {
  for (const auto type : {tensor_type::f32, tensor_type::f16, tensor_type::bf16}) {
    for (const std::size_t inputs : {std::size_t{600}, std::size_t{52}, std::size_t{31}}) {
      INFO(gguf::traits_of(type).name << " " << inputs);
      const test_matrix m{type, inputs, 21, inputs};
      const std::vector<double> weights = dequantised(type, m.data);
      const row x = noise{inputs}.floats(20 * inputs, -2, 2);
      const auto run = [&](std::size_t first, std::size_t rows) {
        cuda::device_array<float> out{rows * 21};
        cuda::product_list work;
        work.of[work.count++] = {m.on_device, nullptr, out.data(), 21};
        const cuda::pass_block pass = pass_of(rows);
        cuda::stream s;
        cuda::launch(s, cuda::multiply_floats<>, {2}, 256, work, x.data() + first * inputs, &pass);
        s.wait();
        return split(out, rows, 21);
      };
      const std::vector<row> all = run(0, 20);
      for (const std::size_t r : {std::size_t{0}, std::size_t{8}, std::size_t{19}}) {
        CHECK(same_bits(run(r, 1)[0], all[r]));
        for (std::size_t o = 0; o < 21; ++o) {
          double sum = 0, size = 0;
          for (std::size_t i = 0; i < inputs; ++i) {
            const double term = weights[o * inputs + i] * static_cast<double>(x[r * inputs + i]);
            sum += term;
            size += std::abs(term);
          }
          const double bound = (std::ceil(static_cast<double>(inputs) / 256) * 8 + 5) * 0x1p-24 * size;
          CHECK(std::abs(static_cast<double>(all[r][o]) - sum) <= bound);
        }
      }
    }
  }
}
