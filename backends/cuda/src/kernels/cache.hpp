// Compaction of a cache: what commit keeps goes to its slots.
#pragma once

#include <cstdint>

#include "pass.hpp"
#include "simt.hpp"

namespace hunch::cuda {

/// The vector in slot `from` goes to slot `to`. Moves are done in order.
struct slot_move {
  std::uint32_t from;
  std::uint32_t to;
};

/// Moves of one launch; they travel with it, so that no memory must outlive the call.
struct slot_moves {
  static constexpr unsigned most = 64;
  slot_move of[most];
  unsigned count = 0;
};

/// Grid: layers * kv_heads * 2. A thread has its own value of every vector and does all moves with it, one after
/// another, so no move overtakes another.
template <int = 0>
__global__ void move_slots(std::uint16_t* const* pages, page_shape shape, slot_moves moves) {
  const unsigned part = blockIdx.x % 2, head = blockIdx.x / 2 % shape.kv_heads, layer = blockIdx.x / 2 / shape.kv_heads;
  for (unsigned i = threadIdx.x; i < shape.head_dim; i += blockDim.x)
    for (unsigned m = 0; m < moves.count; ++m)
      pages[moves.of[m].to / page_slots][shape.at(layer, head, part, moves.of[m].to) + i] =
          pages[moves.of[m].from / page_slots][shape.at(layer, head, part, moves.of[m].from) + i];
}

}  // namespace hunch::cuda
