#include "dispatch.hpp"

#include <hunch/core/error.hpp>

namespace hunch::cpu {

bool available(isa which) noexcept {
  switch (which) {
    case isa::best:
    case isa::scalar: return true;
#if defined(HUNCH_CPU_X86)
    case isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case isa::avx512:
      return available(isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vnni");
#else
    case isa::avx2:
    case isa::avx512: return false;
#endif
  }
  return false;
}

const kernel_table& kernels_for(isa which) {
  if (!available(which)) raise("cpu: this processor or build has no such kernels; use isa::best");
#if defined(HUNCH_CPU_X86)
  if (which == isa::avx512 || (which == isa::best && available(isa::avx512))) return avx512::table;
  if (which == isa::avx2 || (which == isa::best && available(isa::avx2))) return avx2::table;
#endif
  return scalar::table;
}

}  // namespace hunch::cpu
