// A GGUF file: metadata and tensors, memory-mapped and checked once while it is opened.
#pragma once

#include <cstddef>
#include <filesystem>
#include <hunch/gguf/metadata.hpp>
#include <hunch/gguf/tensor.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hunch::gguf {

/// A read-only GGUF file, versions 2 and 3, little-endian.
///
/// All counts, lengths, offsets and shapes are checked against the bytes that are there, before anything is
/// allocated for them; a file that opens can be read without further checks of bounds. What a tensor's values or
/// a key's value mean is not checked here.
/// Copies share the mapping. Views stay valid while one copy lives. The file must not shrink while it is mapped:
/// the system ends a process that reads a page that is gone.
class file {
 public:
  /// Maps and reads `path`. Throws hunch::error with the path, the offset, what is wrong and what to do.
  explicit file(const std::filesystem::path& path);

  /// Reads a file that is in memory, for tests and fuzzers. The bytes are borrowed and must start at a multiple of 8.
  /// `name` stands for the path in messages.
  [[nodiscard]] static file from_bytes(std::span<const std::byte> bytes, std::string name);

  /// The tensor of that name, or nullptr.
  [[nodiscard]] const tensor* find(std::string_view name) const noexcept;
  /// The tensor of that name. Throws hunch::error naming it when there is none.
  [[nodiscard]] const tensor& at(std::string_view wanted) const;
  [[nodiscard]] std::span<const tensor> tensors() const noexcept { return tensors_; }  // in file order

  /// Says that a tensor's bytes are not needed soon: their pages leave memory, and come back from the file when they
  /// are read again. Does nothing to bytes that are borrowed.
  void release(const tensor& t) const noexcept;

  [[nodiscard]] const metadata& keys() const noexcept { return keys_; }
  /// See metadata::get: nothing when the key is missing, hunch::error when it is of another type.
  template <class T>
  [[nodiscard]] std::optional<T> get(std::string_view key) const {
    return keys_.get<T>(key);
  }
  /// See metadata::require: hunch::error also when the key is missing.
  template <class T>
  [[nodiscard]] T require(std::string_view key) const {
    return keys_.require<T>(key);
  }

  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
  [[nodiscard]] std::size_t alignment() const noexcept { return alignment_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size(); }
  /// The path or the name given to from_bytes, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return keys_.name(); }

 private:
  file(std::span<const std::byte> bytes, std::string name);
  void read();

  std::shared_ptr<const std::byte> mapping_;  // empty when the bytes are borrowed
  std::span<const std::byte> bytes_;
  metadata keys_;
  std::vector<tensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> index_;  // names view the bytes of the file
  std::uint32_t version_ = 0;
  std::size_t alignment_ = 32;
};

}  // namespace hunch::gguf
