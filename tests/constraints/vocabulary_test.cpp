// The prefix tree of a vocabulary: every token once, under its own bytes.
#include <hunch/constraints/regex.hpp>
#include <hunch/constraints/vocabulary.hpp>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace hunch;
using constraints::regex;
using constraints::vocabulary;

namespace {

vocabulary of(const std::vector<std::string>& pieces) {
  return {pieces.size(), [&](token t) { return std::string_view{pieces[static_cast<std::size_t>(t)]}; }};
}
std::vector<int> allowed(const regex& r, std::size_t vocab) {
  const auto mask = r.allowed(r.start());
  std::vector<int> out;
  for (std::size_t t = 0; t < vocab; ++t)
    if (((*mask)[t / 64] >> (t % 64) & 1) != 0) out.push_back(static_cast<int>(t));
  return out;
}

}  // namespace

TEST_CASE("vocabulary: bytes of each id, nothing outside", "[vocabulary]") {
  const vocabulary v = of({"ab", "", std::string("a\0b", 3), "\xFF"});
  CHECK(v.size() == 4);
  CHECK(v.bytes(0) == "ab");
  CHECK(v.bytes(1).empty());
  CHECK(v.bytes(2) == std::string("a\0b", 3));
  CHECK(v.bytes(3) == "\xFF");
  CHECK((v.bytes(4).empty() && v.bytes(-1).empty()));
}

TEST_CASE("vocabulary: equal tokens, prefixes of each other and bytes above 127 are all found", "[vocabulary]") {
  const std::vector<std::string> pieces{"b", "a", "abc", "ab", "a", "é", "", "ö", "bb", "abd"};
  CHECK(allowed(regex{"[abcdéö]*", of(pieces)}, 10) == std::vector<int>{0, 1, 2, 3, 4, 5, 7, 8, 9});
  CHECK(allowed(regex{"ab*", of(pieces)}, 10) == std::vector<int>{1, 3, 4});
  CHECK(allowed(regex{"b+", of(pieces)}, 10) == std::vector<int>{0, 8});
}

TEST_CASE("vocabulary: an empty one spells the empty text only", "[vocabulary]") {
  CHECK(regex{"a*", of({})}.may_end(regex{"a*", of({})}.start()));
  CHECK_THROWS_WITH((regex{"a", of({})}), Catch::Matchers::Contains("cannot be spelled"));
}
