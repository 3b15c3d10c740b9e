// A rule over the three tokens of fixture M.
#pragma once

#include <limits>
#include <span>

#include <hunch/core/types.hpp>
#include <hunch/sampling/constrain.hpp>

namespace hunch::test {

/// No token twice in a row, and an even number of tokens before the end. Token 2 ends the text.
struct no_echo {
  struct state {
    token last = no_token;
    int said = 0;
  };
  [[nodiscard]] state start() const { return {}; }
  void advance(state& s, token t) const { s = {t, s.said + 1}; }
  template <class P>
  void restrict(const state& s, std::span<P> row) const {
    if (s.last >= 0) row[static_cast<std::size_t>(s.last)] = -std::numeric_limits<P>::infinity();
  }
  [[nodiscard]] bool may_end(const state& s) const { return s.said % 2 == 0; }
};

}  // namespace hunch::test
