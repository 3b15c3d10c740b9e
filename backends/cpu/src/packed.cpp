#include "packed.hpp"

#include <array>
#include <cstring>

#include <hunch/core/error.hpp>
#include <hunch/transformer/weights.hpp>

#include "blocks.hpp"

namespace hunch::cpu {
namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// One block of 16 outputs. `in` holds the block of each output, zero for outputs that do not exist.
template <class Block>
using block_column = std::array<Block, strip_outputs>;

void put_half(std::uint8_t* at, std::size_t o, std::uint16_t h) { std::memcpy(at + 2 * o, &h, 2); }

// Bytes j and nibbles of value 4 j + i of output o lie at 64 j + 4 o + i.
void put_bytes(std::uint8_t* at, std::size_t o, const std::uint8_t* bytes, std::size_t count) {
  for (std::size_t k = 0; k < count; k += 4) std::memcpy(at + 16 * k + 4 * o, bytes + k, 4);
}

// Bits k of 32 values of output o: bit 4 o + k % 4 of 64-bit word k / 4.
template <class IsSet>
void put_fifth_bits(std::uint8_t* at, std::size_t o, IsSet&& is_set) {
  for (std::size_t k = 0; k < 32; ++k) {
    const std::size_t bit = 4 * o + k % 4;
    at[8 * (k / 4) + bit / 8] |= static_cast<std::uint8_t>((is_set(k) ? 1u : 0u) << (bit % 8));
  }
}

void pack_block(const block_column<float>& in, std::uint8_t* out) { std::memcpy(out, in.data(), sizeof in); }
void pack_block(const block_column<float_16>& in, std::uint8_t* out) { std::memcpy(out, in.data(), sizeof in); }
void pack_block(const block_column<bfloat_16>& in, std::uint8_t* out) { std::memcpy(out, in.data(), sizeof in); }

// Q4_0, Q4_1, Q5_0 and Q5_1: nibbles, then fifth bits, then d, then m.
template <class Block>
void pack_block(const block_column<Block>& in, std::uint8_t* out) {
  constexpr bool has_fifth = requires(const Block& b) { b.fifth; };
  constexpr std::size_t scale_at = has_fifth ? 320 : 256;
  if constexpr (has_fifth) std::memset(out + 256, 0, 64);
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    const Block& b = in[o];
    put_bytes(out, o, b.q, 16);
    if constexpr (has_fifth)
      put_fifth_bits(out + 256, o, [&](std::size_t k) { return (b.fifth[k / 8] >> (k % 8)) & 1; });
    put_half(out + scale_at, o, b.d);
    if constexpr (requires { b.m; }) put_half(out + scale_at + 32, o, b.m);
  }
}

void pack_block(const block_column<block_q8_0>& in, std::uint8_t* out) {
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    std::uint8_t shifted[32];
    for (std::size_t k = 0; k < 32; ++k) shifted[k] = static_cast<std::uint8_t>(in[o].q[k] + 128);
    put_bytes(out, o, shifted, 32);
    put_half(out + 512, o, in[o].d);
  }
}

// Nibbles from 0 on, scales and minimum scales from `scales_at` on, then d and dmin.
template <class Block>
void pack_with_minima(const block_column<Block>& in, std::size_t scales_at, std::uint8_t* out) {
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    for (std::size_t run = 0; run < 4; ++run) put_bytes(out + 512 * run, o, in[o].q + 32 * run, 32);
    for (unsigned i = 0; i < 8; ++i) {
      const scale_pair s = scales_of(in[o], i);
      out[scales_at + 16 * i + o] = s.scale;
      out[scales_at + 128 + 32 * (i / 2) + 2 * o + i % 2] = s.minimum;
    }
    put_half(out + scales_at + 256, o, in[o].d);
    put_half(out + scales_at + 288, o, in[o].dmin);
  }
}

void pack_block(const block_column<block_q4_k>& in, std::uint8_t* out) { pack_with_minima(in, 2048, out); }

void pack_block(const block_column<block_q5_k>& in, std::uint8_t* out) {
  pack_with_minima(in, 2560, out);
  std::memset(out + 2048, 0, 512);
  for (std::size_t o = 0; o < strip_outputs; ++o)
    for (std::size_t run = 0; run < 8; ++run)
      put_fifth_bits(out + 2048 + 64 * run, o, [&](std::size_t k) { return (in[o].fifth[k] >> run) & 1; });
}

void pack_block(const block_column<block_q6_k>& in, std::uint8_t* out) {
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    for (std::size_t run = 0; run < 4; ++run) put_bytes(out + 512 * run, o, in[o].low + 32 * run, 32);
    for (std::size_t half = 0; half < 2; ++half) put_bytes(out + 2048 + 512 * half, o, in[o].high + 32 * half, 32);
    for (std::size_t i = 0; i < 16; ++i) out[3072 + 16 * i + o] = static_cast<std::uint8_t>(in[o].scales[i]);
    put_half(out + 3328, o, in[o].d);
  }
}

template <class Block>
void pack_strip(const gguf::tensor& t, format kind, std::size_t strip, std::uint8_t* out) {
  const std::size_t outputs = static_cast<std::size_t>(t.rows());
  const std::size_t row_bytes = row_bytes_of(t);
  const std::size_t blocks = row_bytes / sizeof(Block);
  block_column<Block> column;
  for (std::size_t b = 0; b < blocks; ++b, out += strip_block_bytes(kind)) {
    for (std::size_t o = 0; o < strip_outputs; ++o) {
      const std::size_t row = strip * strip_outputs + o;
      if (row < outputs)
        std::memcpy(&column[o], t.data.data() + row * row_bytes + b * sizeof(Block), sizeof(Block));
      else
        column[o] = Block{};
    }
    pack_block(column, out);
  }
}

using strip_packer = void (*)(const gguf::tensor&, format, std::size_t, std::uint8_t*);
constexpr strip_packer packers[format_count] = {pack_strip<float>,      pack_strip<float_16>,   pack_strip<bfloat_16>,
                                                pack_strip<block_q4_0>, pack_strip<block_q4_1>, pack_strip<block_q5_0>,
                                                pack_strip<block_q5_1>, pack_strip<block_q8_0>, pack_strip<block_q4_k>,
                                                pack_strip<block_q5_k>, pack_strip<block_q6_k>};

}  // namespace

format format_of(const gguf::tensor& t) { return transformer::format_of(t, "cpu"); }

std::size_t row_bytes_of(const gguf::tensor& t) {
  const auto& traits = gguf::traits_of(t.type);
  return static_cast<std::size_t>(t.shape[0]) / traits.block_values * traits.block_bytes;
}

std::byte* weight_arena::take(std::size_t bytes) {
  std::byte* at = memory_.data() + used_;
  used_ += round_up(bytes, 64);
  HUNCH_EXPECTS(used_ <= memory_.size(), "the arena is too small for the matrices");
  return at;
}

std::size_t packed_bytes(const gguf::tensor& t) {
  const format kind = format_of(t);
  const auto inputs = static_cast<std::size_t>(t.shape[0]);
  const std::size_t strips = round_up(static_cast<std::size_t>(t.rows()), strip_outputs) / strip_outputs;
  return round_up(strips * (inputs / block_values(kind)) * strip_block_bytes(kind), 64);
}

packed_matrix pack(const gguf::tensor& t, weight_arena& into, pool& threads) {
  packed_matrix m;
  m.kind = format_of(t);
  m.inputs = static_cast<std::size_t>(t.shape[0]);
  m.outputs = static_cast<std::size_t>(t.rows());
  const std::size_t strip_bytes = m.inputs / block_values(m.kind) * strip_block_bytes(m.kind);
  std::byte* data = into.take(packed_bytes(t));
  m.data = data;
  auto* out = reinterpret_cast<std::uint8_t*>(data);
  threads.share(m.strips(), [&](unsigned, std::size_t first, std::size_t last) {
    for (std::size_t s = first; s < last; ++s)
      packers[static_cast<std::size_t>(m.kind)](t, m.kind, s, out + s * strip_bytes);
  });
  return m;
}

float_vector vector_of(const gguf::tensor& t) {
  transformer::check_vector(t, "cpu");
  return {reinterpret_cast<const float*>(t.data.data())};
}

}  // namespace hunch::cpu
