// SWIFT: the target drafts for itself, with some of its sub-layers left out.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/drafters/adaptive_length.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/level_pass.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/skip_search.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// Children of each node of the chain, by the largest probability c of the law that they come from: for c > .95,
/// > .8, > .5, and below.
using sibling_counts = std::array<std::uint32_t, 4>;
inline constexpr sibling_counts chain_only{1, 1, 1, 1};
inline constexpr sibling_counts caterpillar{3, 5, 8, 10};          ///< the paper's, greedy
inline constexpr sibling_counts caterpillar_sampled{1, 3, 5, 10};  ///< the paper's, sampling

struct swift_options {
  sibling_counts siblings = chain_only;
  skip_search_options search{.most = 0};  ///< no search
};

/// Drafts a chain by passes of the target that leave sub-layers out; as a caterpillar, the nodes of the chain get
/// siblings of which only the first grows. The pending nodes of these passes are dropped, so the target never reads
/// what they wrote; then its full pass judges the tree.
///
/// With `search.most` > 0 the set of sub-layers changes between rounds, by a score on the last tokens of the text: the
/// mean of min(1, q/p) over a window of generated tokens, p the probability that the target's warped law gives each of
/// them, q that of the warped law without the sub-layers, given the true tokens before. This is an unbiased estimate of
/// the acceptance rate; greedy it is the paper's matchness, the share of equal argmaxes. What was found stays for the
/// next text.
///
/// The draft has its own noise (`match`, `rejection`, `block`, `traversal`) or the target's (`match` only).
/// Cost: a partial pass a drafted token; a full forward pass reads all weights, a partial one all but those of the
/// sub-layers left out. A search adds a pass over the window in each `interval` rounds. Backends that fork run it on a
/// copy of the sequence; others go back before the window and run the tokens after it again.
/// Source: Xia et al., "SWIFT: On-the-Fly Self-Speculative Decoding for LLM Inference Acceleration" (2025).
template <class W, class L = confidence_stop, draft_noise Noise = draft_noise::own>
class swift {
  static_assert(
      LengthPolicy<L>,
      "hunch: a LengthPolicy needs `bool keep_drafting(const draft_signal&)`; see docs/concepts.md#length-policy");

 public:
  static constexpr bool skips_layers = true;
  static constexpr laws sibling_laws = is_greedy<W>()              ? deterministic
                                       : Noise == draft_noise::own ? without_replacement
                                                                   : coupled;

  swift(W warp, skip_set skipped, L length = L{.threshold = 0.8f, .longest = 25}, const swift_options& options = {})
      : warp_{std::move(warp)},
        length_{std::move(length)},
        siblings_{options.siblings},
        search_{std::move(skipped), options.search} {
    if (std::ranges::find(siblings_, 0u) != siblings_.end())
      raise("hunch: swift needs at least one child at every node of its chain");
    static_assert(!wants_hidden<L>(), "hunch: this length policy reads a draft model's hidden state; swift has none");
  }

  [[nodiscard]] const skip_search& search() const noexcept { return search_; }
  /// Forgets what the search found.
  void restart(skip_set skipped) { search_.restart(std::move(skipped)); }

  template <class P, class R, class B>
  requires LayerSkippable<B>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
    begin(ctx, tree, target);
    if constexpr (Forkable<B> && Rewindable<B>) search_on_a_copy(ctx, tree, target);
    while (const auto wanted = next(ctx, tree, target)) take(ctx, tree, target.run(*wanted), target);
    target.drop_pending();
    target.sync(ctx.text);  // the search may have gone back
  }

  // The same where the host runs the passes.
  template <class P, class R, class B>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>&, text_sequence<B>&) {
    follow(ctx);
    tip_ = {};
    ended_ = false;
    passes_.reset(ctx.text.back());
  }
  template <class P, class R, class B>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree,
                                         text_sequence<B>& target) {
    if (scoring_) {
      if (auto wanted = target.want(before_window(ctx), window_tree(ctx), 0, scored_mask())) return wanted;
      scoring_ = false;
      passes_.reset(ctx.text.back());
    }
    if (ended_ || tree.size() >= ctx.budget || tip_.depth >= ctx.max_depth || !length_.keep_drafting(tip_))
      return std::nullopt;
    return target.want(ctx.text, passes_, passes_.size() - 1, search_.best().mask());
  }
  template <class P, class R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows,
              text_sequence<basic_hosted_model<P>>& target) {
    target.supplied();
    take(ctx, tree, rows, target);
  }

  template <class P>
  requires learns<L, P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    tell(length_, tree, result, rows);
  }

 private:
  template <class P, class R, class Rows, class B>
  void take(const basic_context<R>& ctx, basic_draft_tree<P>& tree, const Rows& rows, text_sequence<B>& target) {
    if (!scoring_) return grow(ctx, tree, rows[0]);
    score(ctx, tree, rows);
    if constexpr (is_hosted<B>)
      target.keep_at_most(target.cached().size());  // the window's nodes spell the text, but were not run in full
    else
      target.drop_pending();
    scoring_ = false;
    passes_.reset(ctx.text.back());
  }

  // Drafting.

  /// Children of the tip; the first of them is the next one.
  template <class P, class R, class Row>
  void grow(const basic_context<R>& ctx, basic_draft_tree<P>& tree, const Row& row) {
    const node_id parent = tip_.node;
    const std::span<P> q = tree.make_q(parent);
    std::copy(row.begin(), row.end(), q.begin());
    warp_(q, prefix_view{ctx.text, tree.view(), parent});
    const std::size_t room = ctx.budget - tree.size();
    // Before the logits become a law: candidates for as many children as there can be.
    if constexpr (sibling_laws == coupled) draw_coupled(ctx, tree.depth(parent) + 1, std::span<const P>{q}, room);
    ended_ = !softmax(q);
    if (ended_) return tree.drop_q(parent);
    const std::size_t children = std::min(room, children_for(peak_of(std::span<const P>{q}).top));
    if constexpr (is_greedy<W>()) largest(std::span<const P>{q}, children, drawn_);
    if constexpr (sibling_laws == without_replacement) draw_own(ctx, parent, std::span<const P>{q}, children);
    if (drawn_.size() > children) drawn_.resize(children);
    const token first = drawn_[0].index;
    draft_signal drawn{tree.add(parent, first), static_cast<float>(q[static_cast<std::size_t>(first)]), tip_.depth + 1};
    if constexpr (requires { L::wants_entropy; }) drawn.entropy = entropy_of(std::span<const P>{q});
    for (std::size_t i = 1; i < drawn_.size(); ++i) tree.add(parent, drawn_[i].index);
    if (sibling_laws != without_replacement) tree.drop_q(parent);
    tip_ = drawn;
    passes_.add(static_cast<node_id>(passes_.size() - 1), first);
    ended_ = std::ranges::find(ctx.end_of_text, first) != ctx.end_of_text.end();
  }
  /// How many children: decided by the law alone, before anything is drawn from it.
  template <class P>
  [[nodiscard]] std::size_t children_for(P top) const noexcept {
    const auto c = static_cast<double>(top);
    return siblings_[c > 0.95 ? 0 : c > 0.8 ? 1 : c > 0.5 ? 2 : 3];
  }
  template <class P, class R>
  void draw_own(const basic_context<R>& ctx, node_id parent, std::span<const P> q, std::size_t children) {
    if (children > 1) return ctx.random.ordered_without_replacement(ctx.site(parent), q, children, drawn_);
    drawn_.assign(1, {ctx.random.categorical(ctx.site(parent), purpose::draft, q), 0.0});
  }
  template <class P, class R>
  void draw_coupled(const basic_context<R>& ctx, std::uint32_t depth, std::span<const P> logits, std::size_t room) {
    const std::size_t most = std::min<std::size_t>(room, *std::ranges::max_element(siblings_));
    if (most > 1) return ctx.random.ordered_at_position(ctx.position(depth), logits, most, drawn_);
    drawn_.assign(1, {ctx.random.at_position(ctx.position(depth), logits), 0.0});
  }

  // Searching.

  /// Finds out what of the text was generated, and whether this round has a set to score.
  template <class R>
  void follow(const basic_context<R>& ctx) {
    if (ctx.run == 0 || ctx.run != run_) {
      generated_from_ = ctx.text.size();
      window_at_ = 0;
      rounds_ = 0;
    }
    run_ = ctx.run;
    scoring_ = false;
    if (search_.done() || ++rounds_ % search_.options().interval != 0) return;
    const std::size_t window = search_.options().window;
    const std::size_t first = window_at_ == 0 ? generated_from_ : window_at_ + window;  // of the next window
    if ((window_at_ == 0 || search_.wants_window()) && first + window <= ctx.text.size()) {
      window_at_ = ctx.text.size() - window;  // the newest tokens
      search_.open_window();
      target_law_.clear();
    }
    scoring_ = window_at_ != 0;
  }
  /// The text up to the token that the window's first row follows; that token is the root of the scoring pass.
  template <class R>
  [[nodiscard]] std::span<const token> before_window(const basic_context<R>& ctx) const noexcept {
    return ctx.text.first(window_at_);
  }
  /// The tokens whose rows give the laws of the window's tokens: a chain.
  template <class R>
  [[nodiscard]] const draft_tree& window_tree(const basic_context<R>& ctx) {
    passes_.reset(ctx.text[window_at_ - 1]);
    for (std::size_t i = 0; i + 1 < search_.options().window; ++i)
      passes_.add(static_cast<node_id>(i), ctx.text[window_at_ + i]);
    return passes_;
  }
  /// When sampling, the first pass on a window is the target's own: it gives the p of the score.
  [[nodiscard]] bool scores_target() const noexcept { return !is_greedy<W>() && target_law_.empty(); }
  [[nodiscard]] layer_mask scored_mask() const noexcept {
    return scores_target() ? layer_mask{} : search_.wanted().mask();
  }

  template <class P, class R, class B>
  void search_on_a_copy(const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
    if (!scoring_) return;
    B& model = target.backend();
    auto copy = model.fork(target.sequence());
    model.rewind(copy, window_at_ - 1);
    const tree_view window = window_tree(ctx).view();
    const layer_mask mask = scored_mask();
    if (mask.empty())
      score(ctx, tree, model.forward(copy, window));
    else
      score(ctx, tree, model.forward(copy, window, mask));
    scoring_ = false;
    passes_.reset(ctx.text.back());
  }

  template <class P, class R, class Rows>
  void score(const basic_context<R>& ctx, basic_draft_tree<P>& tree, const Rows& rows) {
    const bool of_target = scores_target();
    const std::span<P> law = tree.make_q(0);  // scratch
    double sum = 0;
    for (std::size_t i = 0; i < search_.options().window; ++i) {
      std::copy(rows[i].begin(), rows[i].end(), law.begin());
      warp_(law, prefix_view{before_window(ctx), passes_.view(), static_cast<node_id>(i)});
      const token said = ctx.text[window_at_ + i];
      if constexpr (is_greedy<W>()) {
        sum += argmax(std::span<const P>{law}) == said ? 1 : 0;
      } else {
        const double likely = softmax(law) ? static_cast<double>(law[static_cast<std::size_t>(said)]) : 0.0;
        if (of_target)
          target_law_.push_back(likely);
        else
          sum += likely < target_law_[i] ? likely / target_law_[i] : 1.0;
      }
    }
    tree.drop_q(0);
    if (!of_target) search_.judge(sum / static_cast<double>(search_.options().window));
  }

  W warp_;
  L length_;
  sibling_counts siblings_;
  skip_search search_;
  draft_tree passes_{0};  // the chain that passes run: that of the tree without siblings, or a window of the text
  draft_signal tip_{};
  bool ended_ = false;
  std::vector<candidate> drawn_;

  std::uint64_t run_ = 0;
  std::size_t generated_from_ = 0;  // index of the first token of the text that was generated
  std::size_t window_at_ = 0;       // index of the window's first token; 0: no window yet
  std::size_t rounds_ = 0;          // of this text
  bool scoring_ = false;            // the next pass is over the window
  std::vector<double> target_law_;  // [window] p of its tokens; empty: not known yet
};

template <class W>
swift(W, skip_set) -> swift<W>;
template <class W, class L>
swift(W, skip_set, L) -> swift<W, L>;
template <class W, class L>
swift(W, skip_set, L, swift_options) -> swift<W, L>;

/// Self-speculation for `match` when sampling: drafts with the target's noise.
template <class W, class L = confidence_stop>
[[nodiscard]] auto coupled_swift(W warp, skip_set skipped, L length = L{.threshold = 0.8f, .longest = 25},
                                 const swift_options& options = {}) {
  return swift<W, L, draft_noise::shared_with_target>{std::move(warp), std::move(skipped), std::move(length), options};
}

}  // namespace hunch
