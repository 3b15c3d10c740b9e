// The loop: text → drafter → tree → forward → verdict → commit. Read this file first.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/explain.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/core/verifier.hpp>

namespace hunch {

/// What one text may ask for.
template <class R>
struct basic_request {
  R random{};                                                        ///< philox{seed}
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< most tokens to add to the text
  std::vector<token> end_of_text{};  ///< the first of these ends the text; it is emitted
  /// Asked once a step with the text, whose last `fresh` tokens are new: how many tokens stay. Fewer than all end the
  /// text there (a stop string may have begun in an earlier step); none of `fresh` past it was ever in the text.
  std::function<std::size_t(std::span<const token> text, std::size_t fresh)> stop{};
};
using request = basic_request<philox>;

/// Where a text stands. Everything but `running` ends it; `failed` leaves the sequence at its last commit.
enum class status { running, end_of_text, stopped, length, context, failed };

[[nodiscard]] constexpr const char* name_of(status s) noexcept {
  constexpr const char* names[] = {"running", "end_of_text", "stopped", "length", "context", "failed"};
  return names[static_cast<std::size_t>(s)];
}

/// What a step did. `emitted` is valid until the next step.
struct step_result {
  hunch::status status;
  std::span<const token> emitted;
  std::size_t withdrawn = 0;  ///< tokens of earlier steps that a stop rule took back from the end of the text
};

/// A target, something that guesses, something that judges, and the text that grows.
///
/// One decoder = one sequence; weights are shared through the backends' references. Once warm a step allocates only
/// where the text outgrows its capacity.
template <Backend B, class D, class V, class O = no_observer, class R = philox>
class decoder {
 public:
  using scalar = logit_t<B>;
  using rows_type =
      decltype(std::declval<B&>().forward(std::declval<typename B::sequence&>(), std::declval<tree_view>()));
  static constexpr std::size_t default_budget = 64;

  decoder(B& target, D drafter, V verifier, O observer = {})
      : target_{target},
        drafter_{std::move(drafter)},
        verifier_{std::move(verifier)},
        observer_{std::move(observer)},
        tree_{target.vocab_size()} {
    check_parts();
  }

  /// Begins a text, or goes on with one that was edited: what the cache already holds is used again.
  void start(std::span<const token> text, basic_request<R> wish = {}) {
    text_.assign(text.begin(), text.end());
    wish_ = std::move(wish);
    left_ = wish_.max_tokens;
    status_ = text.empty() ? status::failed : left_ == 0 ? status::length : status::running;
    ++run_;
  }

  /// One round: guess, check in one pass of at most `budget` nodes, keep what the target would have said.
  step_result step(std::size_t budget = default_budget) {
    if (!begin_step(budget)) return {status_, {}};
    return end_step(target_.forward(tree_));
  }

  /// First half, up to the target's pass; false if the text has ended. For schedulers that batch passes.
  bool begin_step(std::size_t budget = default_budget) {
    event_ = {};
    if (status_ != status::running) return false;
    clock_mark();
    if (!target_.sync(text_)) {
      status_ = status::context;
      return false;
    }
    event_.target_s += clock_mark();
    tree_.reset(text_.back());
    const std::size_t deepest = std::min(left_ - 1, target_.room() - 1);
    ctx_ = {text_,
            std::clamp<std::size_t>(budget, 1, target_.room()),
            static_cast<std::uint32_t>(std::min(deepest, max_depth)),
            wish_.end_of_text,
            run_,
            wish_.random};
    if (deepest > 0 && ctx_.budget > 1) {
      if constexpr (SelfDrafter<D, B, scalar, R>)
        drafter_.propose(ctx_, tree_, target_);
      else
        drafter_.propose(ctx_, tree_);
    }
    HUNCH_EXPECTS(tree_.size() <= ctx_.budget, "the drafter went over its budget (law D2)");
    event_.draft_s = clock_mark();
    return true;
  }

  /// Second half: `rows` are the target's rows of tree(), one per node.
  step_result end_step(const LogitRows auto& rows) {
    event_.target_s += clock_mark();
    verifier_.verify(tree_, rows, ctx_, verdict_);
    if (verdict_.next == no_token) return fail();
    if constexpr (learns<D, scalar>) tell(drafter_, tree_, verdict_, basic_rows_ref<scalar>{rows});
    if constexpr (RoundObserver<O, scalar, R>)
      observer_.on_round({tree_, basic_rows_ref<scalar>{rows}, verdict_, ctx_});
    target_.commit(verdict_.path);
    append();
    event_.verify_s = clock_mark();
    observer_.on_step(event_);
    return {status_, std::span<const token>{text_}.last(event_.emitted), event_.withdrawn};
  }

  /// Work for a batched pass, between begin_step and end_step.
  [[nodiscard]] auto work() { return target_.stage(tree_); }

  [[nodiscard]] std::span<const token> text() const noexcept { return text_; }
  [[nodiscard]] hunch::status status() const noexcept { return status_; }
  [[nodiscard]] const basic_draft_tree<scalar>& tree() const noexcept { return tree_; }
  [[nodiscard]] const basic_verdict<scalar>& last_verdict() const noexcept { return verdict_; }
  [[nodiscard]] O& observer() noexcept { return observer_; }
  [[nodiscard]] D& drafter() noexcept { return drafter_; }

 private:
  static constexpr std::size_t max_depth = std::numeric_limits<std::uint32_t>::max();

  /// What only shows at run time: vocabularies, and laws of drafters that were chosen at run time.
  void check_parts() const {
    if constexpr (requires(const D& d) { d.vocab_size(); })
      if (drafter_.vocab_size() != 0 && drafter_.vocab_size() != tree_.vocab())
        raise("hunch: the drafter's vocabulary has " + std::to_string(drafter_.vocab_size()) +
              " tokens, the target's " + std::to_string(tree_.vocab()) + "; a drafter must speak the target's tokens");
    if constexpr (requires(const D& d) { d.laws_at_run_time(); })
      if (!V::sibling_laws.contains(drafter_.laws_at_run_time()))
        raise(
            "hunch: the verifier is not exact for the law that the drafter's siblings are drawn from "
            "(a coupled drafter needs the match verifier); see docs/concepts.md#laws");
  }

  /// Adds the accepted path and the next token to the text, up to its end.
  void append() {
    const std::size_t verified = verdict_.path.size();
    for (std::size_t i = 1; i <= verified && status_ == status::running; ++i) {
      const token t = i < verified ? tree_[verdict_.path[i]] : verdict_.next;
      text_.push_back(t);
      ++event_.emitted;
      if (std::ranges::find(wish_.end_of_text, t) != wish_.end_of_text.end())
        status_ = status::end_of_text;
      else if (--left_ == 0)
        status_ = status::length;
    }
    if (wish_.stop) stop_at(wish_.stop(text_, event_.emitted));
    event_.drafted = tree_.drafted();
    event_.tested = verdict_.tested;
    event_.accepted = verdict_.accepted();
    event_.truncated = verified + event_.withdrawn - event_.emitted;
  }
  void stop_at(std::size_t kept) {
    if (kept >= text_.size()) return;
    const std::size_t cut = text_.size() - kept;
    event_.withdrawn = cut - std::min(cut, event_.emitted);
    event_.emitted -= std::min(cut, event_.emitted);
    text_.resize(kept);
    status_ = status::stopped;
  }

  step_result fail() {
    target_.drop_pending();
    status_ = status::failed;
    return {status_, {}};
  }

  /// Seconds since the last mark; 0 without reading the clock unless the observer wants time.
  double clock_mark() {
    if constexpr (wants_time<O>()) {
      const auto now = std::chrono::steady_clock::now();
      return std::chrono::duration<double>(now - std::exchange(mark_, now)).count();
    } else {
      return 0;
    }
  }

  text_sequence<B> target_;
  D drafter_;
  V verifier_;
  O observer_;
  basic_draft_tree<scalar> tree_;
  basic_verdict<scalar> verdict_;
  basic_context<R> ctx_{};
  basic_request<R> wish_;
  std::vector<token> text_;
  std::size_t left_ = 0;  // tokens that may still be emitted
  std::uint64_t run_ = 0;
  hunch::status status_ = hunch::status::failed;
  step_event event_;
  std::chrono::steady_clock::time_point mark_;
};

/// A decoder from its parts. Misuse gives one readable message.
///   auto decoder = speculate(target, with_length(model_drafter(draft, warp), fixed_length{4}), rejection(warp));
template <class R = philox, class B, class D, class V, class O = no_observer>
[[nodiscard]] auto speculate(B& target, D drafter, V verifier, O observer = {}) {
  if constexpr (detail::explain_backend<B>()) {
    using P = logit_t<B>;
    using rows = decltype(target.forward(std::declval<typename B::sequence&>(), std::declval<tree_view>()));
    if constexpr (detail::explain_drafter<D, B, P, R>() && detail::explain_verifier<V, rows, P, R>() &&
                  detail::explain_observer<O>()) {
      if constexpr (detail::explain_laws<D, V>())
        return decoder<B, D, V, O, R>{target, std::move(drafter), std::move(verifier), std::move(observer)};
      else
        return detail::see_the_message_above{};
    } else {
      return detail::see_the_message_above{};
    }
  } else {
    return detail::see_the_message_above{};
  }
}

}  // namespace hunch
