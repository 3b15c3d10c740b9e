// The loop: text → drafter → tree → forward → verdict → commit. Read this file first.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <hunch/core/backend.hpp>
#include <hunch/core/decoding.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/explain.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/request.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/core/verifier.hpp>

namespace hunch {

/// A target, something that guesses, something that judges, and the text that grows.
///
/// One decoder = one sequence; weights are shared through the backends' references. Once warm a step allocates only
/// where the text outgrows its capacity. A step that fails (a pass without rows, rows of NaN) or that throws (a user's
/// drafter, say) leaves the text as it was; the next step tries again.
template <Backend B, class D, class V, class O = no_observer, class R = philox>
class decoder {
 public:
  using scalar = logit_t<B>;
  using rows_type =
      decltype(std::declval<B&>().forward(std::declval<typename B::sequence&>(), std::declval<tree_view>()));
  static constexpr std::size_t default_budget = 64;

  decoder(B& target, D drafter, V verifier, O observer = {})
      : target_{target}, loop_{target.vocab_size(), std::move(drafter), std::move(verifier), std::move(observer)} {}

  /// Begins a text, or goes on with one that was edited: what the cache already holds is used again.
  void start(std::span<const token> text, basic_request<R> wish = {}) { loop_.start(text, std::move(wish)); }

  /// One round: guess, check in one pass of at most `budget` nodes, keep what the target would have said.
  step_result step(std::size_t budget = default_budget) {
    if (!draft(budget, true)) return {status(), {}};
    return end_step(target_.forward(tree()));
  }

  /// First half, up to the target's pass; false if the text has ended. For schedulers that batch passes.
  bool begin_step(std::size_t budget = default_budget) { return draft(budget, false); }

  /// Second half: `rows` are the target's rows of tree(), one per node.
  step_result end_step(const LogitRows auto& rows) {
    const bool usable = loop_.judge(rows);
    target_.commit(usable ? std::span<const node_id>{last_verdict().path} : std::span<const node_id>{});
    return usable ? loop_.append() : step_result{status(), {}};
  }

  /// Work for a batched pass, between begin_step and end_step.
  [[nodiscard]] auto work() { return target_.stage(tree()); }

  [[nodiscard]] std::span<const token> text() const noexcept { return loop_.text(); }
  [[nodiscard]] hunch::status status() const noexcept { return loop_.status(); }
  /// Why status() is `failed`; message_of says it in words.
  [[nodiscard]] hunch::fault fault() const noexcept { return loop_.fault(); }
  [[nodiscard]] const basic_draft_tree<scalar>& tree() const noexcept { return loop_.tree(); }
  [[nodiscard]] const basic_verdict<scalar>& last_verdict() const noexcept { return loop_.verdict(); }
  [[nodiscard]] O& observer() noexcept { return loop_.observer(); }
  [[nodiscard]] D& drafter() noexcept { return loop_.drafter(); }

 private:
  /// `alone`: the target's next pass is of this tree and of nothing else.
  bool draft(std::size_t budget, bool alone) {
    if (!loop_.begin()) return false;
    target_.drop_pending();  // of a step that was not finished
    if (!target_.sync(text())) {
      loop_.end(status::context);
      return false;
    }
    loop_.synced();
    if (loop_.open(target_.room(), budget)) propose(alone);
    return loop_.seal();
  }
  void propose([[maybe_unused]] bool alone) {
    if constexpr (SelfDrafter<D, B, scalar, R>) {
      drafter().propose(loop_.context(), loop_.tree(), target_);
    } else {
      if constexpr (ChainDrafterFor<D, B, scalar, R>)
        if (alone) return drafter().propose_for(loop_.context(), loop_.tree(), target_);
      drafter().propose(loop_.context(), loop_.tree());
    }
  }

  text_sequence<B> target_;
  detail::decoding<D, V, O, R, scalar> loop_;
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
