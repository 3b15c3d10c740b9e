#include "pool.hpp"

#include <hunch/core/error.hpp>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace hunch::cpu {
namespace {

void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits until `value` differs from `old`; returns the new value.
std::uint32_t wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) noexcept {
  constexpr int spins = 1500;
  constexpr int yields = 50;
  for (int i = 0; i < spins + yields; ++i) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
    if (i < spins)
      pause();
    else
      std::this_thread::yield();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

constexpr std::uint64_t one_chunk = 1u << 16;
constexpr std::uint64_t chunks_of(std::uint64_t state) { return state & 0xffff; }
constexpr std::uint64_t next_of(std::uint64_t state) { return (state >> 16) & 0xffff; }

}  // namespace

pool::pool(unsigned threads) {
  if (threads == 0) threads = std::thread::hardware_concurrency();
  for (unsigned worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
}

pool::~pool() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& w : workers_) w.join();
}

void pool::start(std::size_t chunks, job what, void* context) {
  HUNCH_EXPECTS(chunks <= max_chunks, "a job of the pool has at most 65535 chunks");
  job_ = what;
  context_ = context;
  done_.store(0, std::memory_order_relaxed);
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  next_.store(std::uint64_t{generation} << 32 | chunks, std::memory_order_release);
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();
  help(0);
  for (auto done = done_.load(std::memory_order_acquire); done != chunks;) done = wait_for_change(done_, done);
}

// Takes chunks while there are any. A chunk that was taken keeps its job, and what job_ and context_ say, alive.
void pool::help(unsigned worker) {
  std::uint64_t state = next_.load(std::memory_order_acquire);
  while (next_of(state) < chunks_of(state)) {
    if (!next_.compare_exchange_weak(state, state + one_chunk, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    job_(context_, worker, next_of(state));
    done_.fetch_add(1, std::memory_order_release);
    if (worker != 0) done_.notify_one();
    state = next_.load(std::memory_order_acquire);
  }
}

void pool::work(unsigned worker) {
  std::uint32_t seen = 0;
  for (;;) {
    seen = wait_for_change(generation_, seen);
    if (stop_.load(std::memory_order_relaxed)) return;
    help(worker);
  }
}

}  // namespace hunch::cpu
