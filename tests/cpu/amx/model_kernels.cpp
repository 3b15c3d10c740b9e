#include "model_kernels.hpp"

#include "tile_model.hpp"

#define HUNCH_ISA amx_model
#include "kernels/lanes.hpp"

namespace hunch::cpu::amx_model {

inline void tile_configure(const void* shapes) { test::tiles().configure(shapes); }
inline void tile_release() { test::tiles().release(); }
template <int Tile>
inline void tile_zero() {
  test::tiles().zero(Tile);
}
template <int Tile>
inline void tile_load(const void* rows, std::size_t stride) {
  test::tiles().load(Tile, rows, static_cast<std::ptrdiff_t>(stride));
}
template <int Tile>
inline void tile_store(void* rows, std::size_t stride) {
  test::tiles().store(Tile, rows, static_cast<std::ptrdiff_t>(stride));
}
template <int Sums, int Rows, int Weights, bool SignedWeights>
inline void tile_multiply_add() {
  test::tiles().multiply_add(Sums, Rows, Weights, SignedWeights);
}

}  // namespace hunch::cpu::amx_model

#include "kernels/matrix_unit.hpp"

namespace hunch::cpu::amx_model {

const kernel_table& vectors() { return scalar::table; }

const kernel_table& table() {
  static const kernel_table all = with_unit("amx over the model of its tiles");
  return all;
}

}  // namespace hunch::cpu::amx_model
