// The runtime of backends/cuda/src/device/runtime.hpp on the host, for tests: device memory is host memory of its own
// (never written yet: NaN), work runs when it is given, and a graph keeps what was recorded and runs it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>

namespace hunch::cuda {

namespace emulation {
/// Bytes of device memory that are taken, and what allocations beyond the limit meet: "out of memory".
inline std::size_t taken = 0;
inline std::size_t limit = SIZE_MAX;
inline std::size_t to_host = 0;  // bytes that were copied from the device
inline std::size_t launches = 0;
inline std::size_t replays = 0;
}  // namespace emulation

struct device_facts {
  std::string name;
  int major = 0;
  int minor = 0;
  std::size_t memory = 0;
  int index = 0;
};
inline void select_device(int) {}
inline device_facts use_device(int index) {
  if (index != 0) raise("cuda: there is no device " + std::to_string(index) + "; this machine has 1");
  return {"emulated on the host", 0, 0, 0, 0};
}

template <class T>
class device_array {
 public:
  device_array() = default;
  explicit device_array(std::size_t count) : count_{count} {
    if (count == 0) return;
    if (count * sizeof(T) > emulation::limit - emulation::taken)
      raise("cuda: allocating " + std::to_string((count * sizeof(T) >> 20) + 1) +
            " MiB on the device: out of memory; use a smaller model, a smaller context or fewer sequences");
    emulation::taken += count * sizeof(T);
    data_ = static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{256}));
    std::memset(static_cast<void*>(data_), 0xff, count * sizeof(T));
  }
  device_array(device_array&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  device_array& operator=(device_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~device_array() {
    if (data_ == nullptr) return;
    emulation::taken -= count_ * sizeof(T);
    ::operator delete (static_cast<void*>(data_), std::align_val_t{256});
  }
  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

template <class T>
class pinned_array {
 public:
  pinned_array() = default;
  explicit pinned_array(std::size_t count) : values_(count) {}
  [[nodiscard]] T* data() const noexcept { return const_cast<T*>(values_.data()); }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

 private:
  std::vector<T> values_;
};

class graph {
 public:
  graph() = default;
  explicit graph(std::vector<std::function<void()>> work) : work_{std::move(work)} {}
  void run() const {
    for (const auto& each : work_) each();
  }

 private:
  std::vector<std::function<void()>> work_;
};

class stream {
 public:
  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  void wait() {}
  [[nodiscard]] int device() const noexcept { return 0; }
  void to_device(void* to, const void* from, std::size_t bytes) { on_device(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) {
    emulation::to_host += bytes;
    on_device(to, from, bytes);
  }
  void on_device(void* to, const void* from, std::size_t bytes) {
    run([=] { std::memcpy(to, from, bytes); });
  }
  void zero(void* to, std::size_t bytes) {
    run([=] { std::memset(to, 0, bytes); });
  }

  void record() { recording_ = true; }
  [[nodiscard]] graph recorded() {
    recording_ = false;
    return graph{std::exchange(work_, {})};
  }
  void replay(const graph& g) {
    ++emulation::replays;
    g.run();
  }
  void run(std::function<void()> work) {
    if (recording_)
      work_.push_back(std::move(work));
    else
      work();
  }

 private:
  bool recording_ = false;
  std::vector<std::function<void()>> work_;
};

class fence {
 public:
  void put(stream&) {}
  void wait() const {}
};

}  // namespace hunch::cuda
