// Plain decoding: the baseline of every test and every measurement.
#pragma once

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

/// Proposes nothing: each step emits the one token that the target says.
struct no_draft {
  static constexpr laws sibling_laws{};
  template <class P, class R>
  void propose(const basic_context<R>&, basic_draft_tree<P>&) const noexcept {}
};

}  // namespace hunch
