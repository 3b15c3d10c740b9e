// Files on disk, and what mapping them takes.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "gguf_writer.hpp"

namespace hunch::test {

/// A file that goes with this object. `name` keeps tests that run at once apart.
struct temporary_file {
  std::filesystem::path path;

  temporary_file(const std::string& name, const bytes& content)
      : path{std::filesystem::temp_directory_path() / ("hunch_" + name + ".gguf")} {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  }
  ~temporary_file() { std::filesystem::remove(path); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
};

/// Memory of this process that belongs to mapped files, in KiB; 0 where the system does not say.
inline std::size_t mapped_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("RssFile:", 0) == 0) return std::stoul(line.substr(8));
  return 0;
}

}  // namespace hunch::test
