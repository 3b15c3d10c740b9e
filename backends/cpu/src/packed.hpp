// Matrices in the order in which kernels read them, and rows of the embedding.
#pragma once

#include <cstddef>
#include <string_view>

#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tensor.hpp>

#include "kernels/table.hpp"
#include "memory.hpp"
#include "pool.hpp"

namespace hunch::cpu {

/// Space for all matrices of a model in one piece, so that large pages cover small matrices too.
class weight_arena {
 public:
  explicit weight_arena(std::size_t bytes) : memory_{bytes, true} {}
  /// The next `bytes`, aligned to 64.
  [[nodiscard]] std::byte* take(std::size_t bytes);
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  lazy_memory memory_;
  std::size_t used_ = 0;
};

/// A matrix [outputs, inputs] in strips of 16 outputs. The numbers are those of the file; rows that fill the last strip
/// are zero. Inside a strip a block of inputs holds 4 inputs of all 16 outputs after one another.
struct packed_matrix {
  format kind = format::f32;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  const std::byte* data = nullptr;  // [strips, inputs / block_values, strip_block_bytes], in an arena

  [[nodiscard]] std::size_t strips() const noexcept { return (outputs + strip_outputs - 1) / strip_outputs; }
};

/// The format of a tensor. Throws hunch::error naming the tensor and what is supported when its type has no kernel.
[[nodiscard]] format format_of(const gguf::tensor& t);
/// Bytes of one row of a tensor in the file.
[[nodiscard]] std::size_t row_bytes_of(const gguf::tensor& t);

/// Bytes that a tensor takes when it is packed. Throws hunch::error naming the tensor when its type has no kernel.
[[nodiscard]] std::size_t packed_bytes(const gguf::tensor& t);

/// Copies a tensor into the arena, which must have room. Throws as packed_bytes does.
[[nodiscard]] packed_matrix pack(const gguf::tensor& t, weight_arena& into, pool& threads);

/// A vector of the model: where it lies in the file, or null.
struct float_vector {
  const float* data = nullptr;
};
/// Throws hunch::error naming the tensor when it is not F32.
[[nodiscard]] float_vector vector_of(const gguf::tensor& t);

/// A matrix read row by row, as the file has it. With `file`, what reading a row maps around it (64 KiB or more) leaves
/// memory at once: fetching it again from the system's cache takes a few microseconds.
struct row_table {
  format kind = format::f32;
  std::size_t width = 0;
  std::size_t row_bytes = 0;
  const gguf::tensor* tensor = nullptr;
  const gguf::file* file = nullptr;

  /// out[width] = row * factor.
  void read(std::size_t row, float factor, float* out) const;
};
[[nodiscard]] row_table table_of(const gguf::tensor& t);

}  // namespace hunch::cpu
