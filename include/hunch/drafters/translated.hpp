// A drafter of another vocabulary: what it drafts is translated into the target's tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/core/decoding.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/pass.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/text/retokenise.hpp>
#include <hunch/text/utf8.hpp>

namespace hunch {

/// Runs `D`, whose tokens are those of `Draft`, on the text in its own tokens, and has `Writer` put the tree that it
/// proposes into the target's tokens. Made by `translated` and `translated_tokens`.
template <class D, Vocabulary Draft, Vocabulary Target, class Writer, class P = float>
class translated_drafter {
 public:
  static constexpr laws sibling_laws = Writer::template laws_from<D>();

  translated_drafter(D drafter, const Draft& draft, const Target& target, Writer writer, token first)
      : drafter_{std::move(drafter)},
        text_{target, draft, first},
        writer_{std::move(writer)},
        guesses_{detail::vocab_size_of(drafter_) != 0 ? detail::vocab_size_of(drafter_) : draft.size()} {
    static_assert(!learns<D, P>,
                  "hunch: a translated drafter is not told what became of its drafts; take a drafter and a length "
                  "policy that do not learn (fixed_length, confidence_stop)");
    writer_.check(drafter_);
  }

  [[nodiscard]] laws laws_at_run_time() const { return writer_.laws_at_run_time(drafter_); }

  template <class R>
  requires Drafter<D, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    begin(ctx, tree);
    write(ctx, tree);
  }

  // The same where the host runs the passes.
  template <class R>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>&) {
    text_.follow(ctx.text, ctx.run);
    ends_.clear();
    for (const token t : ctx.end_of_text)
      if (const token as = text_.mark(t); as != no_token) ends_.push_back(as);
    drafting_ = !text_.tokens().empty() && ctx.budget > 1 && ctx.max_depth > 0;
    if (!drafting_) return;
    guesses_.reset(text_.tokens().back());
    detail::begin_draft(drafter_, inner_context(ctx), guesses_);
  }
  template <class R>
  requires PassDrafter<D, P, R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (!drafting_) return std::nullopt;
    auto wanted = detail::next_pass(drafter_, inner_context(ctx), guesses_);
    if (!wanted) write(ctx, tree);
    return wanted;
  }
  template <class R>
  requires PassDrafter<D, P, R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>&, basic_rows_ref<P> rows) {
    detail::supply_rows(drafter_, inner_context(ctx), guesses_, rows);
  }

 private:
  template <class R>
  [[nodiscard]] basic_context<R> inner_context(const basic_context<R>& ctx) const {
    basic_context<R> inner;
    inner.text = text_.tokens();
    inner.budget = ctx.budget;
    inner.max_depth = ctx.max_depth;
    inner.end_of_text = ends_;
    inner.run = text_.run();
    inner.random = ctx.random;
    // Of the outer round: the text may have as many tokens here in a later round as it had in this one.
    inner.round = ctx.site(0).round;
    inner.first_site = ctx.first_site;
    return inner;
  }
  template <class R>
  void write(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (!std::exchange(drafting_, false)) return;
    const bool sound = detail::fault_of(guesses_, inner_context(ctx)) == fault::none;
    HUNCH_EXPECTS(sound, "the translated drafter breaks law D2");
    if (sound) writer_.write(guesses_, text_.held_back(), ctx, tree);
  }

  D drafter_;
  retokeniser<Target, Draft> text_;
  Writer writer_;
  basic_draft_tree<P> guesses_;  // in tokens of the draft vocabulary
  std::vector<token> ends_;      // of a text, in tokens of the draft vocabulary
  bool drafting_ = false;
};

namespace detail {

/// Each path of the tree as text, in the target's tokens; equal beginnings become one.
template <Vocabulary Draft, Vocabulary Target>
class text_writer {
 public:
  text_writer(const Draft& draft, const Target& target) : draft_{&draft}, target_{&target}, marks_{draft, target} {}

  template <class D>
  [[nodiscard]] static constexpr laws laws_from() noexcept {
    return deterministic;
  }
  template <class D>
  [[nodiscard]] laws laws_at_run_time(const D&) const noexcept {
    return deterministic;
  }
  template <class D>
  void check(const D&) const noexcept {}

  template <class P, class R>
  void write(const basic_draft_tree<P>& guesses, std::string_view held_back, const basic_context<R>& ctx,
             basic_draft_tree<P>& tree) {
    for (node_id n = 1; n < guesses.size(); ++n) {
      if (guesses.first_child(n) != no_node) continue;
      translate(guesses, n, held_back);
      node_id at = 0;
      for (const token t : line_) {
        if (static_cast<std::size_t>(t) >= tree.vocab() || tree.depth(at) >= ctx.max_depth) break;
        const node_id known = tree.child_with(at, t);
        if (known == no_node && tree.size() >= ctx.budget) break;
        at = known == no_node ? tree.add(at, t) : known;
      }
    }
  }

 private:
  /// After: line_ is the path to `leaf` behind the bytes that the text already has.
  template <class P>
  void translate(const basic_draft_tree<P>& guesses, node_id leaf, std::string_view held_back) {
    path_.clear();
    for (node_id n = leaf; n != 0; n = guesses.parent(n)) path_.push_back(guesses[n]);
    line_.clear();
    bytes_.clear();
    std::size_t mark_at = path_.size();
    while (mark_at > 0 && is_text(path_[mark_at - 1])) bytes_ += draft_->bytes(path_[--mark_at]);
    if (bytes_.compare(0, held_back.size(), held_back) != 0) return;  // another character than the one that was begun
    const std::string_view fresh = std::string_view{bytes_}.substr(held_back.size());
    const std::size_t unfinished = unfinished_character(bytes_);
    if (fresh.size() > unfinished) target_->encode(fresh.substr(0, fresh.size() - unfinished), line_);
    // What comes behind a mark is another turn of a chat: nothing to guess at.
    if (mark_at == 0 || unfinished > 0) return;
    if (const token as = marks_(path_[mark_at - 1]); as != no_token) line_.push_back(as);
  }

  /// Not a mark, nor a row of the model that is no token.
  [[nodiscard]] bool is_text(token t) const {
    return static_cast<std::size_t>(t) < draft_->size() && std::string_view{draft_->mark(t)}.empty();
  }

  const Draft* draft_;
  const Target* target_;
  mark_map marks_;
  std::vector<token> path_;  // of the draft vocabulary, leaf first
  std::vector<token> line_;  // of the target's
  std::string bytes_;
};

}  // namespace detail

/// Any drafter of another vocabulary, by string-level exact match: its text in the target's tokens. Nothing is left of
/// the laws that it drew from, so the drafts count as chosen; every verifier is exact for them.
///
///   auto drafter = translated(with_length(model_drafter(small, greedy{}), fixed_length{5}), of_small, of_target);
///
/// @param draft, target  vocabularies; outlive the drafter
/// @param first          what the draft model wants at the begin of each text (begin-of-text), if anything
/// Drafts end at a mark, at bytes that are no whole character, and at the budget. Their last token stays: where the
/// target would have merged on it is rejected.
/// Cost: that of the drafter; retokenising, a few microseconds; encoding of what was drafted.
/// Source: Timor et al., "Accelerating LLM Inference with Lossless Speculative Decoding Algorithms for Heterogeneous
/// Vocabularies" (2025), SLEM.
template <class P = float, class D, Vocabulary Draft, Vocabulary Target>
[[nodiscard]] auto translated(D drafter, const Draft& draft, const Target& target, token first = no_token) {
  using writer = detail::text_writer<Draft, Target>;
  return translated_drafter<D, Draft, Target, writer, P>{std::move(drafter), draft, target, writer{draft, target},
                                                         first};
}

}  // namespace hunch
