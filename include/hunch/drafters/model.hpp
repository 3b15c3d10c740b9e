// A draft model, one token at a time.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// How a model's token is drawn: by its own noise (leaves its law in q), or by the noise of the target's own draw at
/// that position (`match` only: the two then agree as often as their laws allow).
enum class draft_noise { own, shared_with_target };

/// Draws each token from the warped law of `draft`. With a greedy warper it takes the argmax and leaves no q row.
///
/// Stops proposing when its own context is full: the target goes on alone. One object = one sequence; the weights are
/// the backend's. Cost: one pass over the draft model a token, plus one for the last accepted token of the round
/// before when all were accepted.
/// Source: Leviathan et al. (2023), Chen et al. (2023); shared noise: Daliri et al. (2024).
template <Model B, class W, draft_noise Noise = draft_noise::own>
class model_drafter {
 public:
  static constexpr laws sibling_laws = is_greedy<W>()              ? deterministic
                                       : Noise == draft_noise::own ? without_replacement
                                                                   : coupled;

  model_drafter(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.vocab_size(); }
  /// Fills draft_signal::entropy from now on, for one more pass over each row.
  void want_entropy() noexcept { wants_entropy_ = true; }

  template <class P, class R>
  requires Backend<B> std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                                                         node_id tip) {
    const auto wanted = want(ctx, tree, tip);
    if (!wanted) return std::nullopt;
    return draw(ctx, tree, tip, sequence_.run(*wanted)[0]);
  }

  template <class P, class R>
  [[nodiscard]] std::optional<pass> want(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    return sequence_.want(ctx.text, tree, tip);
  }
  template <class P, class R>
  requires is_hosted<B> std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                                                           node_id tip, basic_rows_ref<P> rows) {
    sequence_.supplied();
    return draw(ctx, tree, tip, rows[0]);
  }

 private:
  /// A child of `tip`, with the law that it was drawn from in q where there is one.
  template <class P, class R, class Row>
  std::optional<draft_signal> draw(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip,
                                   const Row& row) {
    const std::span<P> q = tree.make_q(tip);
    std::copy(row.begin(), row.end(), q.begin());
    warp_(q, prefix_view{ctx.text, tree.view(), tip});
    token x = no_token;
    if constexpr (is_greedy<W>()) x = argmax(std::span<const P>{q});
    if constexpr (sibling_laws == coupled)
      x = ctx.random.at_position(ctx.position(tree.depth(tip) + 1), std::span<const P>{q});
    const bool usable = softmax(q);
    if constexpr (sibling_laws == without_replacement)
      x = usable ? ctx.random.categorical(ctx.site(tip), purpose::draft, std::span<const P>{q}) : no_token;
    if (!usable) x = no_token;
    const float p = x == no_token ? 0.0f : static_cast<float>(q[static_cast<std::size_t>(x)]);
    const float entropy = wants_entropy_ ? entropy_of(std::span<const P>{q}) : 0.0f;
    if (sibling_laws != without_replacement || x == no_token) tree.drop_q(tip);
    if (x == no_token) return std::nullopt;
    const node_id child = tree.add(tip, x);
    return draft_signal{child, p, tree.depth(child), entropy};
  }

  text_sequence<B> sequence_;
  W warp_;
  bool wants_entropy_ = false;
};

template <Model B, class W>
model_drafter(B&, W) -> model_drafter<B, W>;

/// A model drafter for `match` when sampling: draws with the target's noise.
template <Model B, class W>
[[nodiscard]] auto coupled_model_drafter(B& draft, W warp) {
  return model_drafter<B, W, draft_noise::shared_with_target>{draft, std::move(warp)};
}

}  // namespace hunch
