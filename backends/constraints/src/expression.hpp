// A regular expression as written: parsed, not yet an automaton.
#pragma once

#include <limits>
#include <string_view>
#include <vector>

namespace hunch::constraints::detail {

/// Code points, both ends included.
struct code_range {
  char32_t first;
  char32_t last;
};

struct expression {
  enum class kind { nothing, set, sequence, choice, repeat };
  static constexpr unsigned unbounded = std::numeric_limits<unsigned>::max();

  kind what = kind::nothing;
  std::vector<code_range> set{};    // ascending, disjoint, never empty
  std::vector<expression> parts{};  // of a sequence or a choice; one part of a repeat
  unsigned least = 1;               // of a repeat
  unsigned most = 1;
};

/// Throws hunch::error with the place in the pattern and what is supported.
[[nodiscard]] expression parse(std::string_view pattern);

}  // namespace hunch::constraints::detail
