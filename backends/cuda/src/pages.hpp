// Pages of KV caches: taken when a sequence grows, given back when it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pass.hpp"
#include "runtime.hpp"

namespace hunch::cuda {

/// All pages of a model. Pages are never returned to the device before the pool ends: the next sequence needs them.
class page_pool {
 public:
  explicit page_pool(page_shape shape) : shape_{shape} {}

  /// Throws hunch::error when the device is out of memory.
  [[nodiscard]] std::uint16_t* take() {
    if (free_.empty()) {
      free_.reserve(memory_.size() + 1);  // so that giving back never allocates
      memory_.emplace_back(shape_.values());
      return memory_.back().data();
    }
    std::uint16_t* const page = free_.back();
    free_.pop_back();
    return page;
  }
  void give_back(std::uint16_t* page) noexcept { free_.push_back(page); }

  [[nodiscard]] page_shape shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return memory_.size(); }

 private:
  page_shape shape_;
  std::vector<device_array<std::uint16_t>> memory_;
  std::vector<std::uint16_t*> free_;
};

/// Pages of one sequence: slot s lies in page s / 64. The table is in device memory too, for kernels.
class page_table {
 public:
  page_table(std::shared_ptr<page_pool> pool, std::size_t slots)
      : pool_{std::move(pool)}, on_device_{(slots + page_slots - 1) / page_slots} {
    pages_.reserve(on_device_.size());
  }
  page_table(const page_table&) = delete;
  page_table& operator=(const page_table&) = delete;
  ~page_table() {
    for (std::uint16_t* p : pages_) pool_->give_back(p);
  }

  /// Takes pages for the slots below `slots`. Throws hunch::error when the device is out of memory; what was taken by
  /// then stays.
  void reserve(std::size_t slots, stream& s) {
    while (pages_.size() * page_slots < slots) {
      pages_.push_back(pool_->take());  // never moves: its capacity is that of the context
      s.to_device(on_device_.data() + pages_.size() - 1, &pages_.back(), sizeof(std::uint16_t*));
    }
  }
  void copy_from(const page_table& other, std::size_t slots, stream& s) {
    reserve(slots, s);
    for (std::size_t i = 0; i * page_slots < slots; ++i)
      s.on_device(pages_[i], other.pages_[i], pool_->shape().values() * sizeof(std::uint16_t));
  }

  [[nodiscard]] std::uint16_t* const* on_device() const noexcept { return on_device_.data(); }
  [[nodiscard]] page_shape shape() const noexcept { return pool_->shape(); }

 private:
  std::shared_ptr<page_pool> pool_;
  std::vector<std::uint16_t*> pages_;
  device_array<std::uint16_t*> on_device_;
};

}  // namespace hunch::cuda
