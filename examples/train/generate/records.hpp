// What was written, token by token, with the model's most likely tokens at every position: what drafters learn from.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch::train {

/// One conversation. Position i holds the law of token i + 1, given tokens[0, i].
struct document {
  std::uint64_t number = 0;
  std::vector<token> tokens;  // [n]
  std::vector<token> top;     // [n, k] most likely next tokens, likeliest first
  std::vector<float> logp;    // [n, k] their log-probabilities at temperature 1, over the whole vocabulary
};

/// A file of documents that is added to. Little-endian: "HUNCHREC", u32 version = 1, u32 k; then for each document
/// u64 number, u32 n, u32 0, i32 tokens[n], i32 top[n][k], f32 logp[n][k].
class record_file {
 public:
  /// Opens or makes the file; a document that was cut short by a crash is taken off its end.
  /// Throws hunch::error when the file holds something else or another k.
  record_file(const std::filesystem::path& path, std::uint32_t k);

  void add(const document& d);

  [[nodiscard]] std::uint64_t next_number() const noexcept { return next_number_; }  // above all that are there
  [[nodiscard]] std::uint64_t documents() const noexcept { return documents_; }
  [[nodiscard]] std::uint64_t tokens() const noexcept { return tokens_; }

 private:
  void read_present();
  template <class T>
  void write(std::span<const T> values);

  std::filesystem::path path_;
  std::uint32_t k_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out_;
  std::uint64_t next_number_ = 0, documents_ = 0, tokens_ = 0;
};

}  // namespace hunch::train
