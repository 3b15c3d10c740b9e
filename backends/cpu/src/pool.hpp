// A few threads that share the chunks of one function at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace hunch::cpu {

/// Runs the chunks of a job; whoever is free takes the next one, so results must not depend on who runs which.
///
/// The caller works too and never waits for a thread that has not begun: on a crowded machine a job takes at worst
/// what the caller alone needs. Idle threads spin for some ten microseconds, since the next job is usually that close,
/// then give way to other processes, then sleep. Used by one thread at a time. No allocation after construction.
class pool {
 public:
  static constexpr std::size_t max_chunks = 0xffff;

  /// `threads` counts the caller, which is worker 0; 0: as many as the machine runs at once.
  explicit pool(unsigned threads);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Calls f(worker, chunk) for every chunk below `chunks` and returns when all are done. f must not throw.
  template <class F>
  void run(std::size_t chunks, F&& f) {
    using function = std::remove_reference_t<F>;
    if (workers_.empty() || chunks <= 1) {
      for (std::size_t c = 0; c < chunks; ++c) f(0u, c);
      return;
    }
    start(
        chunks,
        [](void* context, unsigned worker, std::size_t chunk) { (*static_cast<function*>(context))(worker, chunk); },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

  /// Calls f(worker, first, last) for ranges that make up [0, n): `each` for every thread, so that a slow thread holds
  /// nobody up for long.
  template <class F>
  void share(std::size_t n, F&& f, std::size_t each = 4) {
    const std::size_t wanted = workers_.empty() ? 1 : each * size();
    const std::size_t chunks = n < wanted ? n : wanted;
    run(chunks, [&](unsigned worker, std::size_t c) { f(worker, n * c / chunks, n * (c + 1) / chunks); });
  }

 private:
  using job = void (*)(void* context, unsigned worker, std::size_t chunk);
  void start(std::size_t chunks, job what, void* context);
  void help(unsigned worker);
  void work(unsigned worker);

  job job_ = nullptr;
  void* context_ = nullptr;
  /// Generation of the job, its next chunk, its number of chunks: 32, 16, 16 bits. One word, so that a thread that
  /// comes late cannot take a chunk of a job that is over.
  alignas(64) std::atomic<std::uint64_t> next_{0};
  alignas(64) std::atomic<std::uint32_t> done_{0};        // chunks of this job
  alignas(64) std::atomic<std::uint32_t> generation_{0};  // what sleeping threads wait on
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace hunch::cpu
