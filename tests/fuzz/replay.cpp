// main() of a fuzzer where there is no libFuzzer: runs it over files, and over the files of folders.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz.hpp"

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && !in.eof()) {
    std::fprintf(stderr, "cannot read '%s'\n", path.c_str());
    return false;
  }
  // An exact copy, so that the address sanitizer sees a read behind the end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  std::printf("%s\n", path.filename().c_str());
  std::fflush(stdout);  // the last name printed is the file that ended the program
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    if (fs::is_directory(arguments[i]))
      for (const auto& entry : fs::directory_iterator(arguments[i])) files.push_back(entry.path());
    else
      files.emplace_back(arguments[i]);
  }
  std::sort(files.begin(), files.end());
  const bool all_read = std::all_of(files.begin(), files.end(), replay);
  std::printf("%zu files replayed\n", files.size());
  return all_read && !files.empty() ? 0 : 1;
}
