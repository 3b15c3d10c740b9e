// Tensors in device memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hunch/gguf/tensor.hpp>

#include "layout.hpp"
#include "ops.hpp"
#include "runtime.hpp"

namespace hunch::cuda {

/// Turns tensors into the forms of this backend, and owns their memory. A tensor that is asked for twice (a tied head)
/// is held once.
class weight_store {
 public:
  explicit weight_store(stream& s) : stream_{&s} {}

  [[nodiscard]] matrix_view table(const gguf::tensor& t) { return matrix(t); }
  [[nodiscard]] matrix_view matrix(const gguf::tensor& t);
  /// Throws hunch::error naming the tensor when it is not F32.
  [[nodiscard]] float_vector vector(const gguf::tensor& t);
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  [[nodiscard]] std::uint8_t* keep(const void* from, std::size_t bytes);

  stream* stream_;
  std::vector<device_array<std::uint8_t>> memory_;
  std::map<std::string, matrix_view, std::less<>> known_;
  std::vector<std::uint8_t> packed_;  // scratch
  std::size_t bytes_ = 0;
};

}  // namespace hunch::cuda
