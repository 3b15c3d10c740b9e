// Memory that costs nothing until it is touched, and buffers that only grow.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

namespace hunch::cpu {

/// Zeroed bytes, aligned to a page, committed by the system when they are first touched.
class lazy_memory {
 public:
  lazy_memory() = default;
  /// Throws hunch::error when there is no address space. `huge` asks for large pages, for memory that is used whole.
  explicit lazy_memory(std::size_t bytes, bool huge = false);
  lazy_memory(lazy_memory&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, bytes_{std::exchange(other.bytes_, 0)} {}
  lazy_memory& operator=(lazy_memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~lazy_memory();

  [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Array of plain values that grows and never shrinks.
template <class T>
class buffer {
 public:
  [[nodiscard]] T* data() const noexcept { return reinterpret_cast<T*>(memory_.data()); }
  [[nodiscard]] std::size_t capacity() const noexcept { return memory_.size() / sizeof(T); }
  /// Room for `count` values. When it grows, the first `keep` values are kept and the others are lost.
  void need(std::size_t count, std::size_t keep = 0) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes <= memory_.size()) return;
    lazy_memory larger{bytes + bytes / 2};
    if (keep != 0) std::memcpy(larger.data(), memory_.data(), keep * sizeof(T));
    memory_ = std::move(larger);
  }

 private:
  lazy_memory memory_;
};

}  // namespace hunch::cpu
