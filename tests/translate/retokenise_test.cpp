// A text in another vocabulary: right by hand, and the same however the text came about.
#include <hunch/text/retokenise.hpp>

#include "support/catch.hpp"
#include "translate/vocabularies.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using tokens = std::vector<token>;

// Bytes of "é" (C3 A9) and "€" (E2 82 AC) come in two tokens each.
const toy_vocabulary pieces{
    {"a", "b", "c", " ", "\n", "ab", "\xC3", "\xA9", "\xE2\x82", "\xAC", "<s>", "<only here>", " b", "\n\n", "", "x "}};
const toy_vocabulary others{{"<s>", "a", "b", "c", " ", "\n", "bc", "ca", "\xC3\xA9", "\xE2\x82\xAC", "  ", "\n\n", "x",
                             "aa", " a", "a\n", "cc ", "a\xE2\x82\xAC", "a "}};

tokens retokenised(const tokens& text) {
  retokeniser of{pieces, others};
  of.follow(text, 0);
  return {of.tokens().begin(), of.tokens().end()};
}

/// Pseudo-random numbers for edits.
class dice {
 public:
  std::size_t operator()(std::size_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state_ >> 33) % below;
  }

 private:
  std::uint64_t state_ = 7;
};

}  // namespace

TEST_CASE("retokenise: text becomes the other vocabulary's tokens, marks keep their names", "[translate]") {
  CHECK(retokenised({10, 0, 1, 2}) == tokens{0, 1, 6});   // <s> a bc
  CHECK(retokenised({5, 10, 2}) == tokens{1, 2, 0, 3});   // ab <s> c: no merge across a mark
  CHECK(retokenised({1, 11, 2}) == tokens{6});            // a mark that is unknown there leaves no trace
  CHECK(retokenised({0, 14, 0}) == tokens{13});           // nor does padding
  CHECK(retokenised({2, 3, 0}) == tokens{3, 14});         // "c" and " a": cut before the space
  CHECK(retokenised({2, 2, 3, 3, 0}) == tokens{16, 14});  // "cc  a" has no cut: the first space is not alone
}

TEST_CASE("retokenise: bytes of an unfinished character are held back until it is whole", "[translate]") {
  retokeniser of{pieces, others};
  of.follow(tokens{0, 8}, 0);
  CHECK(std::string{of.held_back()} == "\xE2\x82");
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{1});
  of.follow(tokens{0, 8, 9}, 0);
  CHECK(of.held_back().empty());
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{17});  // "a" and the character are one token
  of.follow(tokens{0, 3, 8, 9}, 0);
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{1, 4, 9});  // cut before the space
  of.follow(tokens{0, 3, 8}, 0);
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{18});  // no cut where nothing whole follows
}

TEST_CASE("retokenise: a first token begins every text", "[translate]") {
  retokeniser of{pieces, others, 0};
  of.follow(tokens{0}, 0);
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{0, 1});
  of.follow(tokens{2}, 0);
  CHECK(tokens(of.tokens().begin(), of.tokens().end()) == tokens{0, 3});
}

TEST_CASE("retokenise: after random edits the tokens are those of a fresh start", "[translate]") {
  retokeniser used{pieces, others};
  dice below;
  tokens text;
  for (std::uint64_t run = 1, i = 0; i < 4000; ++i) {
    if (below(3) == 0) {
      text.resize(text.size() - below(1 + std::min<std::size_t>(text.size(), below(8) == 0 ? 3000 : 6)));
      ++run;
    }
    const std::size_t most = below(400) == 0 ? 3000 : 6;
    const bool monotonous = below(2) == 0;  // makes segments that are cut by their length
    const auto t = static_cast<token>(below(pieces.size()));
    for (std::size_t n = below(most); n > 0; --n)
      text.push_back(monotonous ? t : static_cast<token>(below(pieces.size())));
    used.follow(text, below(2) == 0 ? run : 0);
    const tokens got{used.tokens().begin(), used.tokens().end()};
    REQUIRE(got == retokenised(text));
  }
}

TEST_CASE("retokenise: a run ends where tokens were replaced, and only there", "[translate]") {
  retokeniser of{pieces, others};
  of.follow(tokens{0, 1}, 1);  // a b
  const auto run = of.run();
  of.follow(tokens{0, 1, 3}, 1);  // a b and a space
  CHECK(of.run() == run);
  of.follow(tokens{0, 1, 3, 1}, 1);
  CHECK(of.run() == run);
  of.follow(tokens{0, 1}, 2);  // the end is gone
  CHECK(of.run() != run);
  const auto later = of.run();
  of.follow(tokens{0, 1, 2}, 2);  // "b" and "c" became "bc"
  CHECK(of.run() != later);
}
