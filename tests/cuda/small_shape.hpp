// Tiny models that are smaller still.
#pragma once

#include "cpu/tiny_model.hpp"

namespace hunch::test {

/// The emulation takes its time: as little of a model as shows the claim.
inline tiny_shape small_shape(const char* arch, gguf::tensor_type type) {
  tiny_shape shape = shape_of(arch, type);
  shape.layers = shape.pattern = 2;
  shape.width = shape.ff = 32;
  shape.heads = 2;
  shape.kv_heads = 1;
  return shape;
}

}  // namespace hunch::test
