// Concepts: what rows of logits may do where they are, on a device say, so that no logit crosses to the host, and what
// a backend may draw from them by itself. Found by their form: what cannot be asked of a row is done from its logits.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <hunch/core/backend.hpp>
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

/// A token, and the law that it was drawn from; neither law nor probability where it was not drawn from one.
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

/// How a chain is drawn, each token from the row of the one before.
struct chain_draws {
  enum class by { argmax, at_position, draw };  ///< what each row is asked
  by what = by::argmax;
  float temperature = 1;
  std::uint64_t position = 0;            ///< at_position: of the first token; the others follow
  std::uint64_t seed = 0;                ///< at_position
  std::span<const double> uniform{};     ///< draw: one a token
  std::size_t most = 0;                  ///< tokens, at least one
  std::span<const token> end_of_text{};  ///< none is drawn after one of these
};

/// Draws chains: `draw_chain(s, root, how, out)` leaves in `out` and in the sequence what this leaves, without the host
/// between the passes:
///     forward(s, root); ask its row; forward(s, the token); ask its row; …
/// until how.most tokens are drawn, or as many as the backend draws at once, or a token ends the text, or a row is not
/// usable (the last token is no_token then). So as many nodes are pending as `out` has tokens. Nothing may be pending
/// before. A chain that throws leaves the sequence as it was.
template <class B>
concept ChainBackend = Backend<B> &&
    requires(B& b, typename B::sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out) {
  { b.draw_chain(s, root, how, out) } -> std::same_as<void>;
};

/// Draws chains that a pass of a target of type T follows at once: `draw_chain(s, root, how, out, target, t)` draws the
/// same chain. Where it can it also queues the pass of `root` and the chain after what `t` keeps, before the host hears
/// of a token. If the next thing done with `t` is `target.forward(t, tree)`, with the root and as many of these tokens
/// as the caller likes in a row, it finds its rows there instead of running. Nothing else shows: nothing is pending in
/// `t`, and where such a pass fails nobody hears of it, `forward` runs as ever. Rows of earlier passes of `t` are gone.
template <class B, class T>
concept ChainBackendFor = ChainBackend<B> && Backend<T> &&
    requires(B& b, typename B::sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out, T& target,
             typename T::sequence& t) {
  { b.draw_chain(s, root, how, out, target, t) } -> std::same_as<void>;
};

}  // namespace hunch
