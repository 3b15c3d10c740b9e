// The first drafter that proposes anything: lookup where the text repeats, a model elsewhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <hunch/core/drafter.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/law.hpp>

namespace hunch {

namespace detail {

/// 0: the drafter has none of its own.
template <class D>
[[nodiscard]] std::size_t vocab_size_of(const D& drafter) {
  if constexpr (requires { drafter.vocab_size(); })
    return drafter.vocab_size();
  else
    return 0;
}
template <class D>
[[nodiscard]] laws held_laws(const D& drafter) {
  if constexpr (requires { drafter.laws_at_run_time(); })
    return drafter.laws_at_run_time();
  else
    return laws_of<D>();
}

/// Whether a drafter learns from trees that are not its own: it reads tokens and rows, not what became of its guesses.
template <class D>
[[nodiscard]] bool learns_from_any(const D& drafter) {
  if constexpr (requires { drafter.learns_from_any(); })
    return drafter.learns_from_any();
  else
    return false;
}

/// 0: neither has one of its own.
template <class A, class B>
[[nodiscard]] std::size_t either_vocabulary(const A& a, const B& b) {
  const std::size_t size = vocab_size_of(a);
  return size != 0 ? size : vocab_size_of(b);
}
template <class A, class B>
void check_one_vocabulary(const char* who, const A& a, const B& b) {
  const std::size_t of_a = vocab_size_of(a);
  const std::size_t of_b = vocab_size_of(b);
  if (of_a != 0 && of_b != 0 && of_a != of_b)
    raise("hunch: " + std::string{who} + " joins models of " + std::to_string(of_a) + " and " + std::to_string(of_b) +
          " tokens; all must speak the target's tokens");
}

}  // namespace detail

/// Asks `A`; only if it proposed nothing, `B`. Nests for more than two. Which of them proposed depends on the text
/// before the drafted tokens alone, so any mixture stays exact.
template <class A, class B>
class first_of {
 public:
  static constexpr laws sibling_laws = laws_of<A>() | laws_of<B>();

  first_of(A first, B second) : first_{std::move(first)}, second_{std::move(second)} {
    detail::check_one_vocabulary("first_of", first_, second_);
  }

  /// 0: neither drafter has a vocabulary of its own.
  [[nodiscard]] std::size_t vocab_size() const { return detail::either_vocabulary(first_, second_); }
  /// What a part that was chosen at run time holds; without one, what the types say.
  [[nodiscard]] laws laws_at_run_time() const { return detail::held_laws(first_) | detail::held_laws(second_); }

  template <class P, class R>
  requires Drafter<A, P, R> && Drafter<B, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    first_.propose(ctx, tree);
    first_proposed_ = tree.size() > 1;
    if (!first_proposed_) second_.propose(ctx, tree);
  }

  // The same where the host runs the passes of a part.
  template <class P, class R>
  void begin(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    first_proposed_ = true;
    detail::begin_draft(first_, ctx, tree);
  }
  template <class P, class R>
  [[nodiscard]] std::optional<pass> next(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (first_proposed_) {
      const auto wanted = detail::next_pass(first_, ctx, tree);
      if (wanted || tree.size() > 1) return wanted;
      first_proposed_ = false;
      detail::begin_draft(second_, ctx, tree);
    }
    return detail::next_pass(second_, ctx, tree);
  }
  template <class P, class R>
  void supply(const basic_context<R>& ctx, basic_draft_tree<P>& tree, basic_rows_ref<P> rows) {
    if (first_proposed_)
      detail::supply_rows(first_, ctx, tree, rows);
    else
      detail::supply_rows(second_, ctx, tree, rows);
  }

  /// A part that learns from any tree is told every round (detail::learns_from_any), another one what became of its
  /// own.
  template <class P>
  requires learns<A, P> || learns<B, P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result, basic_rows_ref<P> rows) {
    if (first_proposed_ || detail::learns_from_any(first_)) tell(first_, tree, result, rows);
    if (!first_proposed_ || detail::learns_from_any(second_)) tell(second_, tree, result, rows);
  }
  [[nodiscard]] bool learns_from_any() const {
    return detail::learns_from_any(first_) && detail::learns_from_any(second_);
  }

 private:
  A first_;
  B second_;
  bool first_proposed_ = false;
};

}  // namespace hunch
