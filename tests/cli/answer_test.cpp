#include "answer.hpp"

#include "support/catch.hpp"

using hunch::token;
using hunch::cli::answer;

namespace {

/// All that may be shown now, with drafted stretches in brackets.
std::string shown(answer& a) {
  std::string out;
  for (auto p = a.next_piece(); !p.text.empty(); p = a.next_piece())
    out += p.drafted ? "[" + std::string{p.text} + "]" : std::string{p.text};
  return out;
}

}  // namespace

TEST_CASE("answer: text is shown once, drafted tokens apart from the others", "[cli]") {
  answer a;
  CHECK_FALSE(a.add(1, "one", false));
  CHECK_FALSE(a.add(2, " two", true));
  CHECK(shown(a) == "one[ two]");
  CHECK_FALSE(a.add(3, " three", false));
  CHECK(shown(a) == " three");
  CHECK(shown(a).empty());
  CHECK(a.text() == "one two three");
}

TEST_CASE("answer: a stop string over several tokens is in neither text nor tokens", "[cli]") {
  answer a{{"STOP"}};
  CHECK_FALSE(a.add(10, "go on ", false));
  CHECK_FALSE(a.add(11, "ST", false));
  CHECK(shown(a) == "go on ");
  CHECK(a.add(12, "OP!", true));
  CHECK(a.stopped());
  CHECK(a.text() == "go on ");
  CHECK(a.tokens() == std::vector<token>{10});
  CHECK(shown(a).empty());
}

TEST_CASE("answer: the token that begins a stop string is cut, its text before it stays", "[cli]") {
  answer a{{"\n\n"}};
  CHECK_FALSE(a.add(1, "a", false));
  CHECK(a.add(2, "b\n\nc", true));
  CHECK(a.text() == "ab");
  CHECK(a.tokens() == std::vector<token>{1});
  CHECK(shown(a) == "a[b]");
}

TEST_CASE("answer: what only looked like a stop string is shown after all", "[cli]") {
  answer a{{"abc", "xyz"}};
  CHECK_FALSE(a.add(1, "1ab", false));
  CHECK(shown(a) == "1");
  CHECK_FALSE(a.add(2, "d", false));
  CHECK(shown(a) == "abd");
  CHECK_FALSE(a.add(3, "xy", false));
  CHECK(shown(a).empty());
  a.finish("");
  CHECK(shown(a) == "xy");
  CHECK(a.tokens().size() == 3);
}

TEST_CASE("answer: the earliest of several stop strings ends the text", "[cli]") {
  answer a{{"later", "now"}};
  CHECK(a.add(1, "now and later", false));
  CHECK(a.text().empty());
  CHECK(a.tokens().empty());
}

TEST_CASE("answer: an unfinished character at the end is text, but not after a stop string", "[cli]") {
  answer a{{"!"}};
  CHECK_FALSE(a.add(1, "hm", false));
  a.finish("\xEF\xBF\xBD");
  CHECK(a.text() == "hm\xEF\xBF\xBD");
  answer b{{"!"}};
  CHECK(b.add(1, "hm!", false));
  b.finish("\xEF\xBF\xBD");
  CHECK(b.text() == "hm");
}
