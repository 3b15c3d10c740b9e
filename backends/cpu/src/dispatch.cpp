#include "dispatch.hpp"

#include <hunch/core/error.hpp>

#if defined(HUNCH_CPU_X86)
#include <cpuid.h>
#endif
#if defined(HUNCH_CPU_AMX)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hunch::cpu {
namespace {

#if defined(HUNCH_CPU_X86)
/// Conversions of half-precision numbers; clang 14's __builtin_cpu_supports does not know them.
bool has_f16c() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 29)) != 0;
}
/// Dot products of bytes in 256-bit registers; GCC 12 and clang 14 have no name for it either.
bool has_avx_vnni() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
}
#endif
#if defined(HUNCH_CPU_AMX)
/// Tiles and products of bytes in the processor, tiles in what the system saves of a thread, and its permission, which
/// holds for all threads of the process from then on.
bool may_use_amx() noexcept {
  constexpr unsigned tile_and_int8 = 3u << 24;
  constexpr unsigned tile_state = 3u << 17;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & tile_and_int8) != tile_and_int8) return false;
  asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return (a & tile_state) == tile_state && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

}  // namespace

bool available(isa which) noexcept {
  switch (which) {
    case isa::best:
    case isa::scalar:
      return true;
#if defined(HUNCH_CPU_X86)
    case isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case isa::avx_vnni:
      return available(isa::avx2) && has_avx_vnni();
    case isa::avx512:
      return available(isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vnni");
#else
    case isa::avx2:
    case isa::avx_vnni:
    case isa::avx512:
      return false;
#endif
    case isa::amx:
#if defined(HUNCH_CPU_AMX)
      static const bool allowed = available(isa::avx512) && may_use_amx();
      return allowed;
#else
      return false;
#endif
  }
  return false;
}

const kernel_table& kernels_for(isa which) {
  if (!available(which)) raise("cpu: this processor, system or build has no such kernels; use isa::best");
#if defined(HUNCH_CPU_AMX)
  if (which == isa::amx || (which == isa::best && available(isa::amx))) return amx::table();
#endif
#if defined(HUNCH_CPU_X86)
  if (which == isa::avx512 || (which == isa::best && available(isa::avx512))) return avx512::table;
  if (which == isa::avx_vnni || (which == isa::best && available(isa::avx_vnni))) return avx_vnni::table;
  if (which == isa::avx2 || (which == isa::best && available(isa::avx2))) return avx2::table;
#endif
  return scalar::table;
}

}  // namespace hunch::cpu
