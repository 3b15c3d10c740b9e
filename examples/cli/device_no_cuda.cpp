// For builds without hunch::cuda.
#include <hunch/core/error.hpp>

#include "device.hpp"

namespace hunch::cli {

std::unique_ptr<device_model> open_cuda(const gguf::file&, int, std::size_t) {
  throw error(
      "cuda: this build has no CUDA: configure it with -DHUNCH_CUDA=ON where the CUDA toolkit is, or use --device cpu");
}

}  // namespace hunch::cli
