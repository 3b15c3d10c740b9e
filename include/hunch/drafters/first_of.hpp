// The first drafter that proposes anything: lookup where the text repeats, a model elsewhere.
#pragma once

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <utility>

namespace hunch {

/// Asks `A`; only if it proposed nothing, `B`. Nests for more than two. Which of them proposed depends on the text
/// before the drafted tokens alone, so any mixture stays exact.
template <class A, class B>
class first_of {
 public:
  static constexpr laws sibling_laws = laws_of<A>() | laws_of<B>();

  first_of(A first, B second) : first_{std::move(first)}, second_{std::move(second)} {}

  [[nodiscard]] std::size_t vocab_size() const requires requires(const A& a) {
    a.vocab_size();
  } || requires(const B& b) {
    b.vocab_size();
  }
  {
    if constexpr (requires(const A& a) { a.vocab_size(); })
      return first_.vocab_size();
    else
      return second_.vocab_size();
  }

  template <class P, class R>
  requires Drafter<A, P, R> && Drafter<B, P, R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    first_.propose(ctx, tree);
    first_proposed_ = tree.size() > 1;
    if (!first_proposed_) second_.propose(ctx, tree);
  }

  /// The verdict goes to the drafter whose tree it was.
  template <class P>
  requires Learner<A, P> || Learner<B, P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& result) {
    if (first_proposed_) {
      if constexpr (Learner<A, P>) first_.observe(tree, result);
    } else {
      if constexpr (Learner<B, P>) second_.observe(tree, result);
    }
  }

 private:
  A first_;
  B second_;
  bool first_proposed_ = false;
};

}  // namespace hunch
