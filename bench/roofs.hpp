// What this machine can do at most: bytes read, dot products of bytes, multiply-adds of floats. Measured, not looked
// up.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace roofs {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Least time of `repeats` runs of f(thread) on all threads at once.
inline double least_seconds(unsigned threads, int repeats, const std::function<void(unsigned)>& f) {
  double least = 1e9;
  for (int r = 0; r < repeats; ++r) {
    std::atomic<unsigned> ready{0};
    std::vector<double> begin(threads), end(threads);
    std::vector<std::thread> crew;
    for (unsigned t = 0; t < threads; ++t) {
      crew.emplace_back([&, t] {
        ++ready;
        while (ready.load() < threads) {
        }
        begin[t] = seconds();
        f(t);
        end[t] = seconds();
      });
    }
    for (auto& each : crew) each.join();
    least = std::min(least, *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end()));
  }
  return least;
}

/// Bytes a second that the threads read of `data` together, each its share, in order.
inline double read_rate(const std::vector<std::uint64_t>& data, unsigned threads) {
  std::vector<std::uint64_t> sums(threads * 8);
  const double s = least_seconds(threads, 5, [&](unsigned t) {
    const std::size_t first = data.size() / threads * t / 8 * 8;
    const std::size_t last = first + data.size() / threads / 8 * 8;
    std::uint64_t sum[8] = {};
    for (std::size_t i = first; i < last; i += 8) {
      __builtin_prefetch(data.data() + i + 512);
      for (std::size_t k = 0; k < 8; ++k) sum[k] += data[i + k];
    }
    for (const auto v : sum) sums[8 * t] += v;
  });
  volatile std::uint64_t sink = sums[0];
  static_cast<void>(sink);
  return static_cast<double>(data.size() * 8) / s;
}

#if defined(__x86_64__)
inline bool has_avx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"); }

// Twelve chains hide the latency of either instruction.
#define ROOFS_CHAINS(op)                                                                                \
  op " %%zmm30, %%zmm31, %%zmm0\n" op " %%zmm30, %%zmm31, %%zmm1\n" op " %%zmm30, %%zmm31, %%zmm2\n" op \
     " %%zmm30, %%zmm31, %%zmm3\n" op " %%zmm30, %%zmm31, %%zmm4\n" op " %%zmm30, %%zmm31, %%zmm5\n" op \
     " %%zmm30, %%zmm31, %%zmm6\n" op " %%zmm30, %%zmm31, %%zmm7\n" op " %%zmm30, %%zmm31, %%zmm8\n" op \
     " %%zmm30, %%zmm31, %%zmm9\n" op " %%zmm30, %%zmm31, %%zmm10\n" op " %%zmm30, %%zmm31, %%zmm11\n"
#define ROOFS_LOOP(op)                                                                                          \
  asm volatile("1:\n" ROOFS_CHAINS(op) "dec %0\njnz 1b\n"                                                       \
               : "+r"(n)                                                                                        \
               :                                                                                                \
               : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                 "xmm11")

inline void fma_chains(std::uint64_t n) { ROOFS_LOOP("vfmadd231ps"); }
inline void dot_chains(std::uint64_t n) { ROOFS_LOOP("vpdpbusd"); }
#undef ROOFS_LOOP
#undef ROOFS_CHAINS

/// Instructions a second of all threads together.
inline double instruction_rate(void (*chains)(std::uint64_t), unsigned threads) {
  constexpr std::uint64_t loops = 3000000;
  return 12.0 * loops * threads / least_seconds(threads, 5, [&](unsigned) { chains(loops); });
}
#endif

/// Rates of this machine with so many threads; 0 where they are not known.
struct rates {
  double read_bytes = 0;     // a second, of a block as large as a small model
  double multiply_adds = 0;  // of floats, a second
  double dot_products = 0;   // multiply-adds of bytes, a second
};
inline const rates& of(unsigned threads) {
  static const rates measured = [threads] {
    rates r;
    r.read_bytes = read_rate(std::vector<std::uint64_t>(std::size_t{16} << 20, 1), threads);  // 128 MiB
#if defined(__x86_64__)
    if (has_avx512()) {
      r.multiply_adds = 16 * instruction_rate(fma_chains, threads);
      r.dot_products = 64 * instruction_rate(dot_chains, threads);
    }
#endif
    return r;
  }();
  return measured;
}

}  // namespace roofs
