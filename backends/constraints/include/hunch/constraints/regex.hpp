// Texts that match a regular expression: a Constraint over the bytes of a vocabulary.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <hunch/constraints/vocabulary.hpp>
#include <hunch/core/types.hpp>

namespace hunch::constraints {

/// What a pattern may cost, whoever wrote it.
struct regex_limits {
  std::size_t pattern_bytes = 16384;       ///< longest pattern
  std::size_t states = 50000;              ///< of the automaton before it is made deterministic: a{1000} has 1000
  std::size_t cache_bytes = 32 * 1048576;  ///< memory of deterministic states, and as much again for token masks
};

/// The text as a whole matches the pattern, once it ends: no token is allowed from which it could not be completed.
///
///   const vocabulary words{tokenizer.vocab_size(), bytes_of};
///   auto rule = constrained(constraints::regex{R"(\d{4}-\d{2}-\d{2})", words}, end_of_text, prompt.size());
///   speculate(target, drafter, match(rule | temperature(0.8f)));
///
/// Syntax, in UTF-8, with the meaning that PCRE2 gives it: literals, `.` (all but a line feed), [...] with ranges and
/// negation, \d \w \s \D \W \S (ASCII), \n \r \t \f \xHH \x{H...}, escaped punctuation, groups, |, ? * + {n} {n,}
/// {n,m} and their lazy forms; ^ at the start and $ at the end say what holds anyway. What depends on more than the
/// bytes so far (look-around, back-references, \b, possessive quantifiers) is refused by name.
///
/// No dead ends: a token is allowed only if the text behind it can be completed by tokens of one byte; bytes that the
/// vocabulary has only inside of longer tokens are not counted on. The automaton works on bytes, so a token may end in
/// the middle of a character. Deterministic states and masks are made when a text first reaches them, then kept: a new
/// state costs one walk over the vocabulary's prefix tree (see docs/requests.md for what was measured), a known one a
/// look-up. Copies share all of it; const use from several threads is safe (one lock). A pattern whose deterministic
/// states outgrow the cache allows nothing from there on, so that the text ends with status::failed, and exhausted()
/// says why.
class regex {
 public:
  struct state {
    std::uint32_t id = 0;  ///< 0: no text that matches begins like this
    friend bool operator==(const state&, const state&) = default;
  };

  /// Throws hunch::error on a pattern that is malformed, not supported or over the limits, and on one that
  /// the vocabulary cannot spell.
  regex(std::string_view pattern, vocabulary words, regex_limits limits = {});

  [[nodiscard]] state start() const;
  void advance(state& s, token t) const;
  [[nodiscard]] bool may_end(const state& s) const;
  template <class P>
  void restrict(const state& s, std::span<P> row) const;

  /// One bit a token, [(vocab + 63) / 64]: the tokens that may come next.
  [[nodiscard]] std::shared_ptr<const std::vector<std::uint64_t>> allowed(const state& s) const;
  /// Whether a text matches, by the same automaton.
  [[nodiscard]] bool matches(std::string_view text) const;

  [[nodiscard]] bool exhausted() const;
  [[nodiscard]] std::size_t states() const;  ///< deterministic states made so far

 private:
  struct machine;
  std::shared_ptr<machine> machine_;
};

template <class P>
void regex::restrict(const state& s, std::span<P> row) const {
  const auto mask = allowed(s);
  for (std::size_t first = 0, word = 0; first < row.size(); first += 64, ++word) {
    const std::uint64_t bits = word < mask->size() ? (*mask)[word] : 0;
    if (bits == ~std::uint64_t{0}) continue;
    const std::span<P> some = row.subspan(first, std::min<std::size_t>(64, row.size() - first));
    if (bits == 0)
      std::fill(some.begin(), some.end(), -std::numeric_limits<P>::infinity());
    else
      for (std::size_t i = 0; i < some.size(); ++i)
        if ((bits >> i & 1) == 0) some[i] = -std::numeric_limits<P>::infinity();
  }
}

}  // namespace hunch::constraints
