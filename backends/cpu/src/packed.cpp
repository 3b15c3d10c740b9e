#include "packed.hpp"

#include <array>
#include <cstring>
#include <string>

#include <hunch/core/error.hpp>

#include "blocks.hpp"

namespace hunch::cpu {
namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

format format_of(const gguf::tensor& t) {
  switch (t.type) {
    case gguf::tensor_type::f32:
      return format::f32;
    case gguf::tensor_type::q4_1:
      return format::q4_1;
    case gguf::tensor_type::q5_0:
      return format::q5_0;
    case gguf::tensor_type::q8_0:
      return format::q8_0;
    case gguf::tensor_type::q4_k:
      return format::q4_k;
    case gguf::tensor_type::q6_k:
      return format::q6_k;
    default:
      break;
  }
  raise("cpu: tensor '" + t.name + "' is " + std::string(gguf::traits_of(t.type).name) +
        ", which is not supported; supported: F32, Q4_1, Q5_0, Q8_0, Q4_K, Q6_K");
}

std::size_t row_bytes_of(const gguf::tensor& t) {
  const auto& traits = gguf::traits_of(t.type);
  return static_cast<std::size_t>(t.shape[0]) / traits.block_values * traits.block_bytes;
}

// One block of 16 outputs. `in` holds the block of each output, zero for outputs that do not exist.
template <class Block>
using block_column = std::array<Block, strip_outputs>;

void put_half(std::uint8_t* at, std::size_t o, std::uint16_t h) { std::memcpy(at + 2 * o, &h, 2); }

// Bytes j and nibbles of value 4 j + i of output o lie at 64 j + 4 o + i.
void put_bytes(std::uint8_t* at, std::size_t o, const std::uint8_t* bytes, std::size_t count) {
  for (std::size_t k = 0; k < count; k += 4) std::memcpy(at + 16 * k + 4 * o, bytes + k, 4);
}

void pack_block(const block_column<float>& in, std::uint8_t* out) { std::memcpy(out, in.data(), sizeof in); }

void pack_block(const block_column<block_q4_1>& in, std::uint8_t* out) {
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    put_bytes(out, o, in[o].q, 16);
    put_half(out + 256, o, in[o].d);
    put_half(out + 288, o, in[o].m);
  }
}

void pack_block(const block_column<block_q5_0>& in, std::uint8_t* out) {
  std::memset(out + 256, 0, 64);
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    put_bytes(out, o, in[o].q, 16);
    for (std::size_t k = 0; k < 32; ++k) {  // bit 4 o + k % 4 of 64-bit word k / 4
      const unsigned bit = (static_cast<unsigned>(in[o].fifth[k / 8]) >> (k % 8)) & 1u;
      const std::size_t at = 4 * o + k % 4;
      out[256 + 8 * (k / 4) + at / 8] |= static_cast<std::uint8_t>(bit << (at % 8));
    }
    put_half(out + 320, o, in[o].d);
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

void pack_block(const block_column<block_q4_k>& in, std::uint8_t* out) {
  for (std::size_t o = 0; o < strip_outputs; ++o) {
    for (std::size_t run = 0; run < 4; ++run) put_bytes(out + 512 * run, o, in[o].q + 32 * run, 32);
    for (unsigned i = 0; i < 8; ++i) {
      const scale_pair s = scales_of(in[o], i);
      out[2048 + 16 * i + o] = s.scale;
      out[2176 + 32 * (i / 2) + 2 * o + i % 2] = s.minimum;
    }
    put_half(out + 2304, o, in[o].d);
    put_half(out + 2336, o, in[o].dmin);
  }
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
constexpr strip_packer packers[format_count] = {pack_strip<float>,      pack_strip<block_q4_1>, pack_strip<block_q5_0>,
                                                pack_strip<block_q8_0>, pack_strip<block_q4_k>, pack_strip<block_q6_k>};

// Exact value of a half-precision number.
float half(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 31u;
  const std::uint32_t fraction = h & 1023u;
  float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  if (exponent != 0) {
    const std::uint32_t bits = (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13;
    std::memcpy(&magnitude, &bits, 4);
  }
  return sign != 0 ? -magnitude : magnitude;
}

void expand(const float& b, float* out) { *out = b; }
void expand(const block_q4_1& b, float* out) {
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = half(b.d) * static_cast<float>(b.q[i] & 15) + half(b.m);
    out[i + 16] = half(b.d) * static_cast<float>(b.q[i] >> 4) + half(b.m);
  }
}
void expand(const block_q5_0& b, float* out) {
  for (unsigned i = 0; i < 32; ++i) {
    const int low = i < 16 ? b.q[i] & 15 : b.q[i - 16] >> 4;
    const int top = (b.fifth[i / 8] >> (i % 8)) & 1;
    out[i] = half(b.d) * static_cast<float>(low + 16 * top - 16);
  }
}
void expand(const block_q8_0& b, float* out) {
  for (std::size_t i = 0; i < 32; ++i) out[i] = half(b.d) * static_cast<float>(b.q[i]);
}
void expand(const block_q4_k& b, float* out) {
  for (unsigned i = 0; i < 256; ++i) {
    const scale_pair s = scales_of(b, i / 32);
    const unsigned byte = b.q[32 * (i / 64) + i % 32];
    const unsigned q = i / 32 % 2 == 0 ? byte & 15u : byte >> 4u;
    out[i] = half(b.d) * static_cast<float>(s.scale * q) - half(b.dmin) * static_cast<float>(s.minimum);
  }
}
void expand(const block_q6_k& b, float* out) {
  for (unsigned i = 0; i < 256; ++i)
    out[i] = half(b.d) * static_cast<float>(b.scales[i / 16] * (static_cast<int>(value_of(b, i)) - 32));
}

template <class Block>
void read_row(const std::byte* row, std::size_t bytes, std::size_t values, float* out) {
  for (std::size_t at = 0; at < bytes; at += sizeof(Block), out += values) {
    Block b;
    std::memcpy(&b, row + at, sizeof b);
    expand(b, out);
  }
}

using row_reader = void (*)(const std::byte*, std::size_t, std::size_t, float*);
constexpr row_reader readers[format_count] = {read_row<float>,      read_row<block_q4_1>, read_row<block_q5_0>,
                                              read_row<block_q8_0>, read_row<block_q4_k>, read_row<block_q6_k>};

}  // namespace

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
  if (t.type != gguf::tensor_type::f32)
    raise("cpu: tensor '" + t.name + "' is " + std::string(gguf::traits_of(t.type).name) +
          ", vectors are supported as F32 only; convert the model again");
  return {reinterpret_cast<const float*>(t.data.data())};
}

row_table table_of(const gguf::tensor& t) {
  return {format_of(t), static_cast<std::size_t>(t.shape[0]), row_bytes_of(t), t.data.data()};
}

void row_table::read(std::size_t row, float factor, float* out) const {
  const auto k = static_cast<std::size_t>(kind);
  readers[k](data + row * row_bytes, row_bytes, block_values(kind), out);
  if (factor == 1.0F) return;
  for (std::size_t i = 0; i < width; ++i) out[i] *= factor;
}

}  // namespace hunch::cpu
