// Kernels for amx: those of avx512, with a matrix unit for many rows.
#define HUNCH_ISA amx
#define HUNCH_LANES_AVX512
#include "lanes.hpp"
#include "tile_unit.hpp"
// Instructions first.
#include "matrix_unit.hpp"

namespace hunch::cpu::amx {

const kernel_table& vectors() { return avx512::table; }

const kernel_table& table() {
  static const kernel_table all = with_unit("amx");
  return all;
}

}  // namespace hunch::cpu::amx
