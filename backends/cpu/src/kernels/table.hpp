// The kernels of the CPU backend as a table of functions, one table for each instruction set.
//
// All tables give the same bits: integer sums are exact, and every float operation happens in one written-down order.
// The arithmetic: backends/cpu/README.md. The scalar table is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hunch/transformer/format.hpp>

#include "attention_task.hpp"

namespace hunch::cpu {

using transformer::format;
using transformer::format_count;

/// How activations are quantised for a format: not at all, or int8 with one scale for 32 or for 256 values.
enum class activation_kind : std::uint8_t { f32, int8_32, int8_256 };

[[nodiscard]] constexpr activation_kind activations_of(format f) noexcept {
  if (f <= format::bf16) return activation_kind::f32;
  return f >= format::q4_k ? activation_kind::int8_256 : activation_kind::int8_32;
}

/// Outputs that one strip of a packed matrix holds; the lanes of a kernel.
inline constexpr std::size_t strip_outputs = 16;
/// Values that one block of a format holds, and the bytes of a block of 16 outputs.
[[nodiscard]] constexpr std::size_t block_values(format f) noexcept {
  switch (activations_of(f)) {
    case activation_kind::f32:
      return 1;
    case activation_kind::int8_32:
      return 32;
    case activation_kind::int8_256:
      return 256;
  }
  return 0;
}
[[nodiscard]] constexpr std::size_t strip_block_bytes(format f) noexcept {
  switch (f) {
    case format::f32:
      return 64;
    case format::f16:
    case format::bf16:
      return 32;
    case format::q4_0:
      return 256 + 32;  // nibbles, d
    case format::q4_1:
      return 256 + 32 + 32;  // nibbles, d, m
    case format::q5_0:
      return 256 + 64 + 32;  // nibbles, fifth bits, d
    case format::q5_1:
      return 256 + 64 + 32 + 32;  // nibbles, fifth bits, d, m
    case format::q8_0:
      return 512 + 32;  // bytes + 128, d
    case format::q4_k:
      return 2048 + 128 + 128 + 64;  // nibbles, scales, minimum scales, d, dmin
    case format::q5_k:
      return 2048 + 512 + 128 + 128 + 64;  // nibbles, fifth bits, scales, minimum scales, d, dmin
    case format::q6_k:
      return 2048 + 1024 + 256 + 32;  // nibbles, upper two bits, scales, d
  }
  return 0;
}

/// Quantised rows lie in groups of 8: a block of all rows of a group, then the next block, so that a tile of rows reads
/// one stretch of memory with offsets that are known when the kernel is compiled.
inline constexpr std::size_t group_rows = 8;
/// Groups of a pass that a matrix unit multiplies: its tiles have up to 16 rows, one stride apart.
inline constexpr std::size_t unit_rows = 16;
/// Where a block of a row lies, in blocks.
[[nodiscard]] constexpr std::size_t block_at(std::size_t row, std::size_t block, std::size_t blocks,
                                             std::size_t group = group_rows) noexcept {
  return (row / group * blocks + block) * group + row % group;
}

/// Rows of activations in the forms that matrix products read. Which pointers are set follows from the kind.
struct activation_rows {
  const float* f32 = nullptr;             // [rows, inputs]
  const signed char* q = nullptr;         // [group, block, row, values of a block]; -127..127
  const float* scale = nullptr;           // [group, block, row]
  const float* scaled_sum = nullptr;      // [group, block, row]; scale * sum of q
  const std::int32_t* sum = nullptr;      // [group, block, row]; of 32: sum of q; of 256: most of a sum of 16 |q|
  const std::int32_t* offset = nullptr;   // [group, block, row, 16 parts]; -32 * sum of q
  const std::int16_t* sum_256 = nullptr;  // [group, block, row, 8 parts]; sum of q
  std::size_t group = group_rows;         // or unit_rows
};

/// Where quantise_32 and quantise_256 put the first block of one row; the next lies `group` blocks on.
struct quantised_row {
  signed char* q;
  float* scale;
  float* scaled_sum;
  std::int32_t* sum;
  std::int32_t* offset;
  std::int16_t* sum_256;
  std::size_t group = group_rows;
};

/// Outputs [first, last) of a product, in strips.
struct product {
  format kind;
  const unsigned char* weights;  // [strips, blocks, strip_block_bytes]
  const float* bias;             // [outputs] or null
  std::size_t inputs;
  std::size_t outputs;
  activation_rows in;
  std::size_t rows;
  float* const* out;  // [rows] rows of outputs
  std::size_t first_strip;
  std::size_t last_strip;
};

struct kernel_table {
  const char* name;
  /// Rows from which on a pass lies in groups of unit_rows; kernels of a table without a matrix unit read both.
  std::size_t unit_from = static_cast<std::size_t>(-1);
  void (*quantise_32)(const float* x, std::size_t n, const quantised_row& out);
  void (*quantise_256)(const float* x, std::size_t n, const quantised_row& out);
  void (*multiply[format_count])(const product& p);
  void (*attend)(const attention& a);
  /// Rounds one key to halves, into its lane of a block, and one value.
  void (*store_key)(const float* k, std::size_t head_dim, std::uint16_t* lane);
  void (*store_value)(const float* v, std::size_t head_dim, std::uint16_t* out);
  /// y = x / rms(x) * w over n values; y may be x.
  void (*rms_norm)(const float* x, const float* w, std::size_t n, float eps, float* y);
  /// Rotates the heads of one row; cos and sin are [head_dim / 2].
  void (*rotate_pairs)(float* x, std::size_t heads, std::size_t head_dim, const float* cos, const float* sin);
  void (*rotate_halves)(float* x, std::size_t heads, std::size_t head_dim, const float* cos, const float* sin);
  /// gate = silu(gate) * up, and gate = gelu_tanh(gate) * up.
  void (*silu_gate)(float* gate, const float* up, std::size_t n);
  void (*gelu_gate)(float* gate, const float* up, std::size_t n);
  /// x += y.
  void (*add)(float* x, const float* y, std::size_t n);
};

/// The groups that the rows of a pass lie in.
[[nodiscard]] constexpr std::size_t group_of(const kernel_table& kernels, std::size_t rows) noexcept {
  return rows >= kernels.unit_from ? unit_rows : group_rows;
}

namespace scalar {
extern const kernel_table table;
}
#if defined(HUNCH_CPU_X86)
namespace avx2 {
extern const kernel_table table;
}
namespace avx_vnni {
extern const kernel_table table;
}
namespace avx512 {
extern const kernel_table table;
}
#endif
#if defined(HUNCH_CPU_AMX)
namespace amx {
/// The table of avx512 with products of many rows on the matrix unit.
const kernel_table& table();
}  // namespace amx
#endif

}  // namespace hunch::cpu
