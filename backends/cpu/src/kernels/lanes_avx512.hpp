// Sixteen lanes as one 512-bit register. Included by lanes.hpp inside the namespace of the instruction set.

struct f32x16 {
  __m512 v;
};
struct i32x16 {
  __m512i v;
};
struct u8x64 {
  __m512i v;
};

inline constexpr std::size_t tile_rows = 8;
inline constexpr std::size_t tile_strips = 2;
inline constexpr std::size_t query_tile = 12;
inline constexpr std::size_t tile_vectors = 2;

inline f32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, f32x16 v) { _mm512_storeu_ps(p, v.v); }
inline f32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline f32x16 mul(f32x16 a, f32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline f32x16 add(f32x16 a, f32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline f32x16 sub(f32x16 a, f32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline f32x16 max(f32x16 a, f32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline f32x16 negated(f32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }

inline float sum_of(f32x16 v) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v.v), _mm512_extractf32x8_ps(v.v, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}
inline float max_of(f32x16 v) {
  const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(v.v), _mm512_extractf32x8_ps(v.v, 1));
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_shuffle_ps(c, c, 1)));
}
inline f32x16 load_halves(const unsigned char* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline void store_halves(void* p, f32x16 v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(v.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline f32x16 scaled_by_power(f32x16 v, f32x16 shifted) {
  const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v.v), n))};
}
inline f32x16 zero_below(f32x16 v, f32x16 x, float limit) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, _mm512_set1_ps(limit), _CMP_NLT_UQ), v.v)};
}
inline f32x16 load_bfloats(const unsigned char* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

inline i32x16 whole_of(f32x16 shifted) {
  return {_mm512_srai_epi32(_mm512_slli_epi32(_mm512_castps_si512(shifted.v), 24), 24)};
}
inline void store_bytes(signed char* p, i32x16 v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v.v));
}
inline std::int32_t sum_of(i32x16 v) {
  const __m256i a = _mm256_add_epi32(_mm512_castsi512_si256(v.v), _mm512_extracti64x4_epi64(v.v, 1));
  const __m128i b = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  const __m128i c = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xb1)));
}
inline i32x16 broadcast_int(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
inline f32x16 to_float(i32x16 v) { return {_mm512_cvtepi32_ps(v.v)}; }
inline i32x16 add(i32x16 a, i32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline i32x16 mul(i32x16 a, i32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
inline __m128i load_128(const unsigned char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline i32x16 load_u8(const unsigned char* p) { return {_mm512_cvtepu8_epi32(load_128(p))}; }
inline i32x16 load_i8(const unsigned char* p) { return {_mm512_cvtepi8_epi32(load_128(p))}; }

inline u8x64 load_bytes(const unsigned char* p) { return {_mm512_loadu_si512(p)}; }
inline u8x64 low_nibbles(u8x64 v) { return {_mm512_and_si512(v.v, _mm512_set1_epi8(15))}; }
inline u8x64 high_nibbles(u8x64 v) { return {_mm512_and_si512(_mm512_srli_epi16(v.v, 4), _mm512_set1_epi8(15))}; }
template <int Shift>
inline u8x64 two_bits_up(u8x64 v) {
  constexpr int left = Shift <= 4 ? 4 - Shift : 0;
  constexpr int right = Shift <= 4 ? 0 : Shift - 4;
  const __m512i moved = _mm512_srli_epi16(_mm512_slli_epi16(v.v, left), right);
  return {_mm512_and_si512(moved, _mm512_set1_epi8(0x30))};
}
inline u8x64 either(u8x64 a, u8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }
inline u8x64 add_fifth_bits(u8x64 v, const unsigned char* mask) {
  unsigned long long bits;
  __builtin_memcpy(&bits, mask, 8);
  return {_mm512_mask_add_epi8(v.v, bits, v.v, _mm512_set1_epi8(16))};
}

/// Four bytes, the same in every lane.
struct word {
  __m512i v;
};
template <class T>
inline word load_word(const T* p) {
  int x;
  __builtin_memcpy(&x, p, 4);
  return {_mm512_set1_epi32(x)};
}
inline i32x16 dot4(i32x16 acc, u8x64 w, word a) { return {_mm512_dpbusd_epi32(acc.v, w.v, a.v)}; }
inline i32x16 dot4_wide(i32x16 acc, u8x64 w, word a) { return dot4(acc, w, a); }
struct i16x32 {
  __m512i v;
};
inline i16x32 load_pairs(const unsigned char* p) {
  return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline i32x16 dot2(i32x16 acc, i16x32 w, const std::int16_t* a) {
  return {_mm512_dpwssd_epi32(acc.v, w.v, load_word(a).v)};
}
inline i32x16 add_scaled(i32x16 acc, i32x16 sum, i32x16 scale) { return {_mm512_dpwssd_epi32(acc.v, sum.v, scale.v)}; }
inline i32x16 lower_halves(i32x16 v) { return {_mm512_and_si512(v.v, _mm512_set1_epi32(0xffff))}; }
inline void store_values(unsigned char* p, u8x64 v) { _mm512_store_si512(p, v.v); }
inline std::int32_t loudest_of(const signed char* q) {
  __m512i most = _mm512_setzero_si512();
  for (int i = 0; i < 256; i += 64) {
    const __m512i eights = _mm512_sad_epu8(_mm512_abs_epi8(_mm512_loadu_si512(q + i)), _mm512_setzero_si512());
    most = _mm512_max_epi32(most, _mm512_add_epi32(eights, _mm512_shuffle_epi32(eights, _MM_PERM_BADC)));
  }
  return _mm512_reduce_max_epi32(most);
}
