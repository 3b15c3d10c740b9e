// Loops over rows, compiled for several widths: with the flags of the program, for AVX2, and with GCC for AVX-512.
//
// Header-only code gets its user's flags, mostly those of the oldest processor. So the inner loops are written once, as
// plain C++, and instantiated again for wider registers; which one runs is decided when the program starts.
// All give the same bits: the source is the same, and no multiplication is fused with an addition. For that FMA stays
// off; AVX-512 has it built in, and Clang has no attribute that keeps a function from using it, so it stays with AVX2.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace hunch {

/// Philox4x32-10 (Salmon et al., 2011): counter in, four words out.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                                                std::uint64_t key) noexcept {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * c[0];
    const std::uint64_t b = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

namespace detail {

/// Counters {c0, c1, i, c3} that differ in their third word only.
struct philox_counters {
  std::uint32_t c0, c1, c3;
  std::uint64_t key;
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> operator[](std::uint32_t i) const noexcept {
    return philox4x32({c0, c1, i, c3}, key);
  }
};

/// What `philox16` gives, counter by counter.
inline void philox16_plain(const philox_counters& of, std::uint32_t first, std::uint32_t* words) noexcept {
  for (std::uint32_t i = 0; i < 16; ++i) {
    const auto four = of[first + i];
    std::copy(four.begin(), four.end(), words + 4 * i);
  }
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)

/// Registers that the loops run in: 0 those of the program's flags, 1 AVX2, 2 AVX-512.
[[nodiscard]] inline int widest_loops() noexcept {
  __builtin_cpu_init();
#if !defined(__clang__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return 2;
#endif
  return __builtin_cpu_supports("avx2") ? 1 : 0;
}
/// Tests lower it to compare.
inline int wide_loops = widest_loops();

template <class F>
[[gnu::target("avx2"), gnu::noinline]] void run_wide(F& f) {
  f();
}
#if !defined(__clang__)
template <class F>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"), gnu::optimize("fp-contract=off"),
  gnu::noinline]] void
run_widest(F& f) {
  f();
}
#endif

/// Calls f, which must be a lambda with the attribute always_inline, in the widest form that the processor has.
template <class F>
[[gnu::always_inline]] inline void wide(F f) {
#if !defined(__clang__)
  if (wide_loops > 1) return run_widest(f);
#endif
  if (wide_loops > 0)
    run_wide(f);
  else
    f();
}

// Counters lie one in 64 bits. The upper halves hold what the multiplication before left there; it reads the lower
// halves only. Two registers at a time hide the latency of the multiplications.

/// Four counters a register.
[[gnu::target("avx2"), gnu::noinline]] inline void philox16_avx2(const philox_counters& of, std::uint32_t first,
                                                                 std::uint32_t* to) noexcept {
  using lanes = std::uint64_t __attribute__((vector_size(32)));
  constexpr std::uint64_t low = 0xffffffffull;
  for (std::uint32_t half = 0; half < 16; half += 8) {
    lanes c0[2], c1[2], c2[2], c3[2];
    for (std::uint32_t i = 0; i < 2; ++i) {
      c0[i] = lanes{} + of.c0;
      c1[i] = lanes{} + of.c1;
      c2[i] = lanes{0, 1, 2, 3} + (first + half + 4 * i);
      c3[i] = lanes{} + of.c3;
    }
    auto k0 = static_cast<std::uint32_t>(of.key);
    auto k1 = static_cast<std::uint32_t>(of.key >> 32);
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < 2; ++i) {
#if defined(__clang__)
        const lanes x = (c0[i] & low) * 0xD2511F53ull;  // one instruction; GCC makes three of it
        const lanes y = (c2[i] & low) * 0xCD9E8D57ull;
#else
        using words = std::int32_t __attribute__((vector_size(32)));
        const auto x = reinterpret_cast<lanes>(__builtin_ia32_pmuludq256(
            reinterpret_cast<words>(c0[i]), reinterpret_cast<words>(lanes{} + 0xD2511F53ull)));
        const auto y = reinterpret_cast<lanes>(__builtin_ia32_pmuludq256(
            reinterpret_cast<words>(c2[i]), reinterpret_cast<words>(lanes{} + 0xCD9E8D57ull)));
#endif
        c0[i] = (y >> 32) ^ c1[i] ^ (lanes{} + k0);
        c1[i] = y;
        c2[i] = (x >> 32) ^ c3[i] ^ (lanes{} + k1);
        c3[i] = x;
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (std::size_t i = 0; i < 2; ++i, to += 16) {
      const lanes front = (c0[i] & low) | (c1[i] << 32);  // words 0 and 1 of four counters
      const lanes back = (c2[i] & low) | (c3[i] << 32);
      const lanes first_two = __builtin_shufflevector(front, back, 0, 4, 1, 5);
      const lanes last_two = __builtin_shufflevector(front, back, 2, 6, 3, 7);
      __builtin_memcpy(to, &first_two, 32);
      __builtin_memcpy(to + 8, &last_two, 32);
    }
  }
}

#if !defined(__clang__)
/// Eight counters a register.
[[gnu::target("avx512f"), gnu::noinline]] inline void philox16_avx512(const philox_counters& of, std::uint32_t first,
                                                                      std::uint32_t* to) noexcept {
  using lanes = std::uint64_t __attribute__((vector_size(64)));
  using words = std::int32_t __attribute__((vector_size(64)));
  using products = long long __attribute__((vector_size(64)));
  constexpr std::uint64_t low = 0xffffffffull;
  const auto m0 = reinterpret_cast<words>(lanes{} + 0xD2511F53ull);
  const auto m1 = reinterpret_cast<words>(lanes{} + 0xCD9E8D57ull);
  lanes c0[2], c1[2], c2[2], c3[2];
  for (std::uint32_t i = 0; i < 2; ++i) {
    c0[i] = lanes{} + of.c0;
    c1[i] = lanes{} + of.c1;
    c2[i] = lanes{0, 1, 2, 3, 4, 5, 6, 7} + (first + 8 * i);
    c3[i] = lanes{} + of.c3;
  }
  auto k0 = static_cast<std::uint32_t>(of.key);
  auto k1 = static_cast<std::uint32_t>(of.key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < 2; ++i) {
      const auto x =
          reinterpret_cast<lanes>(__builtin_ia32_pmuludq512_mask(reinterpret_cast<words>(c0[i]), m0, products{}, 0xff));
      const auto y =
          reinterpret_cast<lanes>(__builtin_ia32_pmuludq512_mask(reinterpret_cast<words>(c2[i]), m1, products{}, 0xff));
      c0[i] = (y >> 32) ^ c1[i] ^ (lanes{} + k0);
      c1[i] = y;
      c2[i] = (x >> 32) ^ c3[i] ^ (lanes{} + k1);
      c3[i] = x;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (std::size_t i = 0; i < 2; ++i, to += 32) {
    const lanes front = (c0[i] & low) | (c1[i] << 32);  // words 0 and 1 of eight counters
    const lanes back = (c2[i] & low) | (c3[i] << 32);
    const lanes first_four = __builtin_shufflevector(front, back, 0, 8, 1, 9, 2, 10, 3, 11);
    const lanes last_four = __builtin_shufflevector(front, back, 4, 12, 5, 13, 6, 14, 7, 15);
    __builtin_memcpy(to, &first_four, 64);
    __builtin_memcpy(to + 16, &last_four, 64);
  }
}
#endif

/// words[4i + j] = word j of the counter first + i, for i < 16; first + 15 does not wrap.
inline void philox16(const philox_counters& of, std::uint32_t first, std::uint32_t* words) noexcept {
#if !defined(__clang__)
  if (wide_loops > 1) return philox16_avx512(of, first, words);
#endif
  if (wide_loops > 0)
    philox16_avx2(of, first, words);
  else
    philox16_plain(of, first, words);
}

#else

inline int wide_loops = 0;

template <class F>
inline void wide(F f) {
  f();
}
inline void philox16(const philox_counters& of, std::uint32_t first, std::uint32_t* words) noexcept {
  philox16_plain(of, first, words);
}

#endif

}  // namespace detail
}  // namespace hunch
