// Starting kernels; for files that the CUDA compiler reads. tests/cuda/emulation/launch.hpp is the same on the host.
#pragma once

#include <utility>

#include "runtime.hpp"

namespace hunch::cuda {

/// Extents of a grid of blocks, and the threads of each.
struct extent {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

template <class... P, class... A>
void launch(stream& s, void (*kernel)(P...), extent grid, unsigned threads, A&&... args) {
  kernel<<<dim3(grid.x, grid.y, grid.z), threads, 0, s.get()>>>(static_cast<P>(std::forward<A>(args))...);
  check(cudaGetLastError(), "launching a kernel");
}

}  // namespace hunch::cuda
