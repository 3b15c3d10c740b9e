#include "pool.hpp"

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

}  // namespace

pool::pool(unsigned threads) {
  if (threads == 0) threads = std::thread::hardware_concurrency();
  for (unsigned part = 1; part < threads; ++part) workers_.emplace_back([this, part] { work(part); });
}

pool::~pool() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& w : workers_) w.join();
}

void pool::start(job what, void* context) {
  job_ = what;
  context_ = context;
  busy_.store(static_cast<std::uint32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  what(context, 0, size());
  for (auto left = busy_.load(std::memory_order_acquire); left != 0;) left = wait_for_change(busy_, left);
}

void pool::work(unsigned part) {
  std::uint32_t seen = 0;
  for (;;) {
    seen = wait_for_change(generation_, seen);
    if (stop_.load(std::memory_order_relaxed)) return;
    job_(context_, part, size());
    busy_.fetch_sub(1, std::memory_order_release);
    busy_.notify_one();
  }
}

}  // namespace hunch::cpu
