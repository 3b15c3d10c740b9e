// Read-only memory mapping of a whole file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace hunch::gguf {

/// The bytes of a file and what keeps them mapped.
struct mapping {
  std::shared_ptr<const std::byte> owner;
  std::span<const std::byte> bytes;
};

/// Maps `path`. Throws hunch::error with the path and the system's reason.
[[nodiscard]] mapping map_file(const std::filesystem::path& path);

/// Takes whole pages of a mapping out of memory; they are read from the file again when they are touched.
void release(std::span<const std::byte> bytes) noexcept;

}  // namespace hunch::gguf
