// Drafters that a target waits for.
#pragma once

#include <cstddef>

#include <hunch/core/drafter.hpp>

namespace hunch::test {

/// The same drafter without `propose_for`: no pass is queued before its tokens are known.
template <class D>
struct told_first {
  static constexpr laws sibling_laws = D::sibling_laws;
  D drafter;

  [[nodiscard]] std::size_t vocab_size() const { return drafter.vocab_size(); }
  void propose(const decode_context& ctx, draft_tree& tree) { drafter.propose(ctx, tree); }
  void observe(const draft_tree& tree, const verdict& v, rows_ref rows) { tell(drafter, tree, v, rows); }
};

}  // namespace hunch::test
