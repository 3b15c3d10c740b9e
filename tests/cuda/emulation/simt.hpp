// Thread blocks on the host, for tests: the kernels' own source, compiled by a host compiler, with every thread of a
// block a fiber that runs from one barrier to the next.
//
// What it shows: index arithmetic, reductions, barriers that all threads reach, bits. Blocks run one after another, in
// any order that a test asks for, and threads in ascending or descending order, so results that depend on the order of
// threads between two barriers show as different bits. Shared memory is filled with NaN before each block, device
// memory before its first use.
// What it cannot show: races that both orders hide, memory ordering, occupancy, speed, and whether the hardware's
// instructions do what this header says they do (mma_k32, mma_k16: the layouts of the PTX manual).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct emulated_index {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
};
inline emulated_index threadIdx, blockIdx, blockDim, gridDim;

namespace hunch::cuda {

inline constexpr int warp_lanes = 32;

struct alignas(16) words4 {
  std::uint32_t w[4];
};

namespace emulation {

enum class thread_order { ascending, descending };
inline thread_order order = thread_order::ascending;

/// Runs body(argument) as every thread of every block.
void run_blocks(emulated_index grid, unsigned threads, void (*body)(void*), void* argument);

void arrive_at_block();
/// Gives this lane's bytes to its warp and waits for the others'; the pointer is to lane 0's.
/// The bytes stay until every lane has called `leave_exchange`.
const std::uint64_t* exchange(const std::uint64_t* values, std::size_t count);
void leave_exchange();

/// Shared memory of the running block.
void* shared_memory(std::size_t bytes, const void* key);

inline constexpr std::size_t exchange_words = 6;  // that one lane can give at once

inline int signed_byte(std::uint64_t word, int i) { return static_cast<std::int8_t>((word >> (8 * i)) & 0xffu); }

}  // namespace emulation

template <class T>
T& shared() {
  static const char key = 0;  // one a type
  return *static_cast<T*>(emulation::shared_memory(sizeof(T), &key));
}
inline void sync_block() { emulation::arrive_at_block(); }

template <class T>
T lane_xor(T value, int mask) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t mine = 0;
  std::memcpy(&mine, &value, sizeof value);
  const std::uint64_t* all = emulation::exchange(&mine, 1);
  const unsigned lane = (threadIdx.x % 32) ^ static_cast<unsigned>(mask);
  std::memcpy(&value, all + lane * emulation::exchange_words, sizeof value);
  emulation::leave_exchange();
  return value;
}

inline words4 load_words4(const void* p) {
  words4 v;
  std::memcpy(&v, static_cast<const words4*>(p), sizeof v);
  return v;
}
inline void load_words2(const void* p, std::uint32_t& a, std::uint32_t& b) {
  std::memcpy(&a, p, 4);
  std::memcpy(&b, static_cast<const char*>(p) + 4, 4);
}
inline std::uint32_t load_word(const void* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
inline std::uint16_t load_half_word(const void* p) {
  std::uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}

inline float half_value(std::uint32_t bits) {
  const int exponent = static_cast<int>((bits >> 10) & 31u);
  const float fraction = static_cast<float>(bits & 1023u);
  float magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0f + fraction, exponent - 25);
  if (exponent == 31) magnitude = fraction == 0 ? HUGE_VALF : std::nanf("");
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

inline std::uint16_t to_half(float x) {
  const unsigned sign = std::signbit(x) ? 0x8000u : 0u;
  if (x != x) return static_cast<std::uint16_t>(sign | 0x7e00u);
  const float size = std::fabs(x);
  if (size >= 65520.0f) return static_cast<std::uint16_t>(sign | 0x7c00u);
  int exponent = 0;
  std::frexp(size, &exponent);                            // size = f 2^exponent, f in [1/2, 1)
  const int unit = exponent < -13 ? -24 : exponent - 11;  // a half's last bit is 2^unit
  const auto bits = static_cast<unsigned>(std::nearbyint(std::ldexp(size, -unit)));  // to 2048, ties to even
  return static_cast<std::uint16_t>(sign | (bits + (static_cast<unsigned>(unit + 24) << 10)));
}

/// c [16, 8] += a [16, k] b [k, 8], from the fragments of all lanes as the manual deals them out.
inline void mma(int (&c)[4], const std::uint64_t* given, int k) {
  const std::uint64_t* all = emulation::exchange(given, emulation::exchange_words);
  const auto a = [&](int row, int col) {
    const int reg = row / 8 + 2 * (col / 16);
    return emulation::signed_byte(all[(4 * (row % 8) + col % 16 / 4) * int{emulation::exchange_words} + reg], col % 4);
  };
  const auto b = [&](int row, int col) {
    return emulation::signed_byte(all[(4 * col + row % 16 / 4) * int{emulation::exchange_words} + 4 + row / 16],
                                  row % 4);
  };
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < k; ++j) c[i] += a(lane / 4 + 8 * (i / 2), j) * b(j, 2 * (lane % 4) + i % 2);
  emulation::leave_exchange();
}
inline void mma_k32(int (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const std::uint64_t given[] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  mma(c, given, 32);
}
inline void mma_k16(int (&c)[4], const std::uint32_t (&a)[2], std::uint32_t b) {
  const std::uint64_t given[] = {a[0], a[1], 0, 0, b, 0};
  mma(c, given, 16);
}

}  // namespace hunch::cuda
