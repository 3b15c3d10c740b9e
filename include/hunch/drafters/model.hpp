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
template <Backend B, class W, draft_noise Noise = draft_noise::own>
class model_drafter {
 public:
  static constexpr laws sibling_laws = is_greedy<W>()              ? deterministic
                                       : Noise == draft_noise::own ? without_replacement
                                                                   : coupled;

  model_drafter(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.backend().vocab_size(); }

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) ready_ = sequence_.sync(ctx.text);
    if (!ready_ || sequence_.room() == 0) return std::nullopt;
    const auto rows = sequence_.forward(tree, tip);
    const std::span<P> q = tree.make_q(tip);
    std::copy(rows[0].begin(), rows[0].end(), q.begin());
    warp_(q, prefix_view{ctx.text, tree.view(), tip});
    const auto drawn = draw(ctx, tree, tip, q);
    if (drawn.index == no_token) return std::nullopt;
    const node_id child = tree.add(tip, drawn.index);
    return draft_signal{child, drawn.probability, tree.depth(child)};
  }

 private:
  struct draw_result {
    token index;
    float probability;
  };

  /// Turns the logits in q into the law of the children of `tip`, or drops the row where no law is needed.
  template <class P, class R>
  draw_result draw(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip, std::span<P> q) {
    token x = no_token;
    if constexpr (is_greedy<W>()) x = argmax(std::span<const P>{q});
    if constexpr (sibling_laws == coupled)
      x = ctx.random.at_position(ctx.position(tree.depth(tip) + 1), std::span<const P>{q});
    const bool usable = softmax(q);
    if constexpr (sibling_laws == without_replacement)
      x = usable ? ctx.random.categorical(ctx.site(tip), purpose::draft, std::span<const P>{q}) : no_token;
    const float p = x == no_token || !usable ? 0.0f : static_cast<float>(q[static_cast<std::size_t>(x)]);
    if (sibling_laws != without_replacement || x == no_token) tree.drop_q(tip);
    return {usable ? x : no_token, p};
  }

  text_sequence<B> sequence_;
  W warp_;
  bool ready_ = false;
};

template <Backend B, class W>
model_drafter(B&, W) -> model_drafter<B, W>;

/// A model drafter for `match` when sampling: draws with the target's noise.
template <Backend B, class W>
[[nodiscard]] auto coupled_model_drafter(B& draft, W warp) {
  return model_drafter<B, W, draft_noise::shared_with_target>{draft, std::move(warp)};
}

}  // namespace hunch
