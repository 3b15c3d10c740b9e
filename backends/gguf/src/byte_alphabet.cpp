#include <cstdint>

#include "utf8.hpp"
#include "vocabulary.hpp"

namespace hunch::gguf {
namespace {

// Bytes that print as themselves in Latin-1 stand for themselves; the others follow from U+0100 on, in order.
constexpr bool prints(unsigned b) noexcept { return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; }

std::array<std::string, 256> make_alphabet() {
  std::array<std::string, 256> out;
  unsigned next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    const unsigned c = prints(b) ? b : next++;
    if (c < 0x80)
      out[b] = static_cast<char>(c);
    else
      out[b] = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
  }
  return out;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() {
  static const auto alphabet = make_alphabet();
  return alphabet;
}

std::optional<std::string> bytes_of_alphabet(std::string_view text) {
  static const auto reverse = [] {
    std::array<std::int16_t, 0x200> out;
    out.fill(-1);
    for (unsigned b = 0; b < 256; ++b) {
      const auto& s = byte_alphabet()[b];
      const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
      const unsigned c = s.size() == 1 ? at(0) : (at(0) & 0x1FU) << 6 | (at(1) & 0x3FU);
      out[c] = static_cast<std::int16_t>(b);
    }
    return out;
  }();
  std::string out;
  while (!text.empty()) {
    const auto step = utf8_at(text);
    if (step.what != utf8_step::kind::character || step.length > 2) return std::nullopt;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned c = step.length == 1 ? at(0) : (at(0) & 0x1FU) << 6 | (at(1) & 0x3FU);
    if (c >= reverse.size() || reverse[c] < 0) return std::nullopt;
    out += static_cast<char>(reverse[c]);
    text.remove_prefix(step.length);
  }
  return out;
}

}  // namespace hunch::gguf
