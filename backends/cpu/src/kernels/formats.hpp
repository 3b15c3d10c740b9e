// How kernels read a block of 16 outputs of each format. The layouts are those of packed.cpp.
#pragma once

#include "lanes.hpp"
#include "table.hpp"

namespace hunch::cpu::HUNCH_ISA {

// --- floats, a column of 16 outputs for each input ---

struct f32_blocks {
  static constexpr format kind = format::f32;
  static inline f32x16 column(const unsigned char* p) { return load(reinterpret_cast<const float*>(p)); }
};

struct f16_blocks {
  static constexpr format kind = format::f16;
  static inline f32x16 column(const unsigned char* p) { return load_halves(p); }
};

struct bf16_blocks {
  static constexpr format kind = format::bf16;
  static inline f32x16 column(const unsigned char* p) { return load_bfloats(p); }
};

// --- one scale for 32 values ---

inline void unpack_nibbles(const unsigned char* p, u8x64 (&w)[8]) {
  for (int j = 0; j < 4; ++j) {
    const u8x64 both = load_bytes(p + 64 * j);
    w[j] = low_nibbles(both);
    w[j + 4] = high_nibbles(both);
  }
}
inline void unpack_five_bits(const unsigned char* p, u8x64 (&w)[8]) {
  unpack_nibbles(p, w);
  for (int j = 0; j < 8; ++j) w[j] = add_fifth_bits(w[j], p + 256 + 8 * j);
}

struct q4_0_blocks {
  static constexpr format kind = format::q4_0;
  static constexpr std::size_t scale_at = 256;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -8;  // values are stored as 0..15
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) { unpack_nibbles(p, w); }
};

struct q4_1_blocks {
  static constexpr format kind = format::q4_1;
  static constexpr std::size_t scale_at = 256;
  static constexpr bool has_minimum = true;  // then acc = fma(m_w, d_a * float(sum a), acc)
  static constexpr std::int32_t offset = 0;
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) { unpack_nibbles(p, w); }
};

struct q5_0_blocks {
  static constexpr format kind = format::q5_0;
  static constexpr std::size_t scale_at = 320;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -16;  // values are stored as 0..31
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) { unpack_five_bits(p, w); }
};

struct q5_1_blocks {
  static constexpr format kind = format::q5_1;
  static constexpr std::size_t scale_at = 320;
  static constexpr bool has_minimum = true;
  static constexpr std::int32_t offset = 0;
  static constexpr bool wide = false;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) { unpack_five_bits(p, w); }
};

struct q8_0_blocks {
  static constexpr format kind = format::q8_0;
  static constexpr std::size_t scale_at = 512;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -128;  // values are stored as 0..255
  static constexpr bool wide = true;

  static inline void unpack(const unsigned char* p, u8x64 (&w)[8]) {
    for (int j = 0; j < 8; ++j) w[j] = load_bytes(p + 64 * j);
  }
};

// --- scales of scales for 256 values ---

struct q4_k_blocks {
  static constexpr format kind = format::q4_k;
  static constexpr int parts = 8;            // runs of values with one integer scale
  static constexpr int vectors = 8;          // of 4 values each in a part
  static constexpr bool has_minimum = true;  // then acc = fma(-(dmin * d_a), float(M), acc), M = sum of mn * sum a
  static constexpr std::size_t minima_at = 2176;
  static constexpr std::size_t scale_at = 2304;

  static inline void unpack(const unsigned char* p, int part, u8x64 (&w)[vectors]) {
    const unsigned char* q = p + 512 * (part / 2);
    for (int j = 0; j < vectors; ++j)
      w[j] = part % 2 == 0 ? low_nibbles(load_bytes(q + 64 * j)) : high_nibbles(load_bytes(q + 64 * j));
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_u8(p + 2048 + 16 * part); }
  static inline i32x16 start(const activation_rows&, std::size_t, int) { return broadcast_int(0); }
};

struct q5_k_blocks {
  static constexpr format kind = format::q5_k;
  static constexpr int parts = 8;
  static constexpr int vectors = 8;
  static constexpr bool has_minimum = true;
  static constexpr std::size_t minima_at = 2688;
  static constexpr std::size_t scale_at = 2816;

  static inline void unpack(const unsigned char* p, int part, u8x64 (&w)[vectors]) {
    q4_k_blocks::unpack(p, part, w);
    for (int j = 0; j < vectors; ++j) w[j] = add_fifth_bits(w[j], p + 2048 + 64 * part + 8 * j);
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_u8(p + 2560 + 16 * part); }
  static inline i32x16 start(const activation_rows&, std::size_t, int) { return broadcast_int(0); }
};

struct q6_k_blocks {
  static constexpr format kind = format::q6_k;
  static constexpr int parts = 16;
  static constexpr int vectors = 4;
  static constexpr bool has_minimum = false;
  static constexpr std::size_t scale_at = 3328;

  // part = 8 half + 2 quarter + side, as the file orders them: quarters 0 and 1 are low nibbles.
  static inline void unpack(const unsigned char* p, int part, u8x64 (&w)[vectors]) {
    const int half = part / 8;
    const int quarter = part / 2 % 4;
    const int side = part % 2;
    const unsigned char* low = p + 1024 * half + 512 * (quarter % 2) + 256 * side;
    const unsigned char* up = p + 2048 + 512 * half + 256 * side;
    for (int j = 0; j < vectors; ++j) {
      const u8x64 nibbles = load_bytes(low + 64 * j);
      const u8x64 bits = load_bytes(up + 64 * j);
      switch (quarter) {
        case 0:
          w[j] = either(low_nibbles(nibbles), two_bits_up<0>(bits));
          break;
        case 1:
          w[j] = either(low_nibbles(nibbles), two_bits_up<2>(bits));
          break;
        case 2:
          w[j] = either(high_nibbles(nibbles), two_bits_up<4>(bits));
          break;
        default:
          w[j] = either(high_nibbles(nibbles), two_bits_up<6>(bits));
          break;
      }
    }
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_i8(p + 3072 + 16 * part); }
  /// Values are stored as 0..63; what that adds is taken back before the integer scale.
  static inline i32x16 start(const activation_rows& in, std::size_t block, int part) {
    return broadcast_int(in.offset[block * 16 + static_cast<std::size_t>(part)]);
  }
};

}  // namespace hunch::cpu::HUNCH_ISA
