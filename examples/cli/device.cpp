#include "device.hpp"

#include <charconv>
#include <string_view>

#include <hunch/core/error.hpp>
#include <hunch/cpu/backend.hpp>

#include "device_model.hpp"

namespace hunch::cli {
namespace {

class on_cpu final : public model_on<cpu::backend> {
 public:
  using model_on::model_on;
  [[nodiscard]] std::string kernels() const override { return backend_.kernels(); }
  [[nodiscard]] unsigned threads() const override { return backend_.threads(); }
};

std::unique_ptr<device_model> open_model(const gguf::file& from, std::string_view device, unsigned threads,
                                         std::size_t context) {
  if (device == "cpu") return std::make_unique<on_cpu>(cpu::backend{from, {threads, context, cpu::isa::best}});
  int index = 0;
  if (device.starts_with("cuda:")) {
    const std::string_view number = device.substr(5);
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (problem == std::errc{} && end == number.data() + number.size() && index >= 0)
      return open_cuda(from, index, context);
  } else if (device == "cuda") {
    return open_cuda(from, 0, context);
  }
  throw error("there is no device '" + std::string{device} + "'; --device takes cpu, cuda or cuda:N");
}

}  // namespace

device_backend::device_backend(const gguf::file& from, const std::string& device, unsigned threads, std::size_t context)
    : model_{open_model(from, device, threads, context)} {}

}  // namespace hunch::cli
