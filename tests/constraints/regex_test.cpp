// Regular expressions: PCRE2's meaning, masks that never lead into a dead end, limits.
#include <hunch/constraints/regex.hpp>
#include <hunch/core.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "constraints/oracle.hpp"
#include "support/catch.hpp"

using namespace hunch;
using Catch::Matchers::Contains;
using constraints::regex;
using constraints::vocabulary;

namespace {

using strings = std::vector<std::string>;
using tokens = std::vector<token>;

static_assert(Constraint<regex> && Constraint<regex, double>);

vocabulary of(const strings& pieces) {
  return {pieces.size(), [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; }};
}
/// Every byte is a token.
vocabulary bytes() {
  strings all;
  for (int b = 0; b < 256; ++b) all.emplace_back(1, static_cast<char>(b));
  return of(all);
}
/// Ids that may come after some tokens.
std::vector<int> allowed(const regex& r, const tokens& text, std::size_t vocab) {
  auto s = r.start();
  for (const token t : text) r.advance(s, t);
  std::vector<float> row(vocab, 1.0f);
  r.restrict(s, std::span<float>{row});
  std::vector<int> out;
  for (std::size_t t = 0; t < vocab; ++t)
    if (row[t] == 1.0f) out.push_back(static_cast<int>(t));
  return out;
}
bool ends(const regex& r, const tokens& text) {
  auto s = r.start();
  for (const token t : text) r.advance(s, t);
  return r.may_end(s);
}

struct dice {
  std::uint32_t n = 0;
  std::uint32_t salt = 1;
  std::uint32_t operator()(std::uint32_t below) { return philox4x32({n++, salt, 0, 0}, 5)[0] % below; }
};
std::string random_atom(dice& d, int depth);
std::string random_pattern(dice& d, int depth) {
  std::string out;
  for (std::uint32_t n = d(4); n > 0; --n) {
    out += random_atom(d, depth);
    const char* quantifiers[] = {"", "", "", "", "?", "*", "+", "{2}", "{0,2}", "{1,}", "*?", "??", "+?", "{1,2}?"};
    out += quantifiers[d(14)];
  }
  if (d(4) == 0) out += "|" + random_pattern(d, depth);
  return out;
}
std::string random_atom(dice& d, int depth) {
  if (depth > 0 && d(3) == 0) return (d(2) == 0 ? "(" : "(?:") + random_pattern(d, depth - 1) + ")";
  const char* atoms[] = {"a",     "b",        "0",         "é",     "€",       "😀",    "-",
                         ".",     "\\.",      "[ab]",      "[^a]",  "[a-c]",   "[^é]", "[à-ÿ]",
                         "[€-😀]", "[^\\n-a]", "\\d",       "\\w",   "\\s",     "\\D",  "\\W",
                         "\\S",   "[\\d]",    "[^\\W]",    "\\x41", "\\x{e9}", "[]a]", "[^]]",
                         "[a-]",  "\\n",      "{",         "}",     "]",       "{x}",  "[\\x{7f}-\\x{7ff}]",
                         "\\/",   "[.]",      "[\\]\\\\]", "\\é",   "[{]"};
  return atoms[d(40)];
}
std::string random_text(dice& d) {
  const char* letters[] = {"a", "b",  "c", "0", "A", "é", "ÿ", "€", "😀",    "-",
                           ".", "\n", " ", "_", "{", "}", "]", "x", "\xC3", "\xA9"};
  std::string out;
  for (std::uint32_t n = d(5); n > 0; --n) out += letters[d(d(8) == 0 ? 20 : 18)];
  return out;
}

}  // namespace

TEST_CASE("regex: random patterns match the texts that PCRE2 says, byte for byte", "[regex]") {
  const vocabulary words = bytes();
  std::size_t patterns = 0;
  std::size_t matched = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    dice d{0, i};
    std::string pattern = random_pattern(d, 3);
    if (d(5) == 0) pattern = "^" + pattern;
    if (d(5) == 0) pattern += "$";
    const test::pcre2_pattern oracle{pattern};
    INFO("pattern: " << pattern);
    REQUIRE(oracle.valid());
    const regex r{pattern, words};
    ++patterns;
    for (int k = 0; k < 30; ++k) {
      const std::string text = random_text(d);
      INFO("text: " << text);
      const bool want = oracle.matches(text);
      REQUIRE(r.matches(text) == want);
      matched += want ? 1 : 0;
    }
  }
  CHECK((patterns == 4000 && matched > 5000));
}

TEST_CASE("regex: every character of a class, and no other, at the borders of UTF-8's lengths", "[regex]") {
  const vocabulary words = bytes();
  const auto utf8 = [](char32_t c) {
    std::string s;
    if (c < 0x80)
      s = {static_cast<char>(c)};
    else if (c < 0x800)
      s = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    else if (c < 0x10000)
      s = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
           static_cast<char>(0x80 | (c & 63))};
    else
      s = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
           static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    return s;
  };
  for (const std::string pattern :
       {"[\\x{7e}-\\x{81}]", "[\\x{7fe}-\\x{801}]", "[\\x{d7fe}-\\x{e001}]", "[\\x{fffe}-\\x{10001}]", ".",
        "[^\\x{80}-\\x{10ffff}]", "[\\x{3ff}-\\x{2001}\\x{20000}-\\x{30fff}]", "[^\\x{1000}-\\x{ffff}]"}) {
    INFO(pattern);
    const test::pcre2_pattern oracle{pattern};
    const regex r{pattern, words};
    bool same = true;
    for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 || (c > 0xD000 && c < 0x11000) ? 1 : 13)
      same = same && r.matches(utf8(c)) == oracle.matches(utf8(c));
    CHECK(same);
    CHECK_FALSE(r.matches("\xED\xA0\x80"));  // a surrogate
    CHECK_FALSE(r.matches("\xC0\x80"));      // too long a spelling
    CHECK_FALSE(r.matches("\xF4\x90\x80\x80"));
  }
}

TEST_CASE("regex: a token is allowed if, and only if, some matching text goes on with it", "[regex]") {
  // All texts over a small alphabet up to the length that the patterns reach, judged by PCRE2.
  const strings pieces{"", "a", "b", "c", "ab", "bc", "abc", "ca", "cab", "bb"};
  const vocabulary words = of(pieces);
  strings texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (texts[i].size() < 6)
      for (const char c : {'a', 'b', 'c'}) texts.push_back(texts[i] + c);
  std::size_t checked = 0;
  for (const char* pattern : {"(ab|ac)b?c?", "a{1,3}(bc)?", "(abc|cab|b)(a|b)?", "[ab]{2,4}c", "(a|ab)(c|bcb)?", ""}) {
    const test::pcre2_pattern oracle{pattern};
    const regex r{pattern, words};
    strings matching;
    for (const std::string& t : texts)
      if (oracle.matches(t)) matching.push_back(t);
    const auto goes_on = [&](const std::string& prefix) {
      return std::any_of(matching.begin(), matching.end(),
                         [&](const std::string& m) { return m.compare(0, prefix.size(), prefix) == 0; });
    };
    std::vector<tokens> open{{}};
    for (std::size_t i = 0; i < open.size(); ++i) {
      std::string text;
      for (const token t : open[i]) text += pieces[static_cast<std::size_t>(t)];
      std::vector<int> want;
      for (std::size_t t = 1; t < pieces.size(); ++t)
        if (goes_on(text + pieces[t])) want.push_back(static_cast<int>(t));
      INFO("pattern: " << pattern << ", after: " << text);
      REQUIRE(allowed(r, open[i], pieces.size()) == want);
      REQUIRE(ends(r, open[i]) == oracle.matches(text));
      ++checked;
      for (const int t : want) {
        open.push_back(open[i]);
        open.back().push_back(t);
      }
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("regex: tokens may cut characters in their middle", "[regex]") {
  const regex all{"x?é*", of({"\xC3", "\xA9", "\xA0", "é", "x\xC3", "x"})};
  CHECK(allowed(all, {}, 6) == std::vector<int>{0, 3, 4, 5});
  CHECK(allowed(all, {4}, 6) == std::vector<int>{1});
  CHECK(allowed(all, {4, 1}, 6) == std::vector<int>{0, 3});
  CHECK((ends(all, {4, 1}) && !ends(all, {4})));
}

TEST_CASE("regex: what the vocabulary cannot spell to its end is never begun", "[regex]") {
  const strings pieces{"a", "b", "x", "c", "cz"};  // no "y", so "c" after "a" leads nowhere
  const regex r{"a(bx|cy|cz)", of(pieces)};
  CHECK(allowed(r, {0}, 5) == std::vector<int>{1, 4});
  CHECK(allowed(r, {0, 4}, 5).empty());
  CHECK(ends(r, {0, 4}));
  CHECK_THROWS_WITH((regex{"y", of(pieces)}), Contains("cannot be spelled"));
  CHECK_THROWS_WITH((regex{"a{3}y*x[yw]", of(pieces)}), Contains("cannot be spelled"));
  // "z" is in a token, but not one of its own: it is not counted on.
  CHECK(allowed(regex{"a|cz", of(pieces)}, {}, 5) == std::vector<int>{0, 4});
  CHECK(allowed(regex{"a|c+z", of(pieces)}, {}, 5) == std::vector<int>{0, 4});
}

TEST_CASE("regex: tokens without bytes, unknown ids and padding are never allowed", "[regex]") {
  const regex r{"a*", of({"a", "", "b"})};
  CHECK(allowed(r, {}, 200) == std::vector<int>{0});  // a row longer than the vocabulary
  for (const token t : {1, 2, 7, -1}) {
    CHECK(allowed(r, {t}, 3).empty());
    CHECK_FALSE(ends(r, {t}));
  }
  CHECK(ends(r, {}));
}

TEST_CASE("regex: what is malformed or not supported is refused with its place", "[regex]") {
  const vocabulary words = bytes();
  const auto refused = [&](const std::string& pattern, const std::string& why) {
    INFO(pattern);
    CHECK_THROWS_WITH((regex{pattern, words}), Contains(why));
  };
  refused("a(b", "'(' without its ')' at byte 3");
  refused("a)b", "')' without its '('");
  refused("a[b", "'[' without its ']'");
  refused("*a", "quantifier without anything before it at byte 0");
  refused("a**", "quantifier after a quantifier");
  refused("a{3,2}", "m below n");
  refused("a{99999}", "above 10000");
  refused("a\\", "'\\' at the end");
  refused("\\x{110000}", "no character of Unicode");
  refused("\\x{d800}", "no character of Unicode");
  refused("\\xZ", "neither \\xHH nor");
  refused("[b-a]", "runs backwards");
  refused("[\\d-z]", "needs a character on both sides");
  refused("[^\\x{0}-\\x{10ffff}]", "without any character");
  refused("a\xFF", "not UTF-8 at byte 1");
  refused("\xED\xA0\x80", "not UTF-8");
  refused("(?=a)", "'(?'");
  refused("(?i)a", "'(?'");
  refused("(*ACCEPT)", "'(*'");
  refused("a++", "possessive");
  refused("\\bfoo", "'\\b'");
  refused("(a)\\1", "'\\1'");
  refused("\\p{L}", "'\\p' is not supported; supported:");
  refused("[[:alpha:]]", "POSIX");
  refused("a^b", "'^' inside");
  refused("(a$)b", "'$' inside");
}

TEST_CASE("regex: hostile patterns meet a limit", "[regex]") {
  const vocabulary words = bytes();
  CHECK_THROWS_WITH((regex{std::string(20000, 'a'), words}), Contains("pattern_bytes"));
  CHECK_THROWS_WITH((regex{"((a{1000}){1000}){1000}", words}), Contains("regex_limits::states"));
  CHECK_THROWS_WITH((regex{"(((a?){1000}){1000}){1000}", words}), Contains("regex_limits::states"));
  CHECK_THROWS_WITH((regex{std::string(300, '(') + "a" + std::string(300, ')'), words}), Contains("deeper than 200"));
  CHECK(regex{std::string(150, '(') + "a*" + std::string(150, ')'), words}.matches("aaa"));
  CHECK(regex{"(((((){1000}){1000}){1000}){1000}){1000}a", words}.matches("a"));  // nothing, many times
  CHECK(regex{"((a*)*)*b", words}.matches("aab"));
}

TEST_CASE("regex: a pattern that outgrows its memory allows nothing more and says so", "[regex]") {
  const strings pieces{"a", "b"};
  const regex r{"[ab]*a[ab]{18}", of(pieces), {.cache_bytes = 200000}};  // 2^19 deterministic states
  dice d;
  auto s = r.start();
  std::size_t said = 0;
  for (; said < 100000 && !allowed(r, {}, 2).empty() && !r.exhausted(); ++said) r.advance(s, static_cast<token>(d(2)));
  CHECK(r.exhausted());
  CHECK(said > 100);
  CHECK(allowed(r, {}, 2).empty());
  CHECK_FALSE(r.may_end(s));
  CHECK(r.states() < 4000);
}

TEST_CASE("regex: speculation says what plain decoding says, and it matches", "[regex][D11]") {
  strings pieces{""};
  for (const char* p :
       {"{", "}", "\"", "a", "b", "1", "2", ",", ":", "\"a", "\":", "{\"", "12", "ab", "1,", "é", "\xC3", "\xA9"})
    pieces.emplace_back(p);
  const auto n = pieces.size();
  testing::toy_backend target{n, testing::hashed_law<float>(8, 3.0)};
  testing::toy_backend draft{n, testing::hashed_law<float>(8, 2.0)};
  const std::string pattern = R"(\{("[abé]{1,4}":[12]{1,3},?){2,9}\})";
  const regex rule{pattern, of(pieces)};
  const test::pcre2_pattern oracle{pattern};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto warp = constrained(rule, {0}, 1) | temperature{0.9f};
    const auto decode = [&](auto drafter) {
      auto decoder = speculate(target, std::move(drafter), match(warp));
      auto text = testing::emitted_text(decoder, {5}, request{philox{seed}, 500, {0}});
      CHECK(decoder.status() == status::end_of_text);
      return text;
    };
    const tokens plain = decode(no_draft{});
    CHECK(decode(with_length(model_drafter(draft, warp), fixed_length{4})) == plain);
    CHECK(decode(with_length(prompt_lookup(2), fixed_length{6})) == plain);
    CHECK(decode(coupled_gumbel_top_k(draft, warp, {2, 2})) == plain);
    std::string text;
    for (const token t : plain) text += pieces[static_cast<std::size_t>(t)];
    INFO(text);
    CHECK(oracle.matches(text));
  }
}
