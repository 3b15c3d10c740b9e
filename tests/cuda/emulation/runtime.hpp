// The runtime of backends/cuda/src/device/runtime.hpp on the host, for tests: device memory is host memory of its own
// (never written yet: NaN), and a graph keeps what was recorded and runs it again. Work runs as late as it may: when
// the host waits for it, or for something behind it, in its stream or in one that waits for it. So who reads an answer
// too early, or writes to what is still to be copied, finds it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>

namespace hunch::cuda {

namespace emulation {
/// Bytes of device memory that are taken, and what allocations beyond the limit meet: "out of memory".
inline std::size_t taken = 0;
inline std::size_t limit = SIZE_MAX;
inline std::size_t to_host = 0;    // bytes that were copied from the device
inline std::size_t to_device = 0;  // and to it
inline std::size_t launches = 0;
inline std::size_t replays = 0;
inline std::size_t waits = 0;  // of the host, for work that was still to be done
inline int devices = 1;
inline int selected = 0;  // of them

/// Work of one stream that was given and not done yet.
struct work_queue {
  std::deque<std::function<void()>> work;
  std::size_t done = 0;

  [[nodiscard]] std::size_t given() const noexcept { return done + work.size(); }
  /// Does the first `count` pieces that were ever given.
  void do_first(std::size_t count) {
    while (done < count && !work.empty()) {
      work.front()();
      work.pop_front();
      ++done;
    }
  }
  void finish() { do_first(given()); }
  /// The host waits for these.
  void wait_for(std::size_t count) {
    if (done >= count) return;
    ++waits;
    if (on_wait) on_wait(*this);
    do_first(count);
  }

  inline static std::function<void(work_queue&)> on_wait;  // called as a wait begins
};
inline std::set<work_queue*> queues;
inline void finish_all() {
  for (work_queue* q : queues) q->finish();
}
/// Pieces of work that are still to be done.
inline std::size_t undone() {
  std::size_t sum = 0;
  for (const work_queue* q : queues) sum += q->work.size();
  return sum;
}

/// Pinned memory by its first byte: copies from there are made later, from other memory when they are given.
inline std::map<const std::byte*, std::size_t> pinned;
inline bool is_pinned(const void* p) {
  const auto* const at = static_cast<const std::byte*>(p);
  const auto behind = pinned.upper_bound(at);
  return behind != pinned.begin() && std::prev(behind)->first + std::prev(behind)->second > at;
}
}  // namespace emulation

struct device_facts {
  std::string name;
  int major = 0;
  int minor = 0;
  std::size_t memory = 0;
  int index = 0;
};
inline void select_device(int index) { emulation::selected = index; }
inline device_facts use_device(int index) {
  if (index < 0 || index >= emulation::devices)
    raise("cuda: there is no device " + std::to_string(index) + "; this machine has " +
          std::to_string(emulation::devices));
  select_device(index);
  return {"emulated on the host", 0, 0, 0, index};
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
    emulation::finish_all();  // as cudaFree
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
  explicit pinned_array(std::size_t count) : values_(count) {
    emulation::pinned[reinterpret_cast<const std::byte*>(values_.data())] = count * sizeof(T);
  }
  pinned_array(pinned_array&& other) noexcept : values_{std::exchange(other.values_, {})} {}
  pinned_array& operator=(pinned_array&& other) noexcept {
    std::swap(values_, other.values_);
    return *this;
  }
  ~pinned_array() {
    if (values_.empty()) return;
    emulation::finish_all();  // as cudaFreeHost
    emulation::pinned.erase(reinterpret_cast<const std::byte*>(values_.data()));
  }
  [[nodiscard]] T* data() const noexcept { return const_cast<T*>(values_.data()); }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

 private:
  std::vector<T> values_;
};

class graph {
 public:
  using steps = std::vector<std::function<void()>>;
  graph() = default;
  explicit graph(steps work) : work_{std::make_shared<const steps>(std::move(work))} {}
  /// A launched graph may be destroyed before it has run.
  [[nodiscard]] std::shared_ptr<const steps> work() const { return work_; }

 private:
  std::shared_ptr<const steps> work_;
};

class stream {
 public:
  stream() { emulation::queues.insert(queue_.get()); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() {
    queue_->finish();
    emulation::queues.erase(queue_.get());
  }

  void wait() { queue_->wait_for(queue_->given()); }
  [[nodiscard]] int device() const noexcept { return device_; }
  void to_device(void* to, const void* from, std::size_t bytes) {
    emulation::to_device += bytes;
    if (emulation::is_pinned(from)) return on_device(to, from, bytes);
    const auto* const first = static_cast<const std::byte*>(from);
    run([to, bytes, copy = std::vector<std::byte>(first, first + bytes)] { std::memcpy(to, copy.data(), bytes); });
  }
  /// Memory that is not pinned makes the host wait, as the CUDA runtime does.
  void to_host(void* to, const void* from, std::size_t bytes) {
    emulation::to_host += bytes;
    on_device(to, from, bytes);
    if (!emulation::is_pinned(to)) wait();
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
    return graph{std::exchange(recorded_, {})};
  }
  void replay(const graph& g) {
    ++emulation::replays;
    run([work = g.work()] {
      for (const auto& each : *work) each();
    });
  }
  void run(std::function<void()> work) {
    if (recording_)
      recorded_.push_back(std::move(work));
    else
      queue_->work.push_back(std::move(work));
  }

 private:
  friend class fence;
  bool recording_ = false;
  graph::steps recorded_;
  int device_ = emulation::selected;
  std::shared_ptr<emulation::work_queue> queue_ = std::make_shared<emulation::work_queue>();
};

class fence {
 public:
  void put(stream& s) {
    queue_ = s.queue_;
    behind_ = queue_->given();
  }
  void wait() const {
    if (queue_ != nullptr) queue_->wait_for(behind_);
  }
  void hold(stream& s) const {
    if (queue_ != nullptr) s.run([queue = queue_, behind = behind_] { queue->do_first(behind); });
  }

 private:
  std::shared_ptr<emulation::work_queue> queue_;
  std::size_t behind_ = 0;
};

}  // namespace hunch::cuda
