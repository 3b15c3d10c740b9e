// A corpus that drafts: token files become a suffix automaton, saved once, mapped read-only, shared by all texts.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;
namespace fs = std::filesystem;

/// A file in memory, read-only: pages are read when they are touched, and shared with other processes.
class mapped_file {
 public:
  explicit mapped_file(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (fd < 0 || ::fstat(fd, &info) != 0 || info.st_size == 0) {
      if (fd >= 0) ::close(fd);
      throw error("cannot map '" + path.string() + "': it cannot be read, or is empty");
    }
    size_ = static_cast<std::size_t>(info.st_size);
    at_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    ::close(fd);
    if (at_ == MAP_FAILED) throw error("cannot map '" + path.string() + "'");
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() { ::munmap(at_, size_); }

  [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(at_), size_}; }

 private:
  void* at_ = nullptr;
  std::size_t size_ = 0;
};

/// One document: 32-bit token ids, as numpy's `tofile` writes them.
std::vector<token> read_tokens(const fs::path& path) {
  std::vector<token> ids(fs::file_size(path) / sizeof(token));
  std::ifstream in{path, std::ios::binary};
  if (!in.read(reinterpret_cast<char*>(ids.data()), static_cast<std::streamsize>(ids.size() * sizeof(token))))
    throw error("cannot read '" + path.string() + "'");
  return ids;
}
template <class T>
void write(const fs::path& path, const std::vector<T>& items) {
  std::ofstream out{path, std::ios::binary};
  out.write(reinterpret_cast<const char*>(items.data()), static_cast<std::streamsize>(items.size() * sizeof(T)));
  if (!out) throw error("cannot write '" + path.string() + "'");
}

/// All documents in one automaton; a -1 between two keeps drafts from running from one into the next.
void build(const std::vector<fs::path>& documents, const fs::path& corpus) {
  std::vector<token> all;
  for (const fs::path& path : documents) {
    const auto ids = read_tokens(path);
    all.insert(all.end(), ids.begin(), ids.end());
    all.push_back(no_token);
  }
  write(corpus, build_suffix_corpus(all));
}

/// Passes of the target for 48 tokens.
template <class Drafter>
std::size_t passes(testing::toy_backend& target, Drafter drafter) {
  auto decoder = speculate(target, with_length(std::move(drafter), fixed_length{8}), match{greedy{}}, stats{});
  const std::vector<token> prompt{1, 2};
  request wish;
  wish.max_tokens = 48;
  decoder.start(prompt, wish);
  while (decoder.status() == status::running) decoder.step();
  return decoder.observer().steps;
}

int main() {
  // A target that counts in powers of two modulo 61, so that no text of it repeats soon; two documents of its kind.
  testing::toy_backend target{61, [](std::span<const token> text, std::span<float> row) {
                                std::fill(row.begin(), row.end(), 0.0f);
                                row[static_cast<std::size_t>(text.back() * 2 % 61)] = 1.0f;
                              }};
  const fs::path folder = fs::temp_directory_path() / ("hunch_corpus_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::vector<token> first{1}, second{59};
  while (first.size() < 30) first.push_back(first.back() * 2 % 61);
  while (second.size() < 30) second.push_back(second.back() * 2 % 61);
  write(folder / "first.tokens", first);
  write(folder / "second.tokens", second);
  build({folder / "first.tokens", folder / "second.tokens"}, folder / "corpus.sam");

  const mapped_file file{folder / "corpus.sam"};
  const suffix_corpus corpus{file.bytes()};  // checks every byte, copies none
  std::cout << "corpus: " << corpus.size() << " tokens\n"
            << "the text alone: " << passes(target, suffix_automaton{}) << " passes\n"
            << "with the corpus: " << passes(target, suffix_automaton{corpus}) << " passes\n";
  fs::remove_all(folder);
  try {
    suffix_corpus{file.bytes().first(100)};
  } catch (const error& e) {
    std::cout << e.what() << '\n';
  }
}
