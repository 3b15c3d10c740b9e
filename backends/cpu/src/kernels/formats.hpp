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

/// Vector j of 8: values 4 j .. 4 j + 3 of every output.
inline u8x64 nibbles_of(const unsigned char* p, int j) {
  return j < 4 ? low_nibbles(load_bytes(p + 64 * j)) : high_nibbles(load_bytes(p + 64 * (j - 4)));
}
inline u8x64 five_bits_of(const unsigned char* p, int j) { return add_fifth_bits(nibbles_of(p, j), p + 256 + 8 * j); }

struct q4_0_blocks {
  static constexpr format kind = format::q4_0;
  static constexpr std::size_t scale_at = 256;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -8;  // values are stored as 0..15
  static constexpr bool wide = false;

  static inline u8x64 vector(const unsigned char* p, int j) { return nibbles_of(p, j); }
};

struct q4_1_blocks {
  static constexpr format kind = format::q4_1;
  static constexpr std::size_t scale_at = 256;
  static constexpr bool has_minimum = true;  // then acc = fma(m_w, d_a * float(sum a), acc)
  static constexpr std::int32_t offset = 0;
  static constexpr bool wide = false;

  static inline u8x64 vector(const unsigned char* p, int j) { return nibbles_of(p, j); }
};

struct q5_0_blocks {
  static constexpr format kind = format::q5_0;
  static constexpr std::size_t scale_at = 320;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -16;  // values are stored as 0..31
  static constexpr bool wide = false;

  static inline u8x64 vector(const unsigned char* p, int j) { return five_bits_of(p, j); }
};

struct q5_1_blocks {
  static constexpr format kind = format::q5_1;
  static constexpr std::size_t scale_at = 320;
  static constexpr bool has_minimum = true;
  static constexpr std::int32_t offset = 0;
  static constexpr bool wide = false;

  static inline u8x64 vector(const unsigned char* p, int j) { return five_bits_of(p, j); }
};

struct q8_0_blocks {
  static constexpr format kind = format::q8_0;
  static constexpr std::size_t scale_at = 512;
  static constexpr bool has_minimum = false;
  static constexpr std::int32_t offset = -128;  // values are stored as 0..255
  static constexpr bool wide = true;

  static inline u8x64 vector(const unsigned char* p, int j) { return load_bytes(p + 64 * j); }
};

// --- scales of scales for 256 values ---
// A block has parts with one integer scale each, and is gone through in turns of a few parts that share bytes: which of
// them it is (the side) is known when the code is compiled.

struct q4_k_blocks {
  static constexpr format kind = format::q4_k;
  static constexpr int turns = 4;
  static constexpr int sides = 2;     // low and high nibbles
  static constexpr int vectors = 8;   // of 4 values each in a part
  static constexpr int largest = 15;  // magnitude of a value, with what `start` takes off
  static constexpr bool negative_scales = false;
  static constexpr bool has_minimum = true;  // then acc = fma(-(dmin * d_a), float(M), acc), M = sum of mn * sum a
  static constexpr std::size_t minima_at = 2176;
  static constexpr std::size_t scale_at = 2304;

  static constexpr int part(int turn, int side) { return 2 * turn + side; }
  template <int Side>
  static inline u8x64 vector(const unsigned char* p, int turn, int j) {
    const u8x64 both = load_bytes(p + 512 * turn + 64 * j);
    return Side == 0 ? low_nibbles(both) : high_nibbles(both);
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_u8(p + 2048 + 16 * part); }
  static inline i32x16 start(const activation_rows&, std::size_t, int) { return broadcast_int(0); }
};

struct q5_k_blocks {
  static constexpr format kind = format::q5_k;
  static constexpr int turns = 4;
  static constexpr int sides = 2;
  static constexpr int vectors = 8;
  static constexpr int largest = 31;
  static constexpr bool negative_scales = false;
  static constexpr bool has_minimum = true;
  static constexpr std::size_t minima_at = 2688;
  static constexpr std::size_t scale_at = 2816;

  static constexpr int part(int turn, int side) { return 2 * turn + side; }
  template <int Side>
  static inline u8x64 vector(const unsigned char* p, int turn, int j) {
    return add_fifth_bits(q4_k_blocks::vector<Side>(p, turn, j), p + 2048 + 64 * part(turn, Side) + 8 * j);
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_u8(p + 2560 + 16 * part); }
  static inline i32x16 start(const activation_rows&, std::size_t, int) { return broadcast_int(0); }
};

struct q6_k_blocks {
  static constexpr format kind = format::q6_k;
  static constexpr int turns = 4;  // turn = 2 half + which 16 values of each 32
  static constexpr int sides = 4;  // quarters of a half: 0 and 1 are low nibbles, 2 and 3 high ones
  static constexpr int vectors = 4;
  static constexpr int largest = 32;
  static constexpr bool negative_scales = true;
  static constexpr bool has_minimum = false;
  static constexpr std::size_t scale_at = 3328;

  static constexpr int part(int turn, int quarter) { return 8 * (turn / 2) + 2 * quarter + turn % 2; }
  template <int Quarter>
  static inline u8x64 vector(const unsigned char* p, int turn, int j) {
    const int half = turn / 2;
    const int at = 256 * (turn % 2) + 64 * j;
    const u8x64 both = load_bytes(p + 1024 * half + 512 * (Quarter % 2) + at);
    const u8x64 bits = load_bytes(p + 2048 + 512 * half + at);
    return either(Quarter < 2 ? low_nibbles(both) : high_nibbles(both), two_bits_up<2 * Quarter>(bits));
  }
  static inline i32x16 part_scale(const unsigned char* p, int part) { return load_i8(p + 3072 + 16 * part); }
  /// Values are stored as 0..63; what that adds is taken back before the integer scale.
  static inline i32x16 start(const activation_rows& in, std::size_t block, int part) {
    return broadcast_int(in.offset[block * 16 + static_cast<std::size_t>(part)]);
  }
};

}  // namespace hunch::cpu::HUNCH_ISA
