// What this machine can do at most: bytes read, dot products of bytes, multiply-adds of floats. Measured, not looked
// up.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
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

/// Bytes in large pages where the system gives them, as the weights of a model are.
class large_block {
 public:
  explicit large_block(std::size_t bytes) : bytes_{bytes}, data_{std::aligned_alloc(page, bytes)} {
    if (data_ == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    ::madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(data_, 1, bytes);
  }
  ~large_block() { std::free(data_); }
  large_block(const large_block&) = delete;
  large_block& operator=(const large_block&) = delete;

  [[nodiscard]] const unsigned char* data() const { return static_cast<const unsigned char*>(data_); }
  [[nodiscard]] std::size_t size() const { return bytes_; }

 private:
  static constexpr std::size_t page = std::size_t{2} << 20;
  std::size_t bytes_;
  void* data_;
};

#if defined(__x86_64__)
__attribute__((target("avx2"))) inline std::uint64_t sum_of(const unsigned char* p, std::size_t bytes) {
  __m256i sum[4] = {};
  for (std::size_t i = 0; i < bytes; i += 128) {
    __builtin_prefetch(p + i + 4096);
    __builtin_prefetch(p + i + 4096 + 64);
    for (std::size_t k = 0; k < 4; ++k)
      sum[k] = _mm256_add_epi64(sum[k], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i + 32 * k)));
  }
  const __m256i all = _mm256_add_epi64(_mm256_add_epi64(sum[0], sum[1]), _mm256_add_epi64(sum[2], sum[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(all, 0)) +
         static_cast<std::uint64_t>(_mm256_extract_epi64(all, 2));
}
#else
inline std::uint64_t sum_of(const unsigned char* p, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 8) {
    std::uint64_t v;
    std::memcpy(&v, p + i, 8);
    sum += v;
  }
  return sum;
}
#endif

/// Bytes a second that the threads read together. Whoever is free takes the next part, as in a pass: a processor that
/// is lent to somebody else for a moment holds nobody up.
inline double read_rate(const large_block& data, unsigned threads) {
  constexpr std::size_t part = std::size_t{1} << 18;
  std::atomic<std::uint64_t> sink{0};
  double least = 1e9;
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::atomic<std::size_t> next{0};
    least = std::min(least, least_seconds(threads, 1, [&](unsigned) {
                       for (std::size_t at = next.fetch_add(part); at + part <= data.size(); at = next.fetch_add(part))
                         sink += sum_of(data.data() + at, part);
                     }));
  }
  return static_cast<double>(data.size()) / least;
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
    r.read_bytes = read_rate(large_block{std::size_t{96} << 20}, threads);  // as a small model
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
