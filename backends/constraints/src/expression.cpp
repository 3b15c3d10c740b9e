#include "expression.hpp"

#include <algorithm>
#include <hunch/core/error.hpp>
#include <optional>
#include <string>
#include <utility>

namespace hunch::constraints::detail {
namespace {

constexpr char32_t last_code = 0x10FFFF;
constexpr unsigned most_repeats = 10000;
constexpr int deepest_group = 200;

using ranges = std::vector<code_range>;

/// Ascending and disjoint; surrogates, which no UTF-8 text holds, are left out.
ranges normal(const ranges& r) {
  ranges whole;
  for (const code_range& x : r) {
    if (x.first < 0xD800) whole.push_back({x.first, std::min<char32_t>(x.last, 0xD7FF)});
    if (x.last > 0xDFFF) whole.push_back({std::max<char32_t>(x.first, 0xE000), x.last});
  }
  std::sort(whole.begin(), whole.end(), [](auto a, auto b) { return a.first < b.first; });
  ranges out;
  for (const code_range& x : whole) {
    if (!out.empty() && x.first <= out.back().last + 1)
      out.back().last = std::max(out.back().last, x.last);
    else
      out.push_back(x);
  }
  return out;
}
ranges complement(const ranges& normal_set) {
  ranges out;
  char32_t from = 0;
  for (const code_range& x : normal_set) {
    if (x.first > from) out.push_back({from, x.first - 1});
    from = x.last + 1;
  }
  if (from <= last_code) out.push_back({from, last_code});
  return normal(out);
}

expression of_set(ranges set) { return {expression::kind::set, std::move(set), {}, 1, 1}; }

class parser {
 public:
  explicit parser(std::string_view pattern) : pattern_{pattern} {}

  expression whole() {
    if (!pattern_.empty() && pattern_.front() == '^') ++at_;
    expression out = choice(0);
    if (at_ < pattern_.size()) fail("a ')' without its '('");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw error("regex: " + what + " at byte " + std::to_string(at_) + " of the pattern '" +
                std::string(pattern_.substr(0, 80)) + (pattern_.size() > 80 ? "…'" : "'"));
  }
  [[noreturn]] void unsupported(const std::string& what) const {
    fail(what +
         " is not supported; supported: literals, ., [...], \\d \\w \\s and their capitals, escapes, (...), |, " +
         "?, *, +, {n}, {n,}, {n,m}, ^ at the start and $ at the end");
  }
  [[nodiscard]] bool ends() const { return at_ >= pattern_.size(); }
  [[nodiscard]] bool next_is(std::string_view s) const { return pattern_.substr(at_, s.size()) == s; }
  bool take(std::string_view s) {
    if (!next_is(s)) return false;
    at_ += s.size();
    return true;
  }

  expression choice(int depth) {
    if (depth > deepest_group) fail("groups are nested deeper than " + std::to_string(deepest_group));
    expression first = sequence(depth);
    if (!next_is("|")) return first;
    expression out{expression::kind::choice, {}, {}, 1, 1};
    out.parts.push_back(std::move(first));
    while (take("|")) out.parts.push_back(sequence(depth));
    return out;
  }
  expression sequence(int depth) {
    expression out{expression::kind::sequence, {}, {}, 1, 1};
    while (!ends() && !next_is("|") && !next_is(")")) {
      if (depth == 0 && pattern_[at_] == '$' && at_ + 1 == pattern_.size()) {
        ++at_;
        break;
      }
      expression part = repeated(atom(depth));
      if (part.what != expression::kind::nothing) out.parts.push_back(std::move(part));
    }
    if (out.parts.empty()) return {};
    if (out.parts.size() == 1) return expression{std::move(out.parts.front())};
    return out;
  }

  expression repeated(expression part) {
    const auto [least, most] = quantifier();
    if (least == 1 && most == 1) return part;
    if (take("+")) unsupported("a possessive quantifier");
    (void)take("?");  // lazy or greedy: the same texts match
    const std::size_t before = at_;
    if (quantifier() != std::pair{1u, 1u} || at_ != before) fail("a quantifier after a quantifier");
    if (most == 0 || part.what == expression::kind::nothing) return {};
    expression out{expression::kind::repeat, {}, {}, least, most};
    out.parts.push_back(std::move(part));
    return out;
  }
  /// {1, 1} if there is none.
  std::pair<unsigned, unsigned> quantifier() {
    if (take("*")) return {0, expression::unbounded};
    if (take("+")) return {1, expression::unbounded};
    if (take("?")) return {0, 1};
    if (!next_is("{")) return {1, 1};
    const std::size_t begin = at_++;
    const auto least = number();
    std::optional<unsigned> most = least;
    if (least && take(",")) {
      most = number();
      if (!most) most = expression::unbounded;
    }
    if (!least || !take("}")) {  // as in Perl: a brace that begins no quantifier is a character
      at_ = begin;
      return {1, 1};
    }
    if (*least > most_repeats || (*most != expression::unbounded && *most > most_repeats))
      fail("a repeat count above " + std::to_string(most_repeats));
    if (*most < *least) fail("a repeat {n,m} with m below n");
    return {*least, *most};
  }
  std::optional<unsigned> number() {
    if (ends() || pattern_[at_] < '0' || pattern_[at_] > '9') return std::nullopt;
    unsigned n = 0;
    for (; !ends() && pattern_[at_] >= '0' && pattern_[at_] <= '9'; ++at_)
      n = std::min(n * 10 + static_cast<unsigned>(pattern_[at_] - '0'), 100 * most_repeats);
    return n;
  }

  expression atom(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) return of_set(bracket());
    if (take(".")) return of_set(complement({{'\n', '\n'}}));
    if (next_is("\\")) return of_set(escape(false));
    if (next_is("^")) unsupported("'^' inside of a pattern (a text is matched whole; write \\^ for the character)");
    if (next_is("$")) unsupported("'$' inside of a pattern (a text is matched whole; write \\$ for the character)");
    if (next_is("*") || next_is("+") || next_is("?")) fail("a quantifier without anything before it");
    const std::size_t begin = at_;
    if (next_is("{") && quantifier() != std::pair{1u, 1u}) fail("a quantifier without anything before it");
    if (at_ != begin) fail("a quantifier without anything before it");
    const char32_t c = character();
    return of_set({{c, c}});
  }
  expression group(int depth) {
    if (next_is("?") && !take("?:")) unsupported("a group that begins with '(?' and is not '(?:'");
    if (next_is("*")) unsupported("a verb '(*'");
    expression out = choice(depth + 1);
    if (!take(")")) fail("a '(' without its ')'");
    return out;
  }

  ranges bracket() {
    const bool negated = take("^");
    ranges set;
    bool first = true;
    while (first || !next_is("]")) {
      if (ends()) fail("a '[' without its ']'");
      if (next_is("[:") || next_is("[.") || next_is("[=")) unsupported("a POSIX class inside [...]");
      first = false;
      const ranges from = next_is("\\") ? escape(true) : single(character());
      if (!next_is("-") || next_is("-]")) {
        set.insert(set.end(), from.begin(), from.end());
        continue;
      }
      ++at_;
      if (ends()) fail("a '[' without its ']'");
      if (next_is("[:") || next_is("[.") || next_is("[=")) unsupported("a POSIX class inside [...]");
      const ranges to = next_is("\\") ? escape(true) : single(character());
      if (!one(from) || !one(to)) fail("a range in [...] needs a character on both sides; write \\- for a hyphen");
      if (to[0].first < from[0].first) fail("a range in [...] that runs backwards");
      set.push_back({from[0].first, to[0].first});
    }
    ++at_;
    set = normal(set);
    if (negated) set = complement(set);
    if (set.empty()) fail("a class [...] without any character before here");
    return set;
  }
  static ranges single(char32_t c) { return {{c, c}}; }
  static bool one(const ranges& r) { return r.size() == 1 && r[0].first == r[0].last; }

  ranges escape(bool in_class) {
    ++at_;
    if (ends()) fail("a '\\' at the end");
    static const ranges digits{{'0', '9'}};
    static const ranges words{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const ranges spaces{{'\t', '\r'}, {' ', ' '}};
    const char c = pattern_[at_];
    const auto done = [&](ranges r) {
      ++at_;
      return r;
    };
    switch (c) {
      case 'd':
        return done(digits);
      case 'w':
        return done(words);
      case 's':
        return done(spaces);
      case 'D':
        return done(complement(digits));
      case 'W':
        return done(complement(words));
      case 'S':
        return done(complement(spaces));
      case 'n':
        return done(single('\n'));
      case 'r':
        return done(single('\r'));
      case 't':
        return done(single('\t'));
      case 'f':
        return done(single('\f'));
      case 'x':
        return single(hexadecimal());
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) unsupported(std::string("'\\") + c + "'" + (in_class ? " in [...]" : ""));
    if (byte >= 0x80) return single(character());
    return done(single(byte));
  }
  /// After "\": x41 or x{1F600}.
  char32_t hexadecimal() {
    ++at_;
    const bool braces = take("{");
    char32_t value = 0;
    std::size_t count = 0;
    for (; !ends() && count < (braces ? 8u : 2u); ++at_, ++count) {
      const char c = pattern_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (count == 0 || (!braces && count != 2) || (braces && !take("}")))
      fail("an escape that is neither \\xHH nor \\x{H...}");
    if (value > last_code || (value >= 0xD800 && value <= 0xDFFF)) fail("an escape that is no character of Unicode");
    return value;
  }
  /// One character of the pattern.
  char32_t character() {
    const auto byte = [&](std::size_t i) {
      return at_ + i < pattern_.size() ? static_cast<unsigned char>(pattern_[at_ + i]) : 0u;
    };
    const unsigned lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0) fail("a byte that is not UTF-8");
    char32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) fail("a byte that is not UTF-8");
      c = c << 6 | (byte(i) & 0x3F);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > last_code || (c >= 0xD800 && c <= 0xDFFF)) fail("a byte that is not UTF-8");
    at_ += length;
    return c;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
};

}  // namespace

expression parse(std::string_view pattern) { return parser{pattern}.whole(); }

}  // namespace hunch::constraints::detail
