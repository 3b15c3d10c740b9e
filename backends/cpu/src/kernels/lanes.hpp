// Sixteen lanes of floats and integers: the only part of the kernels that knows the instruction set.
// HUNCH_ISA names the namespace, so that code of several instruction sets lives in one program. For the same reason
// nothing of the standard library is called in kernels: an inline function that was compiled for a newer processor
// could be the copy that the linker keeps for all.
#pragma once

#include <cstddef>
#include <cstdint>

#if !defined(HUNCH_ISA)
#error "include this from a file that defines HUNCH_ISA"
#endif

#if defined(HUNCH_LANES_AVX512) || defined(HUNCH_LANES_AVX2)
#include <immintrin.h>
#endif

namespace hunch::cpu::HUNCH_ISA {

#if defined(HUNCH_LANES_AVX512)
#include "lanes_avx512.hpp"
#elif defined(HUNCH_LANES_AVX2)
#include "lanes_avx2.hpp"
#else
#include "lanes_scalar.hpp"
#endif

}  // namespace hunch::cpu::HUNCH_ISA
