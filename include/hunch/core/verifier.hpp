// Concepts: what judges, and what shapes the law that it judges by.
#pragma once

#include <concepts>
#include <span>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

/// Walks the tree from the root along what the target accepts; `out.next` is the correction or bonus token.
///
/// Row i of `rows` holds the target's raw logits after node i; it is never written.
/// Laws: V1 the emitted text has exactly the target's warped law, for every tree whose siblings obey
/// `V::sibling_laws`; V2 a verifier that computes warped laws leaves those of the path in out.laws.
/// Rows that are not usable (NaN, no mass) leave out.next == no_token.
template <class V, class Rows = matrix_view, class P = float, class R = philox>
concept Verifier = LogitRows<Rows> && requires(const V& v, const basic_draft_tree<P>& tree, const Rows& rows,
                                               const basic_context<R>& ctx, basic_verdict<P>& out) {
  { v.verify(tree, rows, ctx, out) } -> std::same_as<void>;
  { V::sibling_laws } -> std::convertible_to<laws>;
  { V::lossless } -> std::convertible_to<bool>;
};

/// Shapes one row of logits in place (scratch, never the backend's row). `at` is what comes before the decided token.
template <class W, class P = float>
concept Warper = std::copyable<W> && requires(const W& w, std::span<P> row, const prefix_view& at) {
  { w(row, at) } -> std::same_as<void>;
};

}  // namespace hunch
