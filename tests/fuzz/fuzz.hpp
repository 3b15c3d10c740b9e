// What fuzzers share. A fuzzer is one source file that defines LLVMFuzzerTestOneInput, and one line in CMakeLists.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hunch::fuzz {

/// Ends the program with the claim that does not hold: libFuzzer and the replay both take it for a finding.
inline void check(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", claim);
  std::abort();
}

/// Runs `f`. True when it ended well, false when it refused with a hunch::error; any other exception is a finding.
template <class F>
bool accepted(F&& f) {
  try {
    f();
    return true;
  } catch (const hunch::error& e) {
    check(e.what()[0] != '\0', "a refusal says why");
    return false;
  }
}

/// Decisions from the bytes of an input, front to back; zeros when they have run out.
class byte_source {
 public:
  byte_source(const std::uint8_t* data, std::size_t size) : rest_{reinterpret_cast<const char*>(data), size} {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

  template <class T>
  T number() {
    T value{};
    const std::string_view bytes = text(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::uint8_t byte() { return number<std::uint8_t>(); }
  /// From 0 to n - 1, n at most 256.
  std::size_t below(std::size_t n) { return byte() % n; }
  /// The next `n` bytes, or what is left.
  std::string_view text(std::size_t n) {
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(out.size());
    return out;
  }
  /// Bytes up to the next `end`, which is skipped.
  std::string_view until(char end) {
    const std::string_view out = text(rest_.find(end));
    if (!rest_.empty()) rest_.remove_prefix(1);
    return out;
  }
  std::string_view rest() { return text(rest_.size()); }

 private:
  std::string_view rest_;
};

/// A copy that starts at a multiple of 8 and ends where the heap block ends, so that a read behind it is seen.
class exact_copy {
 public:
  explicit exact_copy(std::span<const std::byte> bytes)
      : size_{bytes.size()}, data_{static_cast<std::byte*>(std::malloc(size_ == 0 ? 1 : size_))} {
    check(data_ != nullptr, "there is memory for the input");
    if (size_ != 0) std::memcpy(data_, bytes.data(), size_);
  }
  exact_copy(const exact_copy&) = delete;
  exact_copy& operator=(const exact_copy&) = delete;
  ~exact_copy() { std::free(data_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  std::size_t size_;
  std::byte* data_;
};

/// Text as the library's convention has it: each byte that belongs to no valid character becomes U+FFFD. Written
/// from table 3-7 of the Unicode standard, apart from the library's own, to judge it.
[[nodiscard]] inline std::string repaired(std::string_view text) {
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && static_cast<unsigned char>(text[i]) >= low && static_cast<unsigned char>(text[i]) <= high;
  };
  const auto tail = [&](std::size_t i) { return in(i, 0x80, 0xBF); };
  const auto length_at = [&](std::size_t i) -> std::size_t {
    if (in(i, 0x00, 0x7F)) return 1;
    if (in(i, 0xC2, 0xDF) && tail(i + 1)) return 2;
    const bool three = (in(i, 0xE0, 0xE0) && in(i + 1, 0xA0, 0xBF)) || (in(i, 0xE1, 0xEC) && tail(i + 1)) ||
                       (in(i, 0xED, 0xED) && in(i + 1, 0x80, 0x9F)) || (in(i, 0xEE, 0xEF) && tail(i + 1));
    if (three && tail(i + 2)) return 3;
    const bool four = (in(i, 0xF0, 0xF0) && in(i + 1, 0x90, 0xBF)) || (in(i, 0xF1, 0xF3) && tail(i + 1)) ||
                      (in(i, 0xF4, 0xF4) && in(i + 1, 0x80, 0x8F));
    return four && tail(i + 2) && tail(i + 3) ? 4 : 0;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = length_at(i);
    out += n == 0 ? std::string_view{"\xEF\xBF\xBD"} : text.substr(i, n);
    i += n == 0 ? 1 : n;
  }
  return out;
}

}  // namespace hunch::fuzz
