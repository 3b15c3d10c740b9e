// Constraints that begin in the middle of a text, where something was said: the end of reasoning, a tool call.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/sampling/constrain.hpp>
#include <hunch/text/pattern.hpp>
#include <hunch/text/stop_strings.hpp>

namespace hunch {

/// `rule` from the token after the trigger on; before it everything is allowed, the end of the text too.
///   constrained(begin_after({end_of_thinking}, rule), eos, prompt.size())          // a sequence of tokens
///   constrained(begin_after("</think>", bytes_of, rule), eos, prompt.size())       // a string, across tokens
/// Bytes that the token which completes a string holds behind it are not subject to the rule.
template <Constraint C, class T>
class begin_after {
 public:
  struct state {
    std::size_t matched = 0;                    // of the trigger
    std::optional<typename C::state> inside{};  // once the trigger is complete
  };

  begin_after(std::vector<token> trigger, C rule) requires std::same_as<T, token>
      : trigger_{checked(std::move(trigger))}, rule_{std::move(rule)} {}
  begin_after(std::string_view trigger, token_bytes bytes, C rule) requires std::same_as<T, char>
      : trigger_{checked(std::vector<char>(trigger.begin(), trigger.end()))},
        bytes_{std::move(bytes)},
        rule_{std::move(rule)} {}

  [[nodiscard]] state start() const { return {}; }
  void advance(state& s, token t) const {
    if (s.inside) return rule_.advance(*s.inside, t);
    if constexpr (std::same_as<T, token>)
      match(s, {&t, 1});
    else
      match(s, bytes_(t));
  }
  template <class P>
  void restrict(const state& s, std::span<P> row) const {
    if (s.inside) rule_.restrict(*s.inside, row);
  }
  [[nodiscard]] bool may_end(const state& s) const { return !s.inside || rule_.may_end(*s.inside); }

 private:
  static std::vector<T> checked(std::vector<T> trigger) {
    if (trigger.empty()) raise("hunch: begin_after: an empty trigger; use the rule itself");
    return trigger;
  }
  void match(state& s, std::span<const T> units) const {
    for (const T& x : units) {
      s.matched = trigger_.next(s.matched, x);
      if (s.matched < trigger_.size()) continue;
      s.inside = rule_.start();
      return;
    }
  }

  pattern<T> trigger_;
  token_bytes bytes_{};
  C rule_;
};

template <Constraint C>
begin_after(std::vector<token>, C) -> begin_after<C, token>;
template <Constraint C>
begin_after(std::string_view, token_bytes, C) -> begin_after<C, char>;

}  // namespace hunch
