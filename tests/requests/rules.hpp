// Rules for tests: small constraints whose texts can be checked by hand.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/sampling/constrain.hpp>

namespace hunch::test {

/// Token 1 opens, 2 closes, others are letters; at most `deepest` open at a time; a text ends with all closed. After
/// `closes` closings the text is complete: nothing else may come.
struct brackets {
  struct state {
    int open = 0;
    int closed = 0;
    bool broken = false;
  };
  int deepest = 2;
  int closes = std::numeric_limits<int>::max();
  std::shared_ptr<std::size_t> advanced = std::make_shared<std::size_t>(0);  // counts calls

  [[nodiscard]] state start() const { return {}; }
  [[nodiscard]] bool complete(const state& s) const { return s.closed >= closes && s.open == 0; }
  [[nodiscard]] bool allows(const state& s, token t) const {
    if (s.broken || complete(s)) return false;
    if (t == 1) return s.open < deepest && s.closed + s.open < closes;
    if (t == 2) return s.open > 0;
    return true;
  }
  void advance(state& s, token t) const {
    ++*advanced;
    s.broken = s.broken || !allows(s, t);
    s.open += t == 1 ? 1 : t == 2 ? -1 : 0;
    s.closed += t == 2 ? 1 : 0;
  }
  template <class P>
  void restrict(const state& s, std::span<P> row) const {
    for (std::size_t t = 0; t < row.size(); ++t)
      if (!allows(s, static_cast<token>(t))) row[t] = -std::numeric_limits<P>::infinity();
  }
  [[nodiscard]] bool may_end(const state& s) const { return !s.broken && s.open == 0; }

  /// Whether a text keeps the rule; `ended`: all of it was said.
  [[nodiscard]] bool keeps(std::span<const token> text, bool ended) const {
    state s;
    for (const token t : text) advance(s, t);
    return !s.broken && (!ended || s.open == 0);
  }
};

static_assert(Constraint<brackets>);
static_assert(Constraint<brackets, double>);

}  // namespace hunch::test
