#include "mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <hunch/core/error.hpp>
#include <string>
#include <system_error>

namespace hunch::gguf {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, const std::string& advice) {
  throw error("gguf: cannot " + what + " '" + path.string() + "': " + advice);
}

std::string reason() { return std::generic_category().message(errno); }

// Closes the descriptor; a mapping outlives it.
class descriptor {
 public:
  explicit descriptor(const std::filesystem::path& path) : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
    if (fd_ < 0) fail(path, "open", reason() + "; check the path and its permissions");
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(fd_); }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

mapping map_file(const std::filesystem::path& path) {
  const descriptor fd{path};
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail(path, "read the size of", reason());
  if (!S_ISREG(info.st_mode)) fail(path, "map", "it is no regular file; give the path of a .gguf file");
  if (info.st_size <= 0) fail(path, "map", "the file is empty; get it again");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) fail(path, "map", reason() + "; is there enough address space?");
  const auto* first = static_cast<const std::byte*>(address);
  const auto unmap = [size](const std::byte* p) { ::munmap(const_cast<std::byte*>(p), size); };
  return {std::shared_ptr<const std::byte>(first, unmap), {first, size}};
}

void release(std::span<const std::byte> bytes) noexcept {
  const long asked = ::sysconf(_SC_PAGESIZE);
  if (asked <= 0) return;
  const auto page = static_cast<std::uintptr_t>(asked);
  const auto begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  // A hint: where it fails, the pages only stay.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address rounded to pages is made of a number
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace hunch::gguf
