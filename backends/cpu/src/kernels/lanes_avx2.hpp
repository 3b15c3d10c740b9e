// Sixteen lanes as two 256-bit registers. Included by lanes.hpp inside the namespace of the instruction set.

struct f32x16 {
  __m256 lo, hi;
};
struct i32x16 {
  __m256i lo, hi;
};
struct u8x64 {
  __m256i lo, hi;
};

inline constexpr std::size_t tile_rows = 4;
inline constexpr std::size_t tile_strips = 1;
inline constexpr std::size_t query_tile = 6;
inline constexpr std::size_t tile_vectors = 1;

inline f32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, f32x16 v) {
  _mm256_storeu_ps(p, v.lo);
  _mm256_storeu_ps(p + 8, v.hi);
}
inline f32x16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline f32x16 mul(f32x16 a, f32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline f32x16 add(f32x16 a, f32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline f32x16 sub(f32x16 a, f32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline f32x16 max(f32x16 a, f32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline f32x16 negated(f32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}

inline float sum_of(f32x16 v) {
  const __m256 a = _mm256_add_ps(v.lo, v.hi);
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}
inline float max_of(f32x16 v) {
  const __m256 a = _mm256_max_ps(v.lo, v.hi);
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_shuffle_ps(c, c, 1)));
}
inline __m128i load_128(const unsigned char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m128i load_64(const unsigned char* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }
inline __m256i load_256(const unsigned char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline f32x16 load_halves(const unsigned char* p) {
  return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 16))};
}
inline void store_halves(void* p, f32x16 v) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(v.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(static_cast<__m128i*>(p) + 1, _mm256_cvtps_ph(v.hi, _MM_FROUND_TO_NEAREST_INT));
}
inline __m256 scaled_by_power(__m256 v, __m256 shifted) {
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), n));
}
inline f32x16 scaled_by_power(f32x16 v, f32x16 shifted) {
  return {scaled_by_power(v.lo, shifted.lo), scaled_by_power(v.hi, shifted.hi)};
}
inline f32x16 zero_below(f32x16 v, f32x16 x, float limit) {
  const __m256 bound = _mm256_set1_ps(limit);
  return {_mm256_and_ps(v.lo, _mm256_cmp_ps(x.lo, bound, _CMP_NLT_UQ)),
          _mm256_and_ps(v.hi, _mm256_cmp_ps(x.hi, bound, _CMP_NLT_UQ))};
}
inline __m256 bfloats(__m128i v) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16)); }
inline f32x16 load_bfloats(const unsigned char* p) { return {bfloats(load_128(p)), bfloats(load_128(p + 16))}; }

inline __m256i signed_low_bytes(__m256 v) {
  return _mm256_srai_epi32(_mm256_slli_epi32(_mm256_castps_si256(v), 24), 24);
}
inline i32x16 whole_of(f32x16 shifted) { return {signed_low_bytes(shifted.lo), signed_low_bytes(shifted.hi)}; }
inline void store_bytes(signed char* p, i32x16 v) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v.lo, v.hi), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
inline std::int32_t sum_of(i32x16 v) {
  const __m256i a = _mm256_add_epi32(v.lo, v.hi);
  const __m128i b = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  const __m128i c = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xb1)));
}
inline i32x16 broadcast_int(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline f32x16 to_float(i32x16 v) { return {_mm256_cvtepi32_ps(v.lo), _mm256_cvtepi32_ps(v.hi)}; }
inline i32x16 add(i32x16 a, i32x16 b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
inline i32x16 mul(i32x16 a, i32x16 b) { return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)}; }
inline i32x16 load_u8(const unsigned char* p) {
  return {_mm256_cvtepu8_epi32(load_64(p)), _mm256_cvtepu8_epi32(load_64(p + 8))};
}
inline i32x16 load_i8(const unsigned char* p) {
  return {_mm256_cvtepi8_epi32(load_64(p)), _mm256_cvtepi8_epi32(load_64(p + 8))};
}

inline u8x64 load_bytes(const unsigned char* p) { return {load_256(p), load_256(p + 32)}; }
inline u8x64 both_and(u8x64 v, __m256i mask) { return {_mm256_and_si256(v.lo, mask), _mm256_and_si256(v.hi, mask)}; }
inline u8x64 low_nibbles(u8x64 v) { return both_and(v, _mm256_set1_epi8(15)); }
inline u8x64 high_nibbles(u8x64 v) {
  return both_and({_mm256_srli_epi16(v.lo, 4), _mm256_srli_epi16(v.hi, 4)}, _mm256_set1_epi8(15));
}
template <int Shift>
inline u8x64 two_bits_up(u8x64 v) {
  constexpr int left = Shift <= 4 ? 4 - Shift : 0;
  constexpr int right = Shift <= 4 ? 0 : Shift - 4;
  const u8x64 moved{_mm256_srli_epi16(_mm256_slli_epi16(v.lo, left), right),
                    _mm256_srli_epi16(_mm256_slli_epi16(v.hi, left), right)};
  return both_and(moved, _mm256_set1_epi8(0x30));
}
inline u8x64 either(u8x64 a, u8x64 b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }

/// 16 in byte i where bit i of the 32 bits at `mask` is set.
inline __m256i sixteens(const unsigned char* mask) {
  int bits;
  __builtin_memcpy(&bits, mask, 4);
  const __m256i spread = _mm256_shuffle_epi8(
      _mm256_set1_epi32(bits),
      _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ull));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
  return _mm256_and_si256(set, _mm256_set1_epi8(16));
}
inline u8x64 add_fifth_bits(u8x64 v, const unsigned char* mask) {
  return {_mm256_or_si256(v.lo, sixteens(mask)), _mm256_or_si256(v.hi, sixteens(mask + 4))};
}

/// Four bytes, the same in every lane.
struct word {
  __m256i v;
};
template <class T>
inline word load_word(const T* p) {
  int x;
  __builtin_memcpy(&x, p, 4);
  return {_mm256_set1_epi32(x)};
}
#if defined(__AVXVNNI__)
inline __m256i dot4_half(__m256i acc, __m256i w, __m256i a) { return _mm256_dpbusd_avx_epi32(acc, w, a); }
inline i32x16 dot4_wide(i32x16 acc, u8x64 w, word a) {
  return {dot4_half(acc.lo, w.lo, a.v), dot4_half(acc.hi, w.hi, a.v)};
}
#else
// Two products of a byte below 129 and a signed byte fit 16 bits, so the saturating instruction is exact.
inline __m256i dot4_half(__m256i acc, __m256i w, __m256i a) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)));
}
inline i32x16 dot4_wide(i32x16 acc, u8x64 w, word a) {
  const u8x64 low = both_and(w, _mm256_set1_epi8(0x7f));
  const u8x64 top = both_and(w, _mm256_set1_epi8(static_cast<char>(0x80)));
  return {dot4_half(dot4_half(acc.lo, low.lo, a.v), top.lo, a.v),
          dot4_half(dot4_half(acc.hi, low.hi, a.v), top.hi, a.v)};
}
#endif
inline i32x16 dot4(i32x16 acc, u8x64 w, word a) { return {dot4_half(acc.lo, w.lo, a.v), dot4_half(acc.hi, w.hi, a.v)}; }
struct i16x32 {
  __m256i lo, hi;
};
inline i16x32 load_pairs(const unsigned char* p) {
  return {_mm256_cvtepu8_epi16(load_128(p)), _mm256_cvtepu8_epi16(load_128(p + 16))};
}
inline i32x16 dot2(i32x16 acc, i16x32 w, const std::int16_t* a) {
  const __m256i x = load_word(a).v;
  return {_mm256_add_epi32(acc.lo, _mm256_madd_epi16(w.lo, x)), _mm256_add_epi32(acc.hi, _mm256_madd_epi16(w.hi, x))};
}
inline i32x16 add_scaled(i32x16 acc, i32x16 sum, i32x16 scale) {
  return {_mm256_add_epi32(acc.lo, _mm256_madd_epi16(sum.lo, scale.lo)),
          _mm256_add_epi32(acc.hi, _mm256_madd_epi16(sum.hi, scale.hi))};
}
inline i32x16 lower_halves(i32x16 v) {
  const __m256i mask = _mm256_set1_epi32(0xffff);
  return {_mm256_and_si256(v.lo, mask), _mm256_and_si256(v.hi, mask)};
}
inline void store_values(unsigned char* p, u8x64 v) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), v.lo);
  _mm256_store_si256(reinterpret_cast<__m256i*>(p + 32), v.hi);
}
inline std::int32_t loudest_of(const signed char* q) {
  __m256i most = _mm256_setzero_si256();
  for (int i = 0; i < 256; i += 32) {
    const __m256i bytes = load_256(reinterpret_cast<const unsigned char*>(q + i));
    const __m256i eights = _mm256_sad_epu8(_mm256_abs_epi8(bytes), _mm256_setzero_si256());
    most = _mm256_max_epi32(most, _mm256_add_epi32(eights, _mm256_shuffle_epi32(eights, 0x4e)));
  }
  const __m128i half = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  return _mm_cvtsi128_si32(_mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e)));
}
