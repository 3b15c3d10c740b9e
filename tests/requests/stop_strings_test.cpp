// Stop strings: found wherever they lie, in neither tokens nor text; what may be shown; how a text ends.
#include <functional>
#include <string>

#include <hunch/core.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>
#include <hunch/text/stop_strings.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

using tokens = std::vector<token>;
using strings = std::vector<std::string>;

/// What came of a list of pieces, token i being piece i, when `per_step` tokens come at a time.
struct ended {
  std::size_t kept;
  std::string text;
  std::string shown;  // taken step by step, and the rest at the end
  bool stopped;
  friend bool operator==(const ended&, const ended&) = default;
};
ended follow(const strings& pieces, const strings& stops, std::size_t per_step, std::size_t prompt = 1) {
  stop_strings rule(stops, [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; });
  tokens text(prompt, 0);
  std::string shown;
  for (std::size_t i = 0; i < pieces.size();) {
    std::size_t fresh = 0;
    for (; fresh < per_step && i < pieces.size(); ++fresh) text.push_back(static_cast<token>(i++));
    const std::size_t kept = rule(text, fresh);
    shown += rule.take();
    if (kept == text.size()) continue;
    text.resize(kept);
    break;
  }
  rule.finish();
  shown += rule.take();
  return {text.size() - prompt, std::string{rule.text()}, shown, rule.stopped()};
}
/// The same for every number of tokens a step.
ended follow_all(const strings& pieces, const strings& stops) {
  const ended one = follow(pieces, stops, 1);
  for (std::size_t n = 2; n <= pieces.size() + 1; ++n) CHECK(follow(pieces, stops, n) == one);
  CHECK(one.shown == one.text);
  return one;
}

}  // namespace

TEST_CASE("D5: a stop string in one token, across tokens, across steps", "[stop][D5]") {
  CHECK(follow_all({"ab", "STOP", "cd"}, {"STOP"}) == ended{1, "ab", "ab", true});
  CHECK(follow_all({"ab", "ST", "OP", "cd"}, {"STOP"}) == ended{1, "ab", "ab", true});
  CHECK(follow_all({"a", "b", "S", "T", "O", "P", "c"}, {"STOP"}) == ended{2, "ab", "ab", true});
  CHECK(follow_all({"ab", "S", "TO", "nO"}, {"STOP"}) == ended{4, "abSTOnO", "abSTOnO", false});
}

TEST_CASE("stop strings: the token in which the string begins is cut, its bytes before it are text", "[stop]") {
  CHECK(follow_all({"ab", "cdST", "OPef"}, {"STOP"}) == ended{1, "abcd", "abcd", true});
  CHECK(follow_all({"abSTOPef", "x"}, {"STOP"}) == ended{0, "ab", "ab", true});
}

TEST_CASE("stop strings: the one that is complete first ends the text, the longest of those", "[stop]") {
  CHECK(follow_all({"x", "abcd", "e"}, {"bcd", "bc"}) == ended{1, "xa", "xa", true});  // "bc" ends first
  CHECK(follow_all({"x", "abcd", "e"}, {"cd", "abcd"}) == ended{1, "x", "x", true});   // same end: the longest
  CHECK(follow_all({"x", "abcd", "e"}, {"abcd", "cd"}) == ended{1, "x", "x", true});
  CHECK(follow_all({"x", "abc", "de"}, {"abcde", "cd"}) == ended{1, "xab", "xab", true});  // inside a longer one
}

TEST_CASE("stop strings: a false beginning inside of a true one is found", "[stop]") {
  CHECK(follow_all({"aa", "ab", "x"}, {"aab"}) == ended{0, "a", "a", true});
  CHECK(follow_all({"ab", "abab", "c"}, {"ababc"}) == ended{1, "ab", "ab", true});
}

TEST_CASE("D5: UTF-8 characters split over tokens, and stop strings of such bytes", "[stop][D5]") {
  // "é" = C3 A9 split; the stop string "é!" begins in the middle of the tokens.
  CHECK(follow_all({"caf\xC3", "\xA9", "!", "x"}, {"é!"}) == ended{0, "caf", "caf", true});
  CHECK(follow_all({"caf", "\xC3", "\xA9", "?"}, {"é!"}) == ended{4, "café?", "café?", false});
  CHECK(follow_all({"\xF0\x9F", "\x98\x80", "."}, {"."}) == ended{2, "😀", "😀", true});
}

TEST_CASE("stop strings: shown is what no later token takes back and no half of a character", "[stop]") {
  const strings pieces{"ab", "S", "T", "x", "\xC3", "\xA9", "S", "\xE2\x82", "\xAC"};
  stop_strings rule({"STOP"}, [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; });
  tokens text{0};
  strings shown;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    text.push_back(static_cast<token>(i));
    CHECK(rule(text, 1) == text.size());
    shown.emplace_back(rule.take());
  }
  CHECK(shown == strings{"ab", "", "", "STx", "", "é", "", "S", "€"});
  text.push_back(4);
  (void)rule(text, 1);
  CHECK(rule.take().empty());
  rule.finish();
  CHECK(rule.take() == "\xC3");  // the text has ended: what there is
}

TEST_CASE("stop strings: a string of continuation bytes holds back the character that they belong to", "[stop]") {
  const strings pieces{"\xC3\xA9", "x"};
  stop_strings rule({"\xA9!"}, [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; });
  CHECK(rule(tokens{0, 0}, 1) == 2);
  CHECK(rule.take().empty());
  CHECK(rule(tokens{0, 0, 1}, 1) == 3);
  CHECK(rule.take() == "\xC3\xA9x");
}

TEST_CASE("stop strings: the prompt is not searched, and a new text begins anew", "[stop]") {
  const strings pieces{"STOP", "ST", "OP", "a"};
  stop_strings rule({"STOP"}, [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; });
  CHECK(rule(tokens{0, 1, 2}, 1) == 3);  // "OP" behind a prompt that ends in "ST"
  CHECK(rule.text() == "OP");
  CHECK(rule(tokens{0, 3}, 1) == 2);  // fewer older tokens than it left: another text
  CHECK(rule.text() == "a");
  CHECK(rule(tokens{0, 3, 1, 2}, 2) == 2);
  CHECK(rule.stopped());
  CHECK(rule(tokens{0, 3, 3}, 1) == 3);  // it had stopped: another text
  CHECK(rule.text() == "a");
  rule.restart();
  CHECK(rule.text().empty());
}

TEST_CASE("stop strings: empty ones are refused; none at all never stops", "[stop]") {
  CHECK_THROWS_WITH(stop_strings({"a", ""}, {}), Catch::Matchers::Contains("empty"));
  CHECK(follow_all({"a", "b"}, {}) == ended{2, "ab", "ab", false});
}

namespace {

/// Tokens that are bytes of text: 0 ends a text, 1… are the pieces.
struct toy_text {
  strings pieces{"", "a", "b", "c", " ", "ab", "bc", "c a"};
  testing::toy_backend target{8, testing::hashed_law<float>(3, 2.0)};
  testing::toy_backend draft{8, testing::hashed_law<float>(3, 1.5)};
  temperature warp{0.9f};

  [[nodiscard]] token_bytes bytes() const {
    return [this](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; };
  }
  struct result {
    tokens emitted;
    std::string text;
    std::string shown;
    status finish;
    friend bool operator==(const result&, const result&) = default;
  };
  template <class D>
  result decode(D drafter, const strings& stops, std::uint64_t seed, std::size_t max_tokens, stats* s = nullptr) {
    auto decoder = speculate(target, std::move(drafter), match(warp), stats{});
    stop_strings rule(stops, bytes());
    request wish{philox{seed}, max_tokens, {0}};
    wish.stop = std::ref(rule);
    decoder.start(tokens{1, 4}, wish);
    std::string shown;
    while (decoder.status() == status::running) {
      decoder.step();
      shown += rule.take();
    }
    rule.finish();
    shown += rule.take();
    if (s != nullptr) *s = decoder.observer();
    return {{decoder.text().begin() + 2, decoder.text().end()}, std::string{rule.text()}, shown, decoder.status()};
  }
};

/// Where plain decoding with the rules applied by hand to its tokens ends.
toy_text::result by_hand(const tokens& endless, const toy_text& t, const strings& stops, std::size_t max_tokens) {
  toy_text::result out{{}, "", "", status::running};
  std::vector<std::size_t> ends;
  for (const token x : endless) {
    out.emitted.push_back(x);
    std::size_t end = std::string::npos;
    std::size_t begin = 0;
    const std::string all = out.text + t.pieces[static_cast<std::size_t>(x)];
    for (std::size_t e = 1; e <= all.size() && end == std::string::npos; ++e)
      for (const std::string& s : stops)
        if (e >= s.size() && all.compare(e - s.size(), s.size(), s) == 0 && (end != e || e - s.size() < begin)) {
          end = e;
          begin = e - s.size();
        }
    ends.push_back(all.size());
    out.text = all;
    if (end != std::string::npos) {
      out.text = all.substr(0, begin);
      while (!ends.empty() && ends.back() > begin) {
        ends.pop_back();
        out.emitted.pop_back();
      }
      out.finish = status::stopped;
    } else if (x == 0) {
      out.finish = status::end_of_text;
    } else if (out.emitted.size() == max_tokens) {
      out.finish = status::length;
    }
    if (out.finish != status::running) break;
  }
  out.shown = out.text;
  return out;
}

}  // namespace

TEST_CASE("D1, D2, D4, D5: every length of draft ends a text where plain decoding by hand ends it", "[stop][D2]") {
  toy_text t;
  std::size_t stopped = 0;
  std::size_t ended = 0;
  std::size_t full = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    // A text without any rule, by a decoder that knows none.
    auto free = speculate(t.target, no_draft{}, match(t.warp));
    const tokens endless = testing::emitted_text(free, {1, 4}, request{philox{seed}, 40, {}});
    for (const strings& stops : {strings{"aba"}, {"bc a", "ca"}, {"c", "abc"}, {"b a b"}}) {
      const std::size_t most = 3 + seed % 20;
      const auto want = by_hand(endless, t, stops, most);
      stopped += want.finish == status::stopped ? 1 : 0;
      ended += want.finish == status::end_of_text ? 1 : 0;
      full += want.finish == status::length ? 1 : 0;
      CHECK(t.decode(no_draft{}, stops, seed, most) == want);
      for (const std::uint32_t k : {1u, 3u, 7u}) {
        stats s;
        CHECK(t.decode(with_length(coupled_model_drafter(t.draft, t.warp), fixed_length{k}), stops, seed, most, &s) ==
              want);
        CHECK(s.emitted == want.emitted.size());
        CHECK(s.emitted + s.truncated == s.accepted + s.steps);
      }
    }
  }
  CHECK((stopped > 20 && ended > 20 && full > 20));  // every kind of end came up
}

TEST_CASE("D2: a stop beyond the maximum is length, one before it is a stop", "[stop][D2]") {
  testing::toy_backend target{30, [](std::span<const token> context, std::span<float> row) {
                                std::fill(row.begin(), row.end(), 0.0f);
                                const token script[] = {10, 11, 12, 20, 21, 22};
                                row[static_cast<std::size_t>(script[std::min<std::size_t>(context.size() - 1, 5)])] = 1;
                              }};
  const strings piece{"t", "STOP"};
  for (const auto& [where, most, want, kept] :
       {std::tuple<token, std::size_t, status, std::size_t>{12, 5, status::stopped, 2},
        {22, 5, status::length, 5},
        {21, 5, status::stopped, 4}}) {
    const token stop_at = where;
    stop_strings rule({"STOP"}, [&](token t) { return std::string_view{piece[t == stop_at ? 1 : 0]}; });
    auto decoder = speculate(target, with_length(prompt_lookup(1), fixed_length{4}), match(greedy{}));
    request wish{philox{}, most, {}};
    wish.stop = std::ref(rule);
    CHECK(testing::emitted_text(decoder, {0}, wish).size() == kept);
    CHECK(decoder.status() == want);
  }
}
