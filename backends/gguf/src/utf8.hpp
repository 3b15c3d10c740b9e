// One convention for UTF-8 in the whole library: a byte that belongs to no valid character stands for U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hunch::gguf {

inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";  // U+FFFD

/// What stands at the start of some bytes.
struct utf8_step {
  enum class kind { character, invalid, incomplete } what;
  std::size_t length;  // bytes of the character; 1 for invalid; all that is left for incomplete
};

/// Looks at the first character. Overlong forms, surrogates and values above U+10FFFF are invalid.
/// `incomplete`: the bytes end inside a character that was valid so far.
[[nodiscard]] inline utf8_step utf8_at(std::string_view text) noexcept {
  using kind = utf8_step::kind;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {kind::character, 1};
  if (lead < 0xC2 || lead > 0xF4) return {kind::invalid, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte has a narrower range after some leads.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {kind::incomplete, i};
    if (byte(i) < (i == 1 ? low : 0x80) || byte(i) > (i == 1 ? high : 0xBF)) return {kind::invalid, 1};
  }
  return {kind::character, length};
}

/// Bytes of the longest valid beginning.
[[nodiscard]] inline std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.size() - at >= 8) {  // eight ASCII characters at a time
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const auto step = utf8_at(text.substr(at));
    if (step.what != utf8_step::kind::character) return at;
    at += step.length;
  }
  return at;
}

/// The text with each byte of no valid character replaced by U+FFFD; `storage` is used only when there is one.
[[nodiscard]] inline std::string_view as_valid_utf8(std::string_view text, std::string& storage) {
  std::size_t good = valid_utf8_prefix(text);
  if (good == text.size()) return text;
  storage.assign(text.substr(0, good));
  text.remove_prefix(good);
  while (!text.empty()) {
    storage += replacement_character;
    text.remove_prefix(1);
    good = valid_utf8_prefix(text);
    storage += text.substr(0, good);
    text.remove_prefix(good);
  }
  return storage;
}

}  // namespace hunch::gguf
