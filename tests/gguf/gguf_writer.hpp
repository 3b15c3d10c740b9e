// Builds GGUF files in memory: for tests of the reader, for tiny models, and as a seed for fuzzers.
// It writes what it is told, wrong or not, so that tests can make every kind of damaged file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hunch/gguf/metadata.hpp"
#include "hunch/gguf/tensor.hpp"

namespace hunch::test {

using bytes = std::vector<std::byte>;

/// Appends the little-endian bytes of a number.
template <class T>
void append(bytes& out, T value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  out.resize(out.size() + sizeof value);
  std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}

/// Appends a string as GGUF has it: 64-bit length, bytes.
inline void append_string(bytes& out, std::string_view text) {
  append(out, static_cast<std::uint64_t>(text.size()));
  const auto* p = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), p, p + text.size());
}

/// Bytes of numbers, for tensors of F32, I32 and the like.
template <class T>
[[nodiscard]] bytes bytes_of(std::span<const T> values) {
  bytes out(values.size_bytes());
  if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

class gguf_writer {
 public:
  /// Adds a key: bool, integer, float, double or string; or a vector of integers, floats or strings.
  template <class T>
  gguf_writer& key(std::string_view name, const T& value) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      start(name, gguf::value_type::string);
      append_string(keys_, value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      start(name, type_of<T>());
      append(keys_, value);
    } else {
      array(name, value);
    }
    return *this;
  }

  /// Adds a key whose value is given as raw bytes, right or wrong.
  gguf_writer& raw_key(std::string_view name, std::uint32_t type, const bytes& value) {
    start(name, static_cast<gguf::value_type>(type));
    keys_.insert(keys_.end(), value.begin(), value.end());
    return *this;
  }

  /// Adds a tensor; `shape` in GGUF order (contiguous first). Offsets follow from the sizes and the alignment.
  gguf_writer& tensor(std::string_view name, gguf::tensor_type type, std::vector<std::uint64_t> shape, bytes data) {
    entries_.push_back(
        {std::string(name), static_cast<std::uint32_t>(type), std::move(shape), std::move(data), {}, false});
    return *this;
  }
  /// A tensor of F32.
  gguf_writer& tensor(std::string_view name, std::vector<std::uint64_t> shape, std::span<const float> values) {
    return tensor(name, gguf::tensor_type::f32, std::move(shape), bytes_of(values));
  }
  /// A tensor with any type number and offset and no data of its own.
  gguf_writer& raw_tensor(std::string_view name, std::uint32_t type, std::vector<std::uint64_t> shape,
                          std::uint64_t offset) {
    entries_.push_back({std::string(name), type, std::move(shape), {}, offset, true});
    return *this;
  }

  gguf_writer& version(std::uint32_t v) { return version_ = v, *this; }
  /// Writes data with this alignment, and says so in the file when it is not the usual 32.
  gguf_writer& alignment(std::uint32_t a) {
    alignment_ = a;
    return key("general.alignment", a);
  }
  /// Claims other counts than there are.
  gguf_writer& claim_tensors(std::uint64_t n) { return claimed_tensors_ = n, claims_tensors_ = true, *this; }
  gguf_writer& claim_keys(std::uint64_t n) { return claimed_keys_ = n, claims_keys_ = true, *this; }

  /// The whole file.
  [[nodiscard]] bytes build() const {
    bytes out;
    append(out, std::uint32_t{0x46554747});
    append(out, version_);
    append(out, claims_tensors_ ? claimed_tensors_ : entries_.size());
    append(out, claims_keys_ ? claimed_keys_ : key_count_);
    out.insert(out.end(), keys_.begin(), keys_.end());
    std::uint64_t offset = 0;
    for (const auto& e : entries_) {
      append_string(out, e.name);
      append(out, static_cast<std::uint32_t>(e.shape.size()));
      for (const auto d : e.shape) append(out, d);
      append(out, e.type);
      append(out, e.raw ? e.offset : offset);
      if (!e.raw) offset = padded(offset + e.data.size());
    }
    for (const auto& e : entries_) {
      if (e.raw) continue;
      out.resize(padded(out.size()));
      out.insert(out.end(), e.data.begin(), e.data.end());
    }
    return out;
  }

 private:
  struct entry {
    std::string name;
    std::uint32_t type;
    std::vector<std::uint64_t> shape;
    bytes data;
    std::uint64_t offset;
    bool raw;
  };

  template <class T>
  static constexpr gguf::value_type type_of() {
    using gguf::value_type;
    if constexpr (std::is_same_v<T, bool>) return value_type::boolean;
    if constexpr (std::is_same_v<T, float>) return value_type::f32;
    if constexpr (std::is_same_v<T, double>) return value_type::f64;
    constexpr bool plus = std::is_unsigned_v<T>;
    if constexpr (sizeof(T) == 1) return plus ? value_type::u8 : value_type::i8;
    if constexpr (sizeof(T) == 2) return plus ? value_type::u16 : value_type::i16;
    if constexpr (sizeof(T) == 4) return plus ? value_type::u32 : value_type::i32;
    return plus ? value_type::u64 : value_type::i64;
  }

  template <class T>
  void array(std::string_view name, const std::vector<T>& values) {
    start(name, gguf::value_type::array);
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      append(keys_, gguf::value_type::string);
      append(keys_, static_cast<std::uint64_t>(values.size()));
      for (const auto& v : values) append_string(keys_, v);
    } else {
      append(keys_, type_of<T>());
      append(keys_, static_cast<std::uint64_t>(values.size()));
      for (const T v : values) append(keys_, v);
    }
  }

  void start(std::string_view name, gguf::value_type type) {
    ++key_count_;
    append_string(keys_, name);
    append(keys_, type);
  }

  [[nodiscard]] std::uint64_t padded(std::uint64_t n) const noexcept {
    return (n + alignment_ - 1) / alignment_ * alignment_;
  }

  bytes keys_;
  std::vector<entry> entries_;
  std::uint64_t key_count_ = 0;
  std::uint64_t claimed_keys_ = 0;
  std::uint64_t claimed_tensors_ = 0;
  std::uint32_t alignment_ = 32;
  std::uint32_t version_ = 3;
  bool claims_keys_ = false;
  bool claims_tensors_ = false;
};

}  // namespace hunch::test
