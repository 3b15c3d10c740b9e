#include "records.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <system_error>

#include <hunch/core/error.hpp>

namespace hunch::train {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

namespace {
constexpr char magic[] = {'H', 'U', 'N', 'C', 'H', 'R', 'E', 'C'};
struct file_head {
  char name[8];
  std::uint32_t version, k;
};
struct document_head {
  std::uint64_t number;
  std::uint32_t tokens, zero;
};
}  // namespace

record_file::record_file(const std::filesystem::path& path, std::uint32_t k)
    : path_{path}, k_{k}, out_{nullptr, &std::fclose} {
  std::error_code none;
  const bool present = std::filesystem::exists(path, none) && std::filesystem::file_size(path, none) > 0;
  if (present) read_present();
  out_.reset(std::fopen(path.c_str(), "ab"));
  if (!out_) raise("train: cannot write '" + path.string() + "'; give a path in a folder that exists");
  if (present) return;
  file_head head{{}, 1, k};
  std::memcpy(head.name, magic, sizeof magic);
  write(std::span<const file_head>{&head, 1});
}

void record_file::read_present() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in{std::fopen(path_.c_str(), "rb"), &std::fclose};
  file_head head{};
  if (!in || std::fread(&head, sizeof head, 1, in.get()) != 1 || std::memcmp(head.name, magic, sizeof magic) != 0 ||
      head.version != 1 || head.k != k_)
    raise("train: '" + path_.string() + "' is no file of records with " + std::to_string(k_) +
          " candidates a token; give another path, or its own --top");
  const std::uintmax_t size = std::filesystem::file_size(path_);
  std::uintmax_t whole = sizeof head;
  document_head d{};
  while (whole + sizeof d <= size && std::fread(&d, sizeof d, 1, in.get()) == 1) {
    const std::uintmax_t bytes = std::uintmax_t{d.tokens} * (4 + 8 * std::uintmax_t{k_});
    if (whole + sizeof d + bytes > size) break;
    whole += sizeof d + bytes;
    if (std::fseek(in.get(), static_cast<long>(whole), SEEK_SET) != 0) break;
    next_number_ = std::max(next_number_, d.number + 1);
    ++documents_;
    tokens_ += d.tokens;
  }
  if (whole != size) std::filesystem::resize_file(path_, whole);
}

template <class T>
void record_file::write(std::span<const T> values) {
  if (std::fwrite(values.data(), sizeof(T), values.size(), out_.get()) != values.size())
    raise("train: cannot write to '" + path_.string() + "'; is the disk full?");
}

void record_file::add(const document& d) {
  const document_head head{d.number, static_cast<std::uint32_t>(d.tokens.size()), 0};
  HUNCH_EXPECTS(d.top.size() == d.tokens.size() * k_ && d.logp.size() == d.top.size(), "k candidates a token");
  write(std::span<const document_head>{&head, 1});
  write(std::span<const token>{d.tokens});
  write(std::span<const token>{d.top});
  write(std::span<const float>{d.logp});
  if (std::fflush(out_.get()) != 0) raise("train: cannot write to '" + path_.string() + "'; is the disk full?");
  next_number_ = std::max(next_number_, d.number + 1);
  ++documents_;
  tokens_ += d.tokens.size();
}

}  // namespace hunch::train
