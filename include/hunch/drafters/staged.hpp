// Staged speculation: a decoder used as a drafter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/decoding.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/explain.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/pass.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {
namespace detail {

/// Whether a verifier's tokens are the largest logits, so that nothing is drawn.
template <class V>
inline constexpr bool judges_greedily = false;
template <template <class> class V, class W>
inline constexpr bool judges_greedily<V<W>> = is_greedy<W>();

}  // namespace detail

/// A chain of `length` tokens of the model `mid`, which is sped up by a drafter and a verifier of its own: what they
/// decide is exactly what `mid` would have drawn, so q is mid's own row for every token, corrections included.
///
/// The inner verifier leaves its warped laws (law V2) and they become q. Under `match` the tokens are drawn with the
/// target's own noise (law `coupled`), and the outer verifier is `match` as well; greedy ones are chosen.
/// Nests to any depth, for the inner drafter may be staged too; inner rounds draw with counters of their own.
///
/// Cost: a pass of `mid` per inner round; an inner drafter that cannot take back the end of a text indexes it anew when
/// the target rejects. Pays where length × (cost of mid ÷ cost of target) is not small already.
///
/// Source: Spector & Re, "Accelerating LLM Inference with Staged Speculative Decoding" (2023).
template <Model B, class D, class V, class P = float>
class staged_drafter {
 public:
  static constexpr laws sibling_laws = detail::judges_greedily<V>          ? deterministic
                                       : V::sibling_laws.contains(coupled) ? coupled
                                                                           : without_replacement;

  staged_drafter(B& mid, D inner, V verifier, std::uint32_t length)
      : sequence_{mid},
        inner_{std::move(inner)},
        verifier_{std::move(verifier)},
        length_{length},
        guesses_{mid.vocab_size()} {
    if (length > longest) raise("hunch: staged drafts at most " + std::to_string(longest) + " tokens");
    detail::check_one_vocabulary("staged", sequence_, inner_);
    detail::check_laws<V>(inner_);
  }

  [[nodiscard]] std::size_t vocab_size() const { return sequence_.vocab_size(); }

  template <class R>
  requires Backend<B> && Drafter<D, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    begin(ctx, tree);
    while (const auto wanted = next(ctx, tree)) judge(ctx, tree, sequence_.run(*wanted));
  }

  // The same where the host runs the passes.
  template <class R>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>&) {
    follow(ctx.text, ctx.run);
    tip_ = 0;
    rounds_ = 0;
    phase_ = phase::open;
  }
  template <class R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (phase_ == phase::open) {
      phase_ = left(ctx, tree) > 0 ? phase::guess : phase::done;
      if (phase_ == phase::guess) open_round(ctx, tree);
    }
    if (phase_ == phase::guess) {
      const auto inner = inner_context(ctx, tree);
      if (inner.max_depth > 0)
        if (auto wanted = detail::next_pass(inner_, inner, guesses_)) return wanted;
      const bool sound = detail::fault_of(guesses_, inner) == fault::none;
      HUNCH_EXPECTS(sound, "the inner drafter breaks law D2");
      if (!sound) guesses_.reset(text_.back());
      phase_ = phase::judge;
      return sequence_.want(text_, guesses_);
    }
    return std::nullopt;
  }
  template <class R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
    if (phase_ == phase::guess) return detail::supply_rows(inner_, inner_context(ctx, tree), guesses_, rows);
    if constexpr (is_hosted<B>) sequence_.supplied();
    judge(ctx, tree, rows);
  }

 private:
  static constexpr std::uint32_t longest = 63;           // rounds of one proposal have 6 bits of a draw's site
  static constexpr std::uint32_t round_sites = 1 << 12;  // nodes of an inner tree
  enum class phase { open, guess, judge, done };

  /// Tokens that are still to be drafted.
  template <class R>
  [[nodiscard]] std::size_t left(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) const {
    const bool ends = tip_ != 0 && std::ranges::find(ctx.end_of_text, tree[tip_]) != ctx.end_of_text.end();
    const std::size_t most = std::min<std::size_t>({length_, ctx.max_depth, ctx.budget - 1});
    return ends ? 0 : most - std::min<std::size_t>(most, tree.depth(tip_));
  }
  template <class R>
  [[nodiscard]] basic_context<R> inner_context(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) const {
    basic_context<R> inner;
    inner.text = text_;
    inner.budget = std::size_t{64};
    inner.max_depth = static_cast<std::uint32_t>(left(ctx, tree) - 1);  // its next token is drafted as well
    inner.end_of_text = ctx.end_of_text;
    inner.run = run_;
    inner.random = ctx.random.split(0);
    // A site names the outer round, so that the next one does not meet these draws again, and the rounds around it.
    inner.round = ctx.site(0).round;
    inner.first_site = (ctx.first_site / round_sites * 64 + rounds_) * round_sites;
    return inner;
  }
  template <class R>
  void open_round(const basic_context<R>& ctx, const basic_draft_tree<P>& tree) {
    guesses_.reset(text_.back());
    const auto inner = inner_context(ctx, tree);
    if (inner.max_depth > 0) detail::begin_draft(inner_, inner, guesses_);
  }

  /// Drafts what the inner verifier decided, with mid's laws.
  template <class R, class Rows>
  void judge(const basic_context<R>& ctx, basic_draft_tree<P>& tree, const Rows& rows) {
    const auto inner = inner_context(ctx, tree);
    if constexpr (sibling_laws == without_replacement)
      verifier_.verify(guesses_, basic_rows_ref<P>{rows}, inner, verdict_);  // here, not on a device: its laws are read
    else
      verifier_.verify(guesses_, rows, inner, verdict_);
    phase_ = verdict_.next == no_token ? phase::done : phase::open;
    if (phase_ == phase::done) return;  // mid's rows are not usable: the target goes on alone
    if constexpr (learns<D, P>) tell(inner_, guesses_, verdict_, basic_rows_ref<P>{rows});
    const std::size_t vocab = tree.vocab();
    for (std::size_t i = 0; i < verdict_.path.size() && left(ctx, tree) > 0; ++i) {
      if (sibling_laws == without_replacement)
        std::copy_n(verdict_.laws.begin() + static_cast<std::ptrdiff_t>(i * vocab), vocab, tree.make_q(tip_).begin());
      const token t = i + 1 < verdict_.path.size() ? guesses_[verdict_.path[i + 1]] : verdict_.next;
      tip_ = tree.add(tip_, t);
      text_.push_back(t);
    }
    ++rounds_;
  }

  /// After: text_ is the outer text. What was drafted behind it goes, unless the text took it.
  void follow(std::span<const token> text, std::uint64_t run) {
    const bool grew = run != 0 && run == outer_run_ && text.size() >= outer_size_;
    const std::size_t known = grew ? outer_size_ : 0;
    const auto drafted = std::span<const token>{text_}.subspan(std::min(known, text_.size()));
    if (text.size() < known + drafted.size() || !std::ranges::equal(drafted, text.subspan(known, drafted.size())))
      ++run_;
    text_.resize(known);
    text_.insert(text_.end(), text.begin() + static_cast<std::ptrdiff_t>(known), text.end());
    outer_run_ = run;
    outer_size_ = text.size();
  }

  text_sequence<B> sequence_;
  D inner_;
  V verifier_;
  std::uint32_t length_;
  basic_draft_tree<P> guesses_;  // the inner round's
  basic_verdict<P> verdict_;
  std::vector<token> text_;  // outer text and what was drafted behind it
  std::uint64_t run_ = 1;    // of text_
  std::uint64_t outer_run_ = 0;
  std::size_t outer_size_ = 0;
  node_id tip_ = 0;
  std::uint32_t rounds_ = 0;  // inner rounds of this proposal
  phase phase_ = phase::done;
};

/// target ← mid ← inner: speculate(target, staged(mid, with_length(prompt_lookup(2), fixed_length{3}), rejection(warp),
/// 5), rejection(warp)).
template <Model B, class D, class V>
[[nodiscard]] auto staged(B& mid, D inner, V verifier, std::uint32_t length) {
  if constexpr (detail::explain_laws<D, V>())
    return staged_drafter<B, D, V, logit_t<B>>{mid, std::move(inner), std::move(verifier), length};
  else
    return detail::see_the_message_above{};
}

}  // namespace hunch
