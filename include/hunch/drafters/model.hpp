// A draft model, one token at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <hunch/core/device_rows.hpp>
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
/// before when all were accepted. Where the backend draws chains (ChainBackend), the warper is `greedy` or
/// `temperature` and the length is known ahead, the host waits once a chain, not once a token.
///
/// Source: Leviathan et al. (2023), Chen et al. (2023); shared noise: Daliri et al. (2024).
template <Model B, class W, draft_noise Noise = draft_noise::own>
class model_drafter {
  /// Whether a backend that draws chains draws this drafter's.
  template <class P, class R>
  static constexpr bool chains = ChainBackend<B>&& std::is_same_v<P, float> &&
                                 (std::is_same_v<W, greedy> ||
                                  (std::is_same_v<W, temperature> && std::is_same_v<R, philox>));

 public:
  static constexpr laws sibling_laws = is_greedy<W>()              ? deterministic
                                       : Noise == draft_noise::own ? without_replacement
                                                                   : coupled;

  model_drafter(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.vocab_size(); }
  /// What draft_signal holds from now on; to begin with probabilities alone. Chosen and coupled tokens are found
  /// without their law: there a probability or an entropy costs two more passes over the row.
  void fill_signals(bool probability, bool entropy) noexcept {
    wants_probability_ = probability;
    wants_entropy_ = entropy;
  }
  /// From now on it holds the state that the token was drawn from, too; one copy of it a token.
  void fill_hidden() noexcept requires HiddenStates<B> { wants_hidden_ = true; }

  template <class P, class R>
  requires Backend<B> std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                                                         node_id tip) {
    const auto wanted = want(ctx, tree, tip);
    if (!wanted) return std::nullopt;
    auto drawn = draw(ctx, tree, tip, sequence_.run(*wanted)[0]);
    if constexpr (HiddenStates<B>) {
      if (drawn && wants_hidden_) drawn->hidden = hidden_of(tip);
    }
    return drawn;
  }

  /// Up to `most` children, each below the one before, and the signal of the last: those that so many calls of `extend`
  /// draw. From a root alone the backend draws them all, and the host waits once; with the target at hand, its pass of
  /// that chain is on its way before (ChainBackendFor).
  template <class P, class R, class... T>
  requires(chains<P, R> && sizeof...(T) <= 1 && (ChainBackendFor<B, T> && ...))  //
      std::optional<draft_signal> extend_by(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip,
                                            std::size_t most, text_sequence<T>&... target) {
    if (tree.size() > 1 || wants_probability_ || wants_entropy_ || wants_hidden_) return extend(ctx, tree, tip);
    if (!want(ctx, tree, tip)) return std::nullopt;
    draw_chain(ctx, tree, std::min(most, sequence_.room()), target...);
    for (const far_draw& x : drawn_) {
      if (x.drawn == no_token) break;
      if constexpr (sibling_laws == without_replacement) tree.leave_q(tip, x.law);
      tip = tree.add(tip, x.drawn);
    }
    sequence_.ran(tree, drawn_.size());
    if (drawn_.back().drawn == no_token) return std::nullopt;
    return draft_signal{.node = tip, .depth = tree.depth(tip)};
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
  /// A child of `tip`, with the law that it was drawn from in q where it was drawn.
  template <class P, class R, class Row>
  std::optional<draft_signal> draw(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip,
                                   const Row& row) {
    draft_signal drawn;
    const token x = token_of(ctx, tree, tip, row, drawn);
    if (x == no_token) return std::nullopt;
    drawn.node = tree.add(tip, x);
    drawn.depth = tree.depth(drawn.node);
    return drawn;
  }
  /// The token, with its law in q where it is drawn from it; no_token if the row is not usable.
  template <class P, class R, class Row>
  token token_of(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip, const Row& row,
                 draft_signal& drawn) {
    const prefix_view at{ctx.text, tree.view(), tip};
    if constexpr (sibling_laws != without_replacement) {
      const token x = token_at(warp_, ctx.random, ctx.position(tree.depth(tip) + 1), row, at, scratch_);
      if (x != no_token && (wants_probability_ || wants_entropy_)) {
        scratch_.resize(row.size());
        if (warped_law(warp_, std::span<const P>{row}, at, std::span<P>{scratch_}))
          fill(drawn, std::span<const P>{scratch_}, x);
      }
      return x;
    } else {
      if constexpr (DrawingRow<Row> && std::is_same_v<W, temperature> && std::is_same_v<R, philox>) {
        if (!wants_entropy_) return drawn_there(ctx, tree, tip, row, drawn);
      }
      const std::span<P> q = tree.make_q(tip);
      const bool usable = warped_law(warp_, std::span<const P>{row}, at, q);
      const token x = usable ? ctx.random.categorical(ctx.site(tip), purpose::draft, std::span<const P>{q}) : no_token;
      if (x == no_token) tree.drop_q(tip);
      if (x != no_token) fill(drawn, std::span<const P>{q}, x);
      return x;
    }
  }
  /// Has the backend draw up to `most` tokens after the text.
  template <class R, class... T>
  void draw_chain(const basic_context<R>& ctx, const draft_tree& tree, std::size_t most, text_sequence<T>&... target) {
    chain_draws how{.most = most, .end_of_text = ctx.end_of_text};
    if constexpr (!is_greedy<W>()) {
      how.temperature = warp_.value();
      how.position = ctx.position(1);
      how.seed = ctx.random.seed();
      how.what = Noise == draft_noise::own ? chain_draws::by::draw : chain_draws::by::at_position;
      uniform_.clear();
      for (node_id n = 0; Noise == draft_noise::own && n < most; ++n)
        uniform_.push_back(ctx.random.uniform(ctx.site(n), purpose::draft));
      how.uniform = uniform_;
    }
    sequence_.backend().draw_chain(sequence_.sequence(), tree[0], how, drawn_, target.backend()...,
                                   target.sequence()...);
  }
  /// The same draw where the row is; its law stays there.
  template <class P, class Row>
  token drawn_there(const decode_context& ctx, basic_draft_tree<P>& tree, node_id tip, const Row& row,
                    draft_signal& drawn) {
    const far_draw there = row.draw(ctx.random.uniform(ctx.site(tip), purpose::draft), warp_.value());
    if (there.drawn != no_token) tree.leave_q(tip, there.law);
    drawn.probability = there.probability;
    return there.drawn;
  }
  template <class P>
  void fill(draft_signal& drawn, std::span<const P> law, token x) const noexcept {
    drawn.probability = static_cast<float>(law[static_cast<std::size_t>(x)]);
    if (wants_entropy_) drawn.entropy = entropy_of(law);
  }

  [[nodiscard]] std::span<const float> hidden_of(node_id n) {
    const auto& state = sequence_.backend().hidden(sequence_.sequence(), n);
    hidden_.resize(state.size());
    for (std::size_t i = 0; i < hidden_.size(); ++i) hidden_[i] = static_cast<float>(state[i]);
    return hidden_;
  }

  text_sequence<B> sequence_;
  W warp_;
  bool wants_probability_ = true;
  bool wants_entropy_ = false;
  bool wants_hidden_ = false;
  std::vector<float> hidden_;  // [width] of the last drawn token's pass
  std::vector<logit_t<B>> scratch_;
  std::vector<far_draw> drawn_;  // a chain
  std::vector<double> uniform_;  // [tokens] that it is drawn by
};

template <Model B, class W>
model_drafter(B&, W) -> model_drafter<B, W>;

/// A model drafter for `match` when sampling: draws with the target's noise.
template <Model B, class W>
[[nodiscard]] auto coupled_model_drafter(B& draft, W warp) {
  return model_drafter<B, W, draft_noise::shared_with_target>{draft, std::move(warp)};
}

}  // namespace hunch
