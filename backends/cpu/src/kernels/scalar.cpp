// Kernels for scalar.
#define HUNCH_ISA scalar
#include "kernels.hpp"
