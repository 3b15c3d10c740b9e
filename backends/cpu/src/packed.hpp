// Matrices in the order in which kernels read them, and rows of the embedding.
#pragma once

#include <cstddef>
#include <string_view>

#include <hunch/gguf/tensor.hpp>

#include "kernels/table.hpp"
#include "memory.hpp"
#include "pool.hpp"

namespace hunch::cpu {

/// A matrix [outputs, inputs] in strips of 16 outputs. The numbers are those of the file; rows that fill the last strip
/// are zero. Inside a strip a block of inputs holds 4 inputs of all 16 outputs after one another.
struct packed_matrix {
  format kind = format::f32;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  lazy_memory data;  // [strips, inputs / block_values, strip_block_bytes]

  [[nodiscard]] std::size_t strips() const noexcept { return (outputs + strip_outputs - 1) / strip_outputs; }
};

/// Throws hunch::error naming the tensor when its type has no kernel.
[[nodiscard]] packed_matrix pack(const gguf::tensor& t, pool& threads);

/// A vector of the model: where it lies in the file, or null.
struct float_vector {
  const float* data = nullptr;
};
/// Throws hunch::error naming the tensor when it is not F32.
[[nodiscard]] float_vector vector_of(const gguf::tensor& t);

/// A matrix read row by row, as the file has it.
struct row_table {
  format kind = format::f32;
  std::size_t width = 0;
  std::size_t row_bytes = 0;
  const std::byte* data = nullptr;

  /// out[width] = row * factor.
  void read(std::size_t row, float factor, float* out) const;
};
[[nodiscard]] row_table table_of(const gguf::tensor& t);

}  // namespace hunch::cpu
