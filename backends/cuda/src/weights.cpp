#include "weights.hpp"

#include <hunch/transformer/weights.hpp>

#include "pack.hpp"

namespace hunch::cuda {

std::uint8_t* weight_store::keep(const void* from, std::size_t bytes) {
  device_array<std::uint8_t> memory{bytes};
  stream_->to_device(memory.data(), from, bytes);
  stream_->wait();  // the source is scratch or a mapped file
  memory_.push_back(std::move(memory));
  bytes_ += bytes;
  return memory_.back().data();
}

matrix_view weight_store::matrix(const gguf::tensor& t) {
  if (const auto found = known_.find(t.name); found != known_.end()) return found->second;
  const matrix_view shape = shape_of(t);
  packed_.resize(planes_of(shape).all());
  pack(t, packed_);
  return known_.emplace(t.name, placed(shape, keep(packed_.data(), packed_.size()))).first->second;
}

float_vector weight_store::vector(const gguf::tensor& t) {
  transformer::check_vector(t, "cuda");
  return {reinterpret_cast<const float*>(keep(t.data.data(), t.data.size()))};
}

}  // namespace hunch::cuda
