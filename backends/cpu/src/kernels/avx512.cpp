// Kernels for avx512.
#define HUNCH_ISA avx512
#define HUNCH_LANES_AVX512
#include "kernels.hpp"
