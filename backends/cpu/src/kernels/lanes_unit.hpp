// What lanes do beside a matrix unit, for the instruction sets that have one beside them: AVX-512, and the scalar ones
// for tests.
#pragma once

#include "lanes.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Two bytes for each of 64 numbers.
struct byte_planes {
  u8x64 low;
  u8x64 high;
};

#if defined(HUNCH_LANES_AVX512)

inline i32x16 load_ints(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
template <int Bits>
inline i32x16 shifted_left(i32x16 v) {
  return {_mm512_slli_epi32(v.v, Bits)};
}
template <int Bits>
inline i32x16 low_bits(i32x16 v) {
  return {_mm512_and_si512(v.v, _mm512_set1_epi32((1 << Bits) - 1))};
}
template <int Bits>
inline i32x16 high_bits(i32x16 v) {
  return {_mm512_srli_epi32(v.v, Bits)};
}
inline u8x64 minus(u8x64 v, int x) { return {_mm512_sub_epi8(v.v, _mm512_set1_epi8(static_cast<char>(x)))}; }
/// The number of a lane in both of its halves.
inline __m512i in_halves(i32x16 v) {
  return _mm512_or_si512(_mm512_and_si512(v.v, _mm512_set1_epi32(0xffff)), _mm512_slli_epi32(v.v, 16));
}
/// One multiplication of 16 bits makes two products of bytes, since nothing is carried from the lower to the upper.
inline u8x64 times(u8x64 v, i32x16 by) { return {_mm512_mullo_epi16(v.v, in_halves(by))}; }
/// Multiplications of 16 bits leave the byte that is wanted in its place: of a word, the upper or the lower half; of an
/// odd byte that stands for 256 times its number, or of a scale that does, one byte further up.
inline byte_planes products(u8x64 v, i32x16 by) {
  const __m512i scale = in_halves(by);
  const __m512i even = _mm512_slli_epi16(v.v, 8);
  const __m512i odd = _mm512_and_si512(v.v, _mm512_set1_epi16(static_cast<short>(0xff00)));
  const __m512i of_even = _mm512_set1_epi16(0xff);
  constexpr int choose = 0xca;  // first ? second : third, bit by bit
  return {{_mm512_ternarylogic_epi32(of_even, _mm512_mullo_epi16(v.v, scale), _mm512_mullo_epi16(odd, scale), choose)},
          {_mm512_ternarylogic_epi32(of_even, _mm512_mulhi_epi16(even, scale),
                                     _mm512_mulhi_epi16(odd, _mm512_slli_epi16(scale, 8)), choose)}};
}

#else

inline i32x16 load_ints(const std::int32_t* p) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = p[l];
  return r;
}
template <int Bits>
inline i32x16 shifted_left(const i32x16& v) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = v.lane[l] * (1 << Bits);
  return r;
}
/// Numbers that are not negative: their lowest bits, and what is above them.
template <int Bits>
inline i32x16 low_bits(const i32x16& v) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = v.lane[l] & ((1 << Bits) - 1);
  return r;
}
template <int Bits>
inline i32x16 high_bits(const i32x16& v) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = v.lane[l] >> Bits;
  return r;
}
/// Every byte minus x, modulo 256.
inline u8x64 minus(const u8x64& v, int x) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(v.byte[i] - x);
  return r;
}
/// Every byte times the number of its lane; products are below 256.
inline u8x64 times(const u8x64& v, const i32x16& by) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(v.byte[i] * by.lane[i / 4]);
  return r;
}
/// Every signed byte times the number of its lane, -128..127, as 256 * high + low; high is a signed byte.
inline byte_planes products(const u8x64& v, const i32x16& by) {
  byte_planes r;
  for (int i = 0; i < 64; ++i) {
    const int product = static_cast<std::int8_t>(v.byte[i]) * by.lane[i / 4];
    r.low.byte[i] = static_cast<std::uint8_t>(product & 255);
    r.high.byte[i] = static_cast<std::uint8_t>(product >> 8);
  }
  return r;
}

#endif

}  // namespace hunch::cpu::HUNCH_ISA
