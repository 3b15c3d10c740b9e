// Where characters end in a text of bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace hunch::detail {

/// Bytes at the end of `text` that begin a UTF-8 character and do not end it: 0 to 3.
[[nodiscard]] inline std::size_t unfinished_character(std::string_view text) noexcept {
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, text.size()); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if ((byte & 0xC0u) == 0x80u) continue;
    const std::size_t length = byte >= 0xF0u ? 4 : byte >= 0xE0u ? 3 : byte >= 0xC0u ? 2 : 1;
    return length > n ? n : 0;
  }
  return 0;
}

}  // namespace hunch::detail
