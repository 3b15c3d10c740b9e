// Memory, streams, launches and graphs of the CUDA runtime, with every call checked. tests/cuda/emulation/runtime.hpp
// is the same on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <cuda_runtime.h>

#include <hunch/core/error.hpp>

namespace hunch::cuda {

/// Throws hunch::error that says what was done, what the runtime says and what to do.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  std::string advice;
  if (status == cudaErrorMemoryAllocation)
    advice = "; use a smaller model, a smaller context or fewer sequences";
  else if (status == cudaErrorInsufficientDriver)
    advice = "; there is no NVIDIA driver, or one older than the toolkit of this build: update it, or use hunch::cpu";
  else if (status == cudaErrorNoDevice)
    advice = "; no NVIDIA GPU is visible: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use hunch::cpu";
  else if (status == cudaErrorNoKernelImageForDevice)
    advice = "; this build has no code for this GPU: configure with -DCMAKE_CUDA_ARCHITECTURES for it";
  (void)cudaGetLastError();  // or the next check would report it again
  raise(std::string("cuda: ") + doing + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")" +
        advice);
}

/// What a device is.
struct device_facts {
  std::string name;
  int major = 0;
  int minor = 0;
  std::size_t memory = 0;  // bytes
  int index = 0;
};

/// The device of this thread's calls.
inline void select_device(int index) { check(cudaSetDevice(index), "choosing the device"); }

/// Makes `index` the device of this thread. Throws hunch::error where there is no such device, or one too old.
inline device_facts use_device(int index) {
  int count = 0;
  check(cudaGetDeviceCount(&count), "looking for devices");
  if (index < 0 || index >= count)
    raise("cuda: there is no device " + std::to_string(index) + "; this machine has " + std::to_string(count));
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, index), "asking for the device's properties");
  if (p.major < 8)
    raise("cuda: device " + std::to_string(index) + " ('" + p.name + "') has compute capability " +
          std::to_string(p.major) + "." + std::to_string(p.minor) + "; the kernels need 8.0 or newer");
  select_device(index);
  return {p.name, p.major, p.minor, p.totalGlobalMem, index};
}

/// Device memory for `count` values of a plain type.
template <class T>
class device_array {
 public:
  device_array() = default;
  explicit device_array(std::size_t count) : count_{count} {
    if (count == 0) return;
    void* p = nullptr;
    const std::string doing = "allocating " + std::to_string((count * sizeof(T) >> 20) + 1) + " MiB on the device";
    check(cudaMalloc(&p, count * sizeof(T)), doing.c_str());
    data_ = static_cast<T*>(p);
  }
  device_array(device_array&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  device_array& operator=(device_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~device_array() {
    if (data_ != nullptr) (void)cudaFree(data_);  // waits for the device; nothing to be done about an error here
  }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// Host memory that the device can read and write by itself while the host goes on.
template <class T>
class pinned_array {
 public:
  pinned_array() = default;
  explicit pinned_array(std::size_t count) : count_{count} {
    void* p = nullptr;
    check(cudaMallocHost(&p, count * sizeof(T)), "allocating pinned host memory");
    data_ = static_cast<T*>(p);
  }
  pinned_array(pinned_array&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  pinned_array& operator=(pinned_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~pinned_array() {
    if (data_ != nullptr) (void)cudaFreeHost(data_);
  }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// Work that was recorded from a stream; replayed as a whole.
class graph {
 public:
  graph() = default;
  explicit graph(cudaGraph_t recorded) {
    const cudaError_t status = cudaGraphInstantiate(&run_, recorded, 0);
    (void)cudaGraphDestroy(recorded);
    check(status, "building a graph");
  }
  graph(graph&& other) noexcept : run_{std::exchange(other.run_, nullptr)} {}
  graph& operator=(graph&& other) noexcept {
    std::swap(run_, other.run_);
    return *this;
  }
  ~graph() {
    if (run_ != nullptr) (void)cudaGraphExecDestroy(run_);
  }
  [[nodiscard]] cudaGraphExec_t get() const noexcept { return run_; }

 private:
  cudaGraphExec_t run_ = nullptr;
};

/// Work in order, beside the host.
class stream {
 public:
  stream() {
    check(cudaGetDevice(&device_), "asking for the device");
    check(cudaStreamCreateWithFlags(&s_, cudaStreamNonBlocking), "creating a stream");
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() { (void)cudaStreamDestroy(s_); }

  void wait() { check(cudaStreamSynchronize(s_), "running a pass"); }

  /// Copies; the source must stay as it is until the copy was made (wait, or a fence behind it).
  void to_device(void* to, const void* from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, s_), "copying to the device");
  }
  void to_host(void* to, const void* from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, s_), "copying from the device");
  }
  void on_device(void* to, const void* from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, s_), "copying on the device");
  }
  void zero(void* to, std::size_t bytes) { check(cudaMemsetAsync(to, 0, bytes, s_), "clearing device memory"); }

  /// From here to `recorded` nothing runs; it is noted down.
  void record() { check(cudaStreamBeginCapture(s_, cudaStreamCaptureModeThreadLocal), "recording a graph"); }
  [[nodiscard]] graph recorded() {
    cudaGraph_t g = nullptr;
    check(cudaStreamEndCapture(s_, &g), "recording a graph");
    return graph{g};
  }
  void replay(const graph& g) { check(cudaGraphLaunch(g.get(), s_), "launching a graph"); }

  [[nodiscard]] cudaStream_t get() const noexcept { return s_; }
  [[nodiscard]] int device() const noexcept { return device_; }

 private:
  cudaStream_t s_ = nullptr;
  int device_ = 0;
};

/// A place in a stream that the host or another stream can wait for. The host can ask the time between two of them.
class fence {
 public:
  fence() { check(cudaEventCreate(&e_), "creating an event"); }
  fence(fence&& other) noexcept : e_{std::exchange(other.e_, nullptr)} {}
  fence& operator=(fence&& other) noexcept {
    std::swap(e_, other.e_);
    return *this;
  }
  ~fence() {
    if (e_ != nullptr) (void)cudaEventDestroy(e_);
  }
  void put(stream& s) { check(cudaEventRecord(e_, s.get()), "recording an event"); }
  void wait() const { check(cudaEventSynchronize(e_), "waiting for the device"); }
  /// What is given to `s` from now on runs behind this place; the host goes on.
  void hold(stream& s) const { check(cudaStreamWaitEvent(s.get(), e_, 0), "ordering two streams"); }
  [[nodiscard]] float seconds_since(const fence& start) const {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start.e_, e_), "timing");
    return ms * 1e-3f;
  }

 private:
  cudaEvent_t e_ = nullptr;
};

}  // namespace hunch::cuda
