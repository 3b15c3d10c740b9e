// Models on a GPU, for builds that have hunch::cuda.
#include <hunch/cuda/backend.hpp>

#include "device_model.hpp"

namespace hunch::cli {
namespace {

class on_gpu final : public model_on<cuda::backend> {
 public:
  using model_on::model_on;
  void wait() const override { backend_.wait(); }
  [[nodiscard]] std::string kernels() const override { return "cuda on " + backend_.device_name(); }
  [[nodiscard]] unsigned threads() const override { return 1; }
};

}  // namespace

std::unique_ptr<device_model> open_cuda(const gguf::file& from, int index, std::size_t context) {
  return std::make_unique<on_gpu>(cuda::backend{from, {.device = index, .context = context}});
}

}  // namespace hunch::cli
