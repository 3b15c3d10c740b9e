// Kernels for avx_vnni: as avx2, with the dot product of four bytes as one instruction.
#define HUNCH_ISA avx_vnni
#define HUNCH_LANES_AVX2
#include "kernels.hpp"
