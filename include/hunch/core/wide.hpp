// Loops over rows, compiled twice: with the flags of the program, and for processors with AVX2.
//
// Header-only code gets its user's flags, mostly those of the oldest processor. So the inner loops are written once, as
// plain C++, and instantiated a second time for wider registers; which one runs is decided when the program starts.
// Both give the same bits: the source is the same, and no multiplication is fused with an addition (FMA stays off).
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

/// Counters that differ in their third word only, and the words of all of them: [16 counters][4 words].
struct philox_batch {
  std::uint32_t c0, c1, c3;
  std::uint64_t key;
  std::uint32_t third[16];
  std::uint32_t words[64];
};

/// What `philox16` gives, counter by counter.
inline void philox16_plain(philox_batch& b) noexcept {
  for (std::size_t i = 0; i < 16; ++i) {
    const auto words = philox4x32({b.c0, b.c1, b.third[i], b.c3}, b.key);
    std::copy(words.begin(), words.end(), b.words + 4 * i);
  }
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)

/// Whether the AVX2 copies run; tests switch them off to compare.
inline bool wide_loops = (__builtin_cpu_init(), __builtin_cpu_supports("avx2") != 0);

template <class F>
[[gnu::target("avx2"), gnu::noinline]] void run_wide(F& f) {
  f();
}

/// Calls f, which must be a lambda with the attribute always_inline, in the widest form that the processor has.
template <class F>
[[gnu::always_inline]] inline void wide(F f) {
  if (wide_loops)
    run_wide(f);
  else
    f();
}

/// Four counters a register, one in 64 bits; two registers at a time. The upper halves hold what the multiplication
/// before left there; it reads the lower halves only.
[[gnu::target("avx2"), gnu::noinline]] inline void philox16_avx2(philox_batch& b) noexcept {
  using lanes = std::uint64_t __attribute__((vector_size(32)));
  constexpr std::uint64_t low = 0xffffffffull;
  for (std::size_t half = 0; half < 16; half += 8) {
    lanes c0[2], c1[2], c2[2], c3[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint32_t* const t = b.third + half + 4 * i;
      c0[i] = lanes{} + b.c0;
      c1[i] = lanes{} + b.c1;
      c2[i] = lanes{t[0], t[1], t[2], t[3]};
      c3[i] = lanes{} + b.c3;
    }
    auto k0 = static_cast<std::uint32_t>(b.key);
    auto k1 = static_cast<std::uint32_t>(b.key >> 32);
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
    for (std::size_t i = 0; i < 2; ++i) {
      const lanes front = (c0[i] & low) | (c1[i] << 32);  // words 0 and 1 of four counters
      const lanes back = (c2[i] & low) | (c3[i] << 32);
      const lanes first = __builtin_shufflevector(front, back, 0, 4, 1, 5);
      const lanes second = __builtin_shufflevector(front, back, 2, 6, 3, 7);
      __builtin_memcpy(b.words + 4 * half + 16 * i, &first, 32);
      __builtin_memcpy(b.words + 4 * half + 16 * i + 8, &second, 32);
    }
  }
}

/// words[4i + j] = word j of the counter {c0, c1, third[i], c3}.
inline void philox16(philox_batch& b) noexcept {
  if (wide_loops)
    philox16_avx2(b);
  else
    philox16_plain(b);
}

#else

inline bool wide_loops = false;

template <class F>
inline void wide(F f) {
  f();
}
inline void philox16(philox_batch& b) noexcept { philox16_plain(b); }

#endif

}  // namespace detail
}  // namespace hunch
