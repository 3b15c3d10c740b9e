// A few threads that run one function at a time, each its own part of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace hunch::cpu {

/// Static partition: part i of n always gets the same work, so nothing depends on timing.
///
/// Waiting threads spin for some ten microseconds, since the next job is usually that close, then give way to other
/// processes, then sleep. Used by one thread at a time. No allocation after construction.
class pool {
 public:
  /// `threads` counts the caller, which does part 0; 0: as many as the machine runs at once.
  explicit pool(unsigned threads);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Calls f(part, parts) for every part and returns when all are done. f must not throw.
  template <class F>
  void run(F&& f) {
    using function = std::remove_reference_t<F>;
    if (workers_.empty()) return f(0u, 1u);
    start([](void* context, unsigned part, unsigned parts) { (*static_cast<function*>(context))(part, parts); },
          const_cast<void*>(static_cast<const void*>(&f)));
  }

 private:
  using job = void (*)(void* context, unsigned part, unsigned parts);
  void start(job what, void* context);
  void work(unsigned part);

  job job_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> generation_{0};  // counts jobs; workers wait for the next one
  alignas(64) std::atomic<std::uint32_t> busy_{0};        // workers that have not finished
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace hunch::cpu
