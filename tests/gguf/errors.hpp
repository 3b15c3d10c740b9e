// What a refusal said, so that tests can check the offset, the name and the advice.
#pragma once

#include <string>
#include <utility>

#include <hunch/core/error.hpp>

namespace hunch::test {

/// The message of the hunch::error that `f` throws, or "" when it throws none.
template <class F>
[[nodiscard]] std::string refusal(F f) {
  try {
    (void)f();
  } catch (const hunch::error& e) {
    return e.what();
  }
  return {};
}

/// True when `text` holds all of `parts`.
template <class... Parts>
[[nodiscard]] bool says(const std::string& text, const Parts&... parts) {
  return ((text.find(parts) != std::string::npos) && ...);
}

}  // namespace hunch::test
