// Tensors of a file in the order of layout.hpp.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <hunch/gguf/tensor.hpp>

#include "layout.hpp"

namespace hunch::cuda {

/// The format of a tensor. Throws hunch::error naming the tensor and what is supported when the device has no kernel.
[[nodiscard]] format format_of(const gguf::tensor& t);

/// Shape and format of a matrix, without planes. Throws as format_of does, and where a number does not fit 31 bits.
[[nodiscard]] matrix_view shape_of(const gguf::tensor& t);

/// Planes at `memory`, which is aligned to 256 bytes and has planes_of(m).all() bytes.
[[nodiscard]] matrix_view placed(matrix_view m, std::uint8_t* memory) noexcept;

/// Writes the planes of `t` to out[planes_of(shape_of(t)).all()]. Cost: reads the tensor once.
void pack(const gguf::tensor& t, std::span<std::uint8_t> out);

}  // namespace hunch::cuda
