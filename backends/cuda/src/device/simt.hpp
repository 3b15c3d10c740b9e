// What kernels use of a GPU's thread blocks, on the GPU. tests/cuda/emulation/simt.hpp is the same for a host compiler,
// so that the kernels' own source runs in tests without a GPU. Kernels use nothing else beyond C++ and the words
// __global__, __device__, threadIdx, blockIdx, blockDim, gridDim.
#pragma once

#include <cstdint>

#include <cuda_fp16.h>

namespace hunch::cuda {

inline constexpr int warp_lanes = 32;

/// Four words of 32 bits, loaded at once; aligned to 16 bytes.
struct alignas(16) words4 {
  std::uint32_t w[4];
};

/// Memory that the threads of a block share; one object for each type T. Its first value is unspecified.
template <class T>
__device__ __forceinline__ T& shared() {
  __shared__ T object;
  return object;
}

/// All threads of the block arrive; what they wrote before is visible to all after.
__device__ __forceinline__ void sync_block() { __syncthreads(); }

/// The value that lane (own lane ^ mask) gave. All lanes of the warp take part.
template <class T>
__device__ __forceinline__ T lane_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

/// Loads of what no kernel in flight writes: through the read-only path, as wide as the type.
__device__ __forceinline__ words4 load_words4(const void* p) {
  const uint4 v = __ldg(static_cast<const uint4*>(p));
  return {{v.x, v.y, v.z, v.w}};
}
__device__ __forceinline__ void load_words2(const void* p, std::uint32_t& a, std::uint32_t& b) {
  const uint2 v = __ldg(static_cast<const uint2*>(p));
  a = v.x;
  b = v.y;
}
__device__ __forceinline__ std::uint32_t load_word(const void* p) { return __ldg(static_cast<const unsigned int*>(p)); }
__device__ __forceinline__ std::uint16_t load_half_word(const void* p) {
  return __ldg(static_cast<const unsigned short*>(p));
}

/// Exact value of a half-precision number.
__device__ __forceinline__ float half_value(std::uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}

/// The nearest half-precision number, ties to even.
__device__ __forceinline__ std::uint16_t to_half(float x) { return __half_as_ushort(__float2half_rn(x)); }

/// c += a b on the tensor cores, exact: a [16, 32] and b [32, 8] signed bytes, c [16, 8].
///
/// Lane 4 g + t holds of a the rows g (a[0], a[2]) and g + 8 (a[1], a[3]), columns 4t.. (a[0], a[1]) and 16 + 4t..
/// (a[2], a[3]); of b the column g, rows 4t.. (b[0]) and 16 + 4t.. (b[1]); of c the rows g (c[0], c[1]) and g + 8
/// (c[2], c[3]), columns 2t and 2t + 1. Source: PTX ISA, mma.m16n8k32 for .s8.
__device__ __forceinline__ void mma_k32(int (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
/// The same for 16 columns of a: a[0] is row g, a[1] row g + 8, columns 4t..; b column g, rows 4t...
__device__ __forceinline__ void mma_k16(int (&c)[4], const std::uint32_t (&a)[2], std::uint32_t b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(b));
}

}  // namespace hunch::cuda
