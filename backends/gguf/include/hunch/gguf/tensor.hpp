// Tensors as a GGUF file describes them: element type, shape, bytes. No arithmetic lives here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hunch::gguf {

/// Element types by their number in the file. Numbers that are missing here were withdrawn from the format.
enum class tensor_type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
};

/// How values of one type are stored: `block_values` values take `block_bytes` bytes, and rows are whole blocks.
struct type_traits {
  std::string_view name;  // as people write it: "Q4_K"
  std::size_t block_values;
  std::size_t block_bytes;
};

/// Traits of a type. Throws hunch::error that says the number (and the name, for withdrawn types) when unknown.
[[nodiscard]] const type_traits& traits_of(tensor_type type);

/// One tensor of a file.
struct tensor {
  std::string name;
  tensor_type type = tensor_type::f32;
  std::vector<std::uint64_t> shape;  // GGUF order: shape[0] is the contiguous one; 1 to 4 entries, none is 0
  std::span<const std::byte> data;   // aligned to 8 bytes at least; lives as long as the file

  /// Number of values, the product of the shape. Cannot overflow for a tensor that came from a file.
  [[nodiscard]] std::uint64_t values() const noexcept {
    std::uint64_t n = 1;
    for (const auto d : shape) n *= d;
    return n;
  }
  /// Rows of shape[0] values: the product of the other dimensions.
  [[nodiscard]] std::uint64_t rows() const noexcept { return shape.empty() ? 1 : values() / shape[0]; }
};

}  // namespace hunch::gguf
