// A cursor over the bytes of a file that never reads past the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <hunch/core/error.hpp>
#include <span>
#include <string>
#include <string_view>

namespace hunch::gguf {

static_assert(std::endian::native == std::endian::little, "hunch: GGUF files are read on little-endian machines only");

/// Reads a T from unaligned bytes; the caller has checked that they are there.
template <class T>
[[nodiscard]] T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class byte_reader {
 public:
  byte_reader(std::span<const std::byte> bytes, const std::string& name) : bytes_{bytes}, name_{name} {}

  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - offset_; }

  /// The next n bytes; `what` they are is for the message.
  std::span<const std::byte> take(std::uint64_t n, std::string_view what) {
    if (n > left())
      fail(std::string(what) + " needs " + std::to_string(n) + " bytes and " + std::to_string(left()) + " are left",
           "the file is truncated or damaged: get it again and compare its size or checksum");
    const auto out = bytes_.subspan(offset_, static_cast<std::size_t>(n));
    offset_ += out.size();
    return out;
  }

  /// The bytes read since `offset`.
  [[nodiscard]] std::span<const std::byte> since(std::size_t offset) const noexcept {
    return bytes_.subspan(offset, offset_ - offset);
  }

  template <class T>
  T number(std::string_view what) {
    return load<T>(take(sizeof(T), what).data());
  }

  /// A string: 64-bit length, bytes.
  std::span<const std::byte> string(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    return take(length, what);
  }

  /// A count of things of which each takes `least` bytes at least. Refused when they cannot be in what is left.
  std::uint64_t count(std::size_t least, std::string_view what) {
    const auto n = number<std::uint64_t>(what);
    if (n > left() / least) {
      offset_ -= sizeof n;
      fail(std::string(what) + " is " + std::to_string(n) + ", more than the " + std::to_string(left() - sizeof n) +
               " bytes behind it can hold",
           "the file is truncated or damaged: get it again and compare its size or checksum");
    }
    return n;
  }

  [[noreturn]] void fail(const std::string& what, std::string_view advice) const { fail_at(offset_, what, advice); }
  [[noreturn]] void fail_at(std::size_t offset, const std::string& what, std::string_view advice) const {
    throw error("gguf: '" + name_ + "', offset " + std::to_string(offset) + ": " + what + "; " + std::string(advice));
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  const std::string& name_;
};

}  // namespace hunch::gguf
