// Runs the machine code of the AMX kernels on a processor without AMX: every tile instruction is trapped, decoded and
// done by the model of tiles. It shows that the compiler's code is right: encodings, operands, and that what a tile
// reads from memory was written before.
#pragma once

#include "kernels/table.hpp"

namespace hunch::test {

/// The kernels that can be run this way here, or null: where they are not in the program, where the processor lacks
/// AVX-512, and where it has AMX, so that nothing needs to be trapped.
const cpu::kernel_table* trapped_kernels();

/// As long as it lives, tile instructions of this process are trapped.
class tile_trap {
 public:
  tile_trap();
  ~tile_trap();
  tile_trap(const tile_trap&) = delete;
  tile_trap& operator=(const tile_trap&) = delete;
};

}  // namespace hunch::test
