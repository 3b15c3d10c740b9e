#include "memory.hpp"

#include <cstdlib>
#include <string>

#include <hunch/core/error.hpp>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#define HUNCH_CPU_MMAP 1
#endif

namespace hunch::cpu {

lazy_memory::lazy_memory(std::size_t bytes, bool huge) : bytes_{bytes} {
  if (bytes == 0) return;
#if defined(HUNCH_CPU_MMAP)
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  data_ = p == MAP_FAILED ? nullptr : p;
#if defined(MADV_HUGEPAGE)
  if (data_ != nullptr && huge) ::madvise(data_, bytes, MADV_HUGEPAGE);  // a hint: failure changes only speed
#endif
#else
  static_cast<void>(huge);
  data_ = std::calloc(bytes, 1);
#endif
  if (data_ == nullptr)
    raise("cpu: cannot get " + std::to_string(bytes >> 20) + " MiB of memory; use a smaller context or model");
}

lazy_memory::~lazy_memory() {
#if defined(HUNCH_CPU_MMAP)
  if (data_ != nullptr) ::munmap(data_, bytes_);
#else
  std::free(data_);
#endif
}

}  // namespace hunch::cpu
