// Sixteen lanes in plain C++: the specification that the vector versions must equal bit for bit.
// Included by lanes.hpp inside the namespace of the instruction set.

struct f32x16 {
  float lane[16];
};
struct i32x16 {
  std::int32_t lane[16];
};
struct u8x64 {
  std::uint8_t byte[64];  // bytes 4o .. 4o+3 belong to lane o
};

inline constexpr std::size_t tile_rows = 4;     // rows that share one loaded vector of weights
inline constexpr std::size_t tile_strips = 1;   // strips that share one word of activations
inline constexpr std::size_t query_tile = 4;    // queries that share a sweep over keys and values
inline constexpr std::size_t tile_vectors = 1;  // vectors of keys or values that they meet at once

inline f32x16 load(const float* p) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = p[l];
  return r;
}
inline void store(float* p, const f32x16& v) {
  for (int l = 0; l < 16; ++l) p[l] = v.lane[l];
}
inline f32x16 broadcast(float x) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = x;
  return r;
}
inline f32x16 fma(const f32x16& a, const f32x16& b, const f32x16& c) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = __builtin_fmaf(a.lane[l], b.lane[l], c.lane[l]);
  return r;
}
inline f32x16 mul(const f32x16& a, const f32x16& b) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] * b.lane[l];
  return r;
}
inline f32x16 add(const f32x16& a, const f32x16& b) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] + b.lane[l];
  return r;
}
inline f32x16 sub(const f32x16& a, const f32x16& b) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] - b.lane[l];
  return r;
}
/// a > b ? a : b, so that NaN gives b as the machine's instruction does.
inline f32x16 max(const f32x16& a, const f32x16& b) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
  return r;
}
inline f32x16 negated(const f32x16& a) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = -a.lane[l];
  return r;
}
/// The fixed tree of every float sum: lanes 8 apart, then 4, 2 and 1.
inline float sum_of(f32x16 v) {
  for (int step = 8; step > 0; step /= 2)
    for (int l = 0; l < step; ++l) v.lane[l] = v.lane[l] + v.lane[l + step];
  return v.lane[0];
}
inline float max_of(f32x16 v) {
  for (int step = 8; step > 0; step /= 2)
    for (int l = 0; l < step; ++l) v.lane[l] = v.lane[l] > v.lane[l + step] ? v.lane[l] : v.lane[l + step];
  return v.lane[0];
}

/// Exact value of a half-precision number.
inline float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 31u;
  const std::uint32_t fraction = h & 1023u;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24 is exact in float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, magnitude) | sign);
  }
  const std::uint32_t biased = exponent == 31 ? 255u : exponent + 112u;
  const std::uint32_t quiet = exponent == 31 && fraction != 0 ? 1u << 22 : 0u;  // conversions quieten NaNs
  return __builtin_bit_cast(float, sign | biased << 23 | fraction << 13 | quiet);
}
inline f32x16 load_halves(const unsigned char* p) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) {
    std::uint16_t h;
    __builtin_memcpy(&h, p + 2 * l, 2);
    r.lane[l] = half_to_float(h);
  }
  return r;
}
/// The nearest half-precision number, ties to even; infinity from 65520 on.
inline std::uint16_t float_to_half(float x) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (size >> 13 & 0x3ffu));  // NaN, quiet
  if (size >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (size < 0x38800000u) {  // below 2^-14: a multiple of 2^-24, which adding 0.5 rounds to
    const float shifted = __builtin_bit_cast(float, size) + 0.5f;
    return static_cast<std::uint16_t>(sign | (__builtin_bit_cast(std::uint32_t, shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = size + 0xfffu + (size >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | (rounded - 0x38000000u) >> 13);
}
inline void store_halves(void* p, const f32x16& v) {
  for (int l = 0; l < 16; ++l) {
    const std::uint16_t h = float_to_half(v.lane[l]);
    __builtin_memcpy(static_cast<unsigned char*>(p) + 2 * l, &h, 2);
  }
}
/// v * 2^n for shifted = 1.5 * 2^23 + n; v and the result are normal numbers.
inline f32x16 scaled_by_power(const f32x16& v, const f32x16& shifted) {
  f32x16 r;
  for (int l = 0; l < 16; ++l)
    r.lane[l] = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, v.lane[l]) +
                                              (__builtin_bit_cast(std::uint32_t, shifted.lane[l]) << 23));
  return r;
}
/// 0 where x < limit, else v.
inline f32x16 zero_below(const f32x16& v, const f32x16& x, float limit) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = x.lane[l] < limit ? 0.0f : v.lane[l];
  return r;
}
/// Upper halves of floats.
inline f32x16 load_bfloats(const unsigned char* p) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) {
    std::uint16_t h;
    __builtin_memcpy(&h, p + 2 * l, 2);
    r.lane[l] = __builtin_bit_cast(float, static_cast<std::uint32_t>(h) << 16);
  }
  return r;
}

/// n of shifted = 1.5 * 2^23 + n, |n| < 128.
inline i32x16 whole_of(const f32x16& shifted) {
  i32x16 r;
  for (int l = 0; l < 16; ++l)
    r.lane[l] = static_cast<std::int8_t>(__builtin_bit_cast(std::uint32_t, shifted.lane[l]) & 255u);
  return r;
}
/// Lanes of -128..127 as bytes.
inline void store_bytes(signed char* p, const i32x16& v) {
  for (int l = 0; l < 16; ++l) p[l] = static_cast<signed char>(v.lane[l]);
}
inline std::int32_t sum_of(const i32x16& v) {
  std::int32_t sum = 0;
  for (int l = 0; l < 16; ++l) sum += v.lane[l];
  return sum;
}
inline i32x16 broadcast_int(std::int32_t x) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = x;
  return r;
}
inline f32x16 to_float(const i32x16& v) {
  f32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = static_cast<float>(v.lane[l]);
  return r;
}
inline i32x16 add(const i32x16& a, const i32x16& b) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] + b.lane[l];
  return r;
}
inline i32x16 mul(const i32x16& a, const i32x16& b) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = a.lane[l] * b.lane[l];
  return r;
}
inline i32x16 load_u8(const unsigned char* p) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = p[l];
  return r;
}
inline i32x16 load_i8(const unsigned char* p) {
  i32x16 r;
  for (int l = 0; l < 16; ++l) r.lane[l] = static_cast<std::int8_t>(p[l]);
  return r;
}

inline u8x64 load_bytes(const unsigned char* p) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = p[i];
  return r;
}
inline u8x64 low_nibbles(const u8x64& v) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = v.byte[i] & 15;
  return r;
}
inline u8x64 high_nibbles(const u8x64& v) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(v.byte[i] >> 4);
  return r;
}
/// Two bits of each byte, starting at bit `Shift`, as bits 4 and 5.
template <int Shift>
inline u8x64 two_bits_up(const u8x64& v) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(((v.byte[i] >> Shift) & 3) << 4);
  return r;
}
inline u8x64 either(const u8x64& a, const u8x64& b) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = a.byte[i] | b.byte[i];
  return r;
}
/// Adds 16 to byte i where bit i of the 64 bits at `mask` is set (bytes below 16 only).
inline u8x64 add_fifth_bits(const u8x64& v, const unsigned char* mask) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(v.byte[i] | ((mask[i / 8] >> (i % 8)) & 1) << 4);
  return r;
}

/// Four bytes, the same in every lane.
struct word {
  signed char byte[4];
};
inline word load_word(const signed char* p) { return {{p[0], p[1], p[2], p[3]}}; }
/// acc[o] + sum of w[4o+i] * a[i], i < 4; w unsigned and below 128, a signed bytes.
inline i32x16 dot4(i32x16 acc, const u8x64& w, word a) {
  for (int o = 0; o < 16; ++o)
    for (int i = 0; i < 4; ++i) acc.lane[o] += w.byte[4 * o + i] * a.byte[i];
  return acc;
}
/// The same for all unsigned bytes.
inline i32x16 dot4_wide(const i32x16& acc, const u8x64& w, word a) { return dot4(acc, w, a); }
/// Two numbers of 16 bits in every lane.
struct i16x32 {
  std::int16_t number[32];
};
inline i16x32 load_pairs(const unsigned char* p) {
  i16x32 r;
  for (int i = 0; i < 32; ++i) r.number[i] = p[i];
  return r;
}
/// acc[o] + sum of w[2o+i] * a[i], i < 2.
inline i32x16 dot2(i32x16 acc, const i16x32& w, const std::int16_t* a) {
  for (int o = 0; o < 16; ++o)
    for (int i = 0; i < 2; ++i) acc.lane[o] += w.number[2 * o + i] * a[i];
  return acc;
}
/// acc[o] + sum[o] * scale[o] for numbers that fit 16 bits; the upper 16 bits of a scale are zero.
inline i32x16 add_scaled(i32x16 acc, const i32x16& sum, const i32x16& scale) {
  for (int o = 0; o < 16; ++o)
    acc.lane[o] += static_cast<std::int16_t>(sum.lane[o]) * static_cast<std::int16_t>(scale.lane[o]);
  return acc;
}
inline i32x16 lower_halves(const i32x16& v) {
  i32x16 r;
  for (int o = 0; o < 16; ++o) r.lane[o] = v.lane[o] & 0xffff;
  return r;
}
inline void store_values(unsigned char* p, const u8x64& v) {
  for (int i = 0; i < 64; ++i) p[i] = v.byte[i];
}

/// The largest sum of magnitudes of 16 values, of the 16 such runs that a block of 256 has.
inline std::int32_t loudest_of(const signed char* q) {
  std::int32_t most = 0;
  for (int run = 0; run < 16; ++run) {
    std::int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += q[16 * run + i] < 0 ? -q[16 * run + i] : q[16 * run + i];
    most = sum > most ? sum : most;
  }
  return most;
}
