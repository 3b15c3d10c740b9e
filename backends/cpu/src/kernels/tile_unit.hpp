// The instructions of AMX that matrix_unit.hpp is written over. Eight tiles of up to 16 rows of up to 64 bytes.
//
// Written as assembly, since the intrinsics of GCC 12 leave out what an instruction reads: _tile_loadconfig names 8 of
// its 64 bytes and _tile_loadd none, so the compiler drops or delays stores to the rest. It also lets one program hold
// these kernels without a flag that would allow the compiler tiles of its own.
#pragma once

#include <cstddef>

namespace hunch::cpu::HUNCH_ISA {

/// Sets the shapes of all tiles for this thread (64 bytes: see unit_shapes) and zeroes them.
inline void tile_configure(const void* shapes) {
  asm volatile("ldtilecfg %0" : : "m"(*static_cast<const unsigned char(*)[64]>(shapes)));
}
/// Gives the tiles back, so that the system need not save them.
inline void tile_release() { asm volatile("tilerelease"); }

template <int Tile>
inline void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(Tile));
}
/// Rows that lie `stride` bytes apart.
template <int Tile>
inline void tile_load(const void* rows, std::size_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(Tile), "r"(rows), "r"(stride) : "memory");
}
template <int Tile>
inline void tile_store(void* rows, std::size_t stride) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(Tile), "r"(rows), "r"(stride) : "memory");
}
/// sums[m][n] += rows[m][4 k + i] * weights[k][4 n + i]: signed bytes times bytes that are signed or not.
template <int Sums, int Rows, int Weights, bool SignedWeights>
inline void tile_multiply_add() {
  if constexpr (SignedWeights)
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Rows), "i"(Weights));
  else
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Rows), "i"(Weights));
}

}  // namespace hunch::cpu::HUNCH_ISA
