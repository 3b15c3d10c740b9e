// Values of quantised blocks in double, written from the format's description, apart from the code under test.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <hunch/gguf/tensor.hpp>

namespace hunch::test {

inline double half_value(const std::uint8_t* p) {
  const unsigned h = p[0] | static_cast<unsigned>(p[1]) << 8;
  const int exponent = static_cast<int>((h >> 10) & 31);
  const double fraction = (h & 1023) / 1024.0;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

/// The upper half of a float: 1 + f with 7 bits of f, exponents of float.
inline double bfloat_value(const std::uint8_t* p) {
  const unsigned h = p[0] | static_cast<unsigned>(p[1]) << 8;
  const int exponent = static_cast<int>((h >> 7) & 255);
  const double fraction = (h & 127) / 128.0;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -126) : std::ldexp(1 + fraction, exponent - 127);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

inline double q4_0_value(const std::uint8_t* b, std::size_t i) {
  const int q = i < 16 ? b[2 + i] % 16 : b[2 + i - 16] / 16;
  return half_value(b) * (q - 8);
}

inline double q4_1_value(const std::uint8_t* b, std::size_t i) {
  const unsigned q = i < 16 ? b[4 + i] & 15u : unsigned{b[4 + i - 16]} >> 4u;
  return half_value(b) * q + half_value(b + 2);
}

inline double q5_0_value(const std::uint8_t* b, std::size_t i) {
  const unsigned fifth = (unsigned{b[2 + i / 8]} >> (i % 8)) & 1u;
  const unsigned q = i < 16 ? b[6 + i] & 15u : unsigned{b[6 + i - 16]} >> 4u;
  return half_value(b) * (static_cast<int>(q + 16 * fifth) - 16);
}

inline double q5_1_value(const std::uint8_t* b, std::size_t i) {
  const unsigned fifth = (unsigned{b[4 + i / 8]} >> (i % 8)) & 1u;
  const unsigned q = i < 16 ? b[8 + i] & 15u : unsigned{b[8 + i - 16]} >> 4u;
  return half_value(b) * (q + 16 * fifth) + half_value(b + 2);
}

inline double q8_0_value(const std::uint8_t* b, std::size_t i) {
  return half_value(b) * static_cast<std::int8_t>(b[2 + i]);
}

inline double q4_k_value(const std::uint8_t* b, std::size_t i) {
  const std::uint8_t* s = b + 4;
  const std::size_t run = i / 32;
  unsigned scale = 0;
  unsigned minimum = 0;
  if (run < 4) {
    scale = s[run] & 63u;
    minimum = s[run + 4] & 63u;
  } else {
    scale = (s[run + 4] & 15u) + 16u * (s[run - 4] / 64u);
    minimum = s[run + 4] / 16u + 16u * (s[run] / 64u);
  }
  const std::uint8_t byte = b[16 + 32 * (run / 2) + i % 32];
  const unsigned q = run % 2 == 0 ? byte % 16u : byte / 16u;
  return half_value(b) * scale * q - half_value(b + 2) * minimum;
}

inline double q5_k_value(const std::uint8_t* b, std::size_t i) {
  const std::uint8_t* s = b + 4;
  const std::size_t run = i / 32;
  const unsigned scale = run < 4 ? s[run] % 64u : s[run + 4] % 16u + 16u * (s[run - 4] / 64u);
  const unsigned minimum = run < 4 ? s[run + 4] % 64u : s[run + 4] / 16u + 16u * (s[run] / 64u);
  const std::uint8_t byte = b[48 + 32 * (run / 2) + i % 32];
  const unsigned fifth = (unsigned{b[16 + i % 32]} >> run) & 1u;
  const unsigned q = (run % 2 == 0 ? byte % 16u : byte / 16u) + 16 * fifth;
  return half_value(b) * scale * q - half_value(b + 2) * minimum;
}

inline double q6_k_value(const std::uint8_t* b, std::size_t i) {
  const std::size_t half = i / 128;
  const std::size_t j = i % 128;
  const std::uint8_t low_byte = b[64 * half + j % 64];
  const unsigned low = j < 64 ? low_byte % 16u : low_byte / 16u;
  const unsigned high = (unsigned{b[128 + 32 * half + j % 32]} >> (2 * (j / 32))) & 3u;
  return half_value(b + 208) * static_cast<std::int8_t>(b[192 + i / 16]) * (static_cast<int>(low + 16 * high) - 32);
}

/// All values of a tensor's bytes, row after row.
inline std::vector<double> dequantised(gguf::tensor_type type, const std::vector<std::byte>& data) {
  const auto& traits = gguf::traits_of(type);
  std::vector<double> out;
  for (std::size_t at = 0; at < data.size(); at += traits.block_bytes) {
    const auto* b = reinterpret_cast<const std::uint8_t*>(data.data() + at);
    for (std::size_t i = 0; i < traits.block_values; ++i) {
      switch (type) {
        case gguf::tensor_type::f32:
          out.push_back(static_cast<double>(*reinterpret_cast<const float*>(b)));
          break;
        case gguf::tensor_type::f16:
          out.push_back(half_value(b));
          break;
        case gguf::tensor_type::bf16:
          out.push_back(bfloat_value(b));
          break;
        case gguf::tensor_type::q4_0:
          out.push_back(q4_0_value(b, i));
          break;
        case gguf::tensor_type::q5_1:
          out.push_back(q5_1_value(b, i));
          break;
        case gguf::tensor_type::q5_k:
          out.push_back(q5_k_value(b, i));
          break;
        case gguf::tensor_type::q4_1:
          out.push_back(q4_1_value(b, i));
          break;
        case gguf::tensor_type::q5_0:
          out.push_back(q5_0_value(b, i));
          break;
        case gguf::tensor_type::q8_0:
          out.push_back(q8_0_value(b, i));
          break;
        case gguf::tensor_type::q4_k:
          out.push_back(q4_k_value(b, i));
          break;
        case gguf::tensor_type::q6_k:
          out.push_back(q6_k_value(b, i));
          break;
        default:
          break;
      }
    }
  }
  return out;
}

}  // namespace hunch::test
