// How matrices of a file are quantised. No library, so that kernels can include it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hunch::transformer {

/// Types that matrices may have; floats first, then blocks of 32, then blocks of 256.
enum class format : std::uint8_t { f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k };
inline constexpr std::size_t format_count = 11;

}  // namespace hunch::transformer
