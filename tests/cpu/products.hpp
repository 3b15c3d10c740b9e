// Products of random matrices and rows, for tests of kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "amx/model_kernels.hpp"
#include "amx/trap.hpp"
#include "dispatch.hpp"
#include "noise.hpp"
#include "packed.hpp"
#include "passes.hpp"

namespace hunch::test {

/// Every table that can be run here, AMX without its hardware included: over a model of its tiles, and its machine code
/// trapped.
class all_tables {
 public:
  all_tables() {
    for (const auto which : {cpu::isa::scalar, cpu::isa::avx2, cpu::isa::avx_vnni, cpu::isa::avx512, cpu::isa::amx})
      if (cpu::available(which)) tables_.push_back(&cpu::kernels_for(which));
    tables_.push_back(&cpu::amx_model::table());
    if (const auto* trapped = trapped_kernels()) tables_.push_back(trapped);
  }
  [[nodiscard]] auto begin() const { return tables_.begin(); }
  [[nodiscard]] auto end() const { return tables_.end(); }

 private:
  tile_trap trap_;
  std::vector<const cpu::kernel_table*> tables_;
};

/// Rows in the forms that products read.
struct quantised_rows {
  std::vector<float> x;
  std::size_t inputs;
  std::size_t group;
  std::vector<signed char> q;
  std::vector<float> scale, scaled_sum;
  std::vector<std::int32_t> sum, offset;
  std::vector<std::int16_t> sum_256;
  std::size_t block = 0;

  quantised_rows(const cpu::kernel_table& with, cpu::activation_kind kind, std::vector<float> values,
                 std::size_t row_inputs)
      : x{std::move(values)},
        inputs{row_inputs},
        group{cpu::group_of(with, x.size() / inputs)},
        q(room()),
        scale(room() / 32),
        scaled_sum(room() / 32),
        sum(room() / 32),
        offset(room() / 16),
        sum_256(room() / 32),
        block{kind == cpu::activation_kind::int8_256 ? 256u : 32u} {
    if (kind == cpu::activation_kind::f32) return;
    const auto quantise = block == 256 ? with.quantise_256 : with.quantise_32;
    for (std::size_t r = 0; r < x.size() / inputs; ++r) {
      const std::size_t at = place(r, 0);
      quantise(x.data() + r * inputs, inputs,
               {q.data() + at * block, scale.data() + at, scaled_sum.data() + at, sum.data() + at,
                offset.data() + 16 * at, sum_256.data() + 8 * at, group});
    }
  }

  /// Values of whole groups of rows.
  [[nodiscard]] std::size_t room() const { return (x.size() / inputs + group - 1) / group * group * inputs; }
  /// Where the block of input i of row r lies, in blocks.
  [[nodiscard]] std::size_t place(std::size_t r, std::size_t i) const {
    return cpu::block_at(r, i / block, inputs / block, group);
  }
  [[nodiscard]] cpu::activation_rows all() const {
    return {x.data(), q.data(), scale.data(), scaled_sum.data(), sum.data(), offset.data(), sum_256.data(), group};
  }
};

struct matrix {
  std::vector<std::byte> data;
  cpu::weight_arena arena{0};
  cpu::packed_matrix packed;
};

inline matrix matrix_of(gguf::tensor_type type, std::vector<std::byte> data, std::size_t inputs, std::size_t outputs) {
  matrix m;
  m.data = std::move(data);
  gguf::tensor t;
  t.name = "test";
  t.type = type;
  t.shape = {inputs, outputs};
  t.data = m.data;
  cpu::pool one{1};
  m.arena = cpu::weight_arena{cpu::packed_bytes(t)};
  m.packed = cpu::pack(t, m.arena, one);
  return m;
}
inline matrix random_matrix(gguf::tensor_type type, std::uint64_t seed, std::size_t inputs, std::size_t outputs) {
  noise from{seed};
  return matrix_of(type, random_weights(from, type, inputs, outputs), inputs, outputs);
}

/// Rows [first, first + count) of x in one call; every row of the result has a number more, which no kernel may write.
inline std::vector<row> multiply(const cpu::kernel_table& with, const matrix& m, const std::vector<float>& x,
                                 std::size_t first, std::size_t count, const float* bias = nullptr) {
  const std::size_t inputs = m.packed.inputs;
  const auto at = [&](std::size_t r) { return x.begin() + static_cast<std::ptrdiff_t>(r * inputs); };
  const quantised_rows in{with, cpu::activations_of(m.packed.kind), {at(first), at(first + count)}, inputs};
  std::vector<row> out(count, row(m.packed.outputs + 1, -77.0F));
  std::vector<float*> pointers;
  for (auto& r : out) pointers.push_back(r.data());
  with.multiply[static_cast<std::size_t>(m.packed.kind)](
      {.kind = m.packed.kind,
       .weights = reinterpret_cast<const unsigned char*>(m.packed.data),
       .bias = bias,
       .inputs = inputs,
       .outputs = m.packed.outputs,
       .in = in.all(),
       .rows = count,
       .out = pointers.data(),
       .first_strip = 0,
       .last_strip = m.packed.strips()});
  return out;
}

}  // namespace hunch::test
