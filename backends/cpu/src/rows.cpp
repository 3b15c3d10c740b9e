// Rows of the embedding as floats.
#include <cstring>

#include "blocks.hpp"
#include "packed.hpp"

namespace hunch::cpu {
namespace {

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
void expand(const float_16& b, float* out) { *out = half(b.bits); }
void expand(const bfloat_16& b, float* out) {
  const std::uint32_t bits = static_cast<std::uint32_t>(b.bits) << 16;
  std::memcpy(out, &bits, 4);
}
void expand(const block_q4_0& b, float* out) {
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = half(b.d) * static_cast<float>((b.q[i] & 15) - 8);
    out[i + 16] = half(b.d) * static_cast<float>((b.q[i] >> 4) - 8);
  }
}
void expand(const block_q4_1& b, float* out) {
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = half(b.d) * static_cast<float>(b.q[i] & 15) + half(b.m);
    out[i + 16] = half(b.d) * static_cast<float>(b.q[i] >> 4) + half(b.m);
  }
}
void expand(const block_q5_0& b, float* out) {
  for (unsigned i = 0; i < 32; ++i) out[i] = half(b.d) * static_cast<float>(static_cast<int>(five_bits_of(b, i)) - 16);
}
void expand(const block_q5_1& b, float* out) {
  for (unsigned i = 0; i < 32; ++i) out[i] = half(b.d) * static_cast<float>(five_bits_of(b, i)) + half(b.m);
}
void expand(const block_q8_0& b, float* out) {
  for (std::size_t i = 0; i < 32; ++i) out[i] = half(b.d) * static_cast<float>(b.q[i]);
}
template <class Block>
void expand(const Block& b, float* out) {  // Q4_K and Q5_K
  for (unsigned i = 0; i < 256; ++i) {
    const scale_pair s = scales_of(b, i / 32);
    out[i] = half(b.d) * static_cast<float>(s.scale * value_of(b, i)) - half(b.dmin) * static_cast<float>(s.minimum);
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
constexpr row_reader readers[format_count] = {read_row<float>,      read_row<float_16>,   read_row<bfloat_16>,
                                              read_row<block_q4_0>, read_row<block_q4_1>, read_row<block_q5_0>,
                                              read_row<block_q5_1>, read_row<block_q8_0>, read_row<block_q4_k>,
                                              read_row<block_q5_k>, read_row<block_q6_k>};

}  // namespace

row_table table_of(const gguf::tensor& t) {
  return {format_of(t), static_cast<std::size_t>(t.shape[0]), row_bytes_of(t), &t};
}

void row_table::read(std::size_t row, float factor, float* out) const {
  const auto k = static_cast<std::size_t>(kind);
  readers[k](tensor->data.data() + row * row_bytes, row_bytes, block_values(kind), out);
  if (file != nullptr) file->release(*tensor);
  if (factor == 1.0F) return;
  for (std::size_t i = 0; i < width; ++i) out[i] *= factor;
}

}  // namespace hunch::cpu
