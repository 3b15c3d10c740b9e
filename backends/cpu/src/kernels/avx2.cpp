// Kernels for avx2.
#define HUNCH_ISA avx2
#define HUNCH_LANES_AVX2
#include "kernels.hpp"
