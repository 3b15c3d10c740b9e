// Concepts: what rows of logits may do where they are, on a device say, so that no logit crosses to the host.
// Found by their form: what cannot be asked of a row is done from its logits.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// Finds tokens:
///  - `argmax()`                         what hunch::argmax gives for the row
///  - `at_position(position, seed, t)`   what philox{seed}.at_position(position, row, t) gives
/// `match`, and drafters that need no law, ask it where the warper is `greedy` or `temperature`.
template <class Row>
concept ArgmaxRow = requires(const Row row, std::uint64_t position, std::uint64_t seed, float t) {
  { row.argmax() } -> std::same_as<token>;
  { row.at_position(position, seed, t) } -> std::same_as<token>;
};

/// A token, and the law that it was drawn from.
struct far_draw {
  token drawn = no_token;  ///< no_token: the row is not usable
  float probability = 0;   ///< of the token
  far_law law;             ///< stays with the row's sequence until that drafts again from the root
};

/// Draws from its law, softmax(row / t), and keeps it:
///  - `draw(u, t)`                  the token of philox::categorical where its uniform number is u
///  - `draw(random, site, k, t, out)`  what random.ordered_without_replacement gives, none if the row is not usable;
///                                  returns the law, or nothing where k is more than it can
template <class Row>
concept DrawingRow = requires(const Row row, double u, float t, const philox& random, draw_site at, std::size_t k,
                              std::vector<candidate>& out) {
  { row.draw(u, t) } -> std::same_as<far_draw>;
  { row.draw(random, at, k, t, out) } -> std::same_as<std::optional<far_law>>;
};

/// Rows of a tree that judge it: `reject(tree, ctx, t, out)` leaves the path, the next token and the counts that
/// rejection{temperature{t}} leaves, and no laws. False, with `out` unspecified, where it cannot (a law of the tree
/// lies elsewhere).
template <class Rows>
concept RejectingRows = requires(const Rows rows, const draft_tree& tree, const decode_context& ctx, float t,
                                 verdict& out) {
  { rows.reject(tree, ctx, t, out) } -> std::same_as<bool>;
};

}  // namespace hunch
