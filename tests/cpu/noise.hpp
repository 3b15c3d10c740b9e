// Reproducible random values and quantised blocks for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <hunch/gguf/tensor.hpp>

namespace hunch::test {

/// SplitMix64: the same numbers on every machine.
class noise {
 public:
  explicit noise(std::uint64_t seed) : state_{seed} {}
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(bits() % n); }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(static_cast<double>(bits() >> 11) * 0x1p-53);
  }
  std::vector<float> floats(std::size_t n, float low = -1.0F, float high = 1.0F) {
    std::vector<float> out(n);
    for (auto& v : out) v = uniform(low, high);
    return out;
  }

 private:
  std::uint64_t state_;
};

/// The types of matrices that the CPU backend runs.
inline constexpr gguf::tensor_type matrix_types[] = {
    gguf::tensor_type::f32,  gguf::tensor_type::f16,  gguf::tensor_type::bf16, gguf::tensor_type::q4_0,
    gguf::tensor_type::q4_1, gguf::tensor_type::q5_0, gguf::tensor_type::q5_1, gguf::tensor_type::q8_0,
    gguf::tensor_type::q4_k, gguf::tensor_type::q5_k, gguf::tensor_type::q6_k};

/// Half-precision number (1 + f) * 2^exponent with a random f.
inline std::uint16_t random_half(noise& from, int exponent, bool negative = false) {
  return static_cast<std::uint16_t>((negative ? 0x8000u : 0u) | static_cast<unsigned>(exponent + 15) << 10 |
                                    (from.bits() & 1023u));
}

/// Bytes of `rows` rows of `inputs` values of a type: random codes, scales that make weights of about 1/sqrt(inputs).
inline std::vector<std::byte> random_weights(noise& from, gguf::tensor_type type, std::size_t inputs,
                                             std::size_t rows) {
  const auto& traits = gguf::traits_of(type);
  const std::size_t blocks = inputs / traits.block_values * rows;
  std::vector<std::byte> out(blocks * traits.block_bytes);
  for (auto& b : out) b = static_cast<std::byte>(from.bits());
  const auto put = [&](std::size_t block, std::size_t at, std::uint16_t h) {
    std::memcpy(out.data() + block * traits.block_bytes + at, &h, 2);
  };
  for (std::size_t b = 0; b < blocks; ++b) {
    switch (type) {
      case gguf::tensor_type::f32: {
        const float v = from.uniform(-0.2F, 0.2F);
        std::memcpy(out.data() + b * 4, &v, 4);
        break;
      }
      case gguf::tensor_type::f16:
        put(b, 0, random_half(from, static_cast<int>(from.below(8)) - 10, from.below(2) == 0));
        break;
      case gguf::tensor_type::bf16: {  // the upper half of a float
        const float v = from.uniform(-0.2F, 0.2F);
        std::uint32_t bits;
        std::memcpy(&bits, &v, 4);
        put(b, 0, static_cast<std::uint16_t>(bits >> 16));
        break;
      }
      case gguf::tensor_type::q4_0:
        put(b, 0, random_half(from, -6, from.below(2) == 0));
        break;
      case gguf::tensor_type::q5_1:
        put(b, 0, random_half(from, -7));
        put(b, 2, random_half(from, -4, true));
        break;
      case gguf::tensor_type::q4_1:
        put(b, 0, random_half(from, -6));
        put(b, 2, random_half(from, -4, true));
        break;
      case gguf::tensor_type::q5_0:
        put(b, 0, random_half(from, -7));
        break;
      case gguf::tensor_type::q8_0:
        put(b, 0, random_half(from, -10));
        break;
      case gguf::tensor_type::q4_k:
        put(b, 0, random_half(from, -11));
        put(b, 2, random_half(from, -9));
        break;
      case gguf::tensor_type::q5_k:
        put(b, 0, random_half(from, -12));
        put(b, 2, random_half(from, -9));
        break;
      case gguf::tensor_type::q6_k:
        put(b, 208, random_half(from, -14));
        break;
      default:
        break;
    }
  }
  return out;
}

}  // namespace hunch::test
