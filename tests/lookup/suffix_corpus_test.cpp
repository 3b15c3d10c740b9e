#include "lookup/references.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using Catch::Matchers::Contains;
using bytes = std::vector<std::byte>;

namespace {

const tokens documents{1, 2, 3, 4, 5, no_token, 2, 3, 9, 70000, 2, 3, no_token, 8, 1, 2, 3};

tokens drafts(const bytes& file, const tokens& text, std::uint32_t count, suffix_options o = {.min_match = 1},
              std::size_t vocab = 100000) {
  auto drafter = with_length(suffix_automaton(suffix_corpus{file}, o), fixed_length{count});
  return drafts_of(drafter, text, count, 0, vocab);
}

std::uint32_t word(const bytes& file, std::size_t at) {
  std::uint32_t x = 0;
  for (std::size_t i = 0; i < 4; ++i) x |= std::to_integer<std::uint32_t>(file[at + i]) << (8 * i);
  return x;
}
void put(bytes& file, std::size_t at, std::uint32_t x) {
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::byte>(x >> (8 * i));
}
/// Makes the checksum agree again, as somebody who means harm would.
void sign(bytes& file) {
  std::uint64_t sum = 0xCBF29CE484222325ull;
  for (std::size_t i = 32; i < file.size(); i += 4) sum = (sum ^ word(file, i)) * 0x00000100000001B3ull;
  put(file, 24, static_cast<std::uint32_t>(sum));
  put(file, 28, static_cast<std::uint32_t>(sum >> 32));
}
/// Where parts of a file lie.
struct layout {
  explicit layout(const bytes& file)
      : text{32}, states{text + 4 * word(file, 12)}, edges{states + 16 * (word(file, 16) + 1)} {}
  std::size_t text;
  std::size_t states;
  std::size_t edges;
};
std::string refusal(const bytes& file) {
  try {
    const suffix_corpus corpus{file};
    return "";
  } catch (const error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("suffix_corpus: a text is continued as the corpus did after the longest match", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  CHECK(drafts(file, {6, 2, 3}, 2) == tokens{4, 5});  // first place of 2 3
  CHECK(drafts(file, {6, 8, 1, 2}, 1) == tokens{3});  // 8 1 2, in the third document
  CHECK(drafts(file, {9, 70000}, 2) == tokens{2, 3});
  CHECK(drafts(file, {6, 7}, 2) == tokens{});
}

TEST_CASE("suffix_corpus: no match and no draft goes past the end of a document", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  CHECK(drafts(file, {4, 5}, 3) == tokens{});
  CHECK(drafts(file, {3, 4}, 3) == tokens{5});
  CHECK(drafts(file, {5, 2}, 1, {.min_match = 2}) == tokens{});  // 5 ends one document, 2 begins the next
}

TEST_CASE("suffix_corpus: the longer of the text's and the corpus' match decides, equal ones the text's", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  CHECK(drafts(file, {3, 6, 6, 2, 3}, 1) == tokens{4});        // corpus: 2 3; text: 3
  CHECK(drafts(file, {2, 3, 6, 2, 3}, 1) == tokens{6});        // both: 2 3
  CHECK(drafts(file, {7, 2, 3, 6, 7, 2, 3}, 1) == tokens{6});  // text: 7 2 3
  CHECK(drafts(file, {2, 3, 6, 1, 2, 3}, 1) == tokens{4});     // corpus: 1 2 3
}

TEST_CASE("suffix_corpus: tokens outside of the vocabulary are not proposed", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  CHECK(drafts(file, {2, 3, 9}, 2, {.min_match = 3}, 80000) == tokens{70000, 2});
  CHECK(drafts(file, {2, 3, 9}, 2, {.min_match = 3}, 70000) == tokens{});
}

TEST_CASE("suffix_corpus: matches what a search of the corpus finds", "[suffix]") {
  dice roll;
  tokens corpus;
  for (int i = 0; i < 400; ++i) corpus.push_back(static_cast<token>(roll(4)));
  const bytes file = build_suffix_corpus(corpus);
  const suffix_corpus view{file};
  suffix_corpus::match at;
  tokens text;
  std::size_t wrong = 0;
  for (int i = 0; i < 300; ++i) {
    text.push_back(static_cast<token>(roll(5)));  // 4 is not in the corpus
    view.advance(at, text.back());
    std::size_t n = text.size();
    const auto first = [&] {
      return std::search(corpus.begin(), corpus.end(), text.end() - static_cast<std::ptrdiff_t>(n), text.end());
    };
    while (n > 0 && first() == corpus.end()) --n;
    wrong += at.length == n ? 0u : 1u;
    if (n == 0) continue;
    const auto next = first() + static_cast<std::ptrdiff_t>(n);
    wrong += view.following(at, 0) == (next == corpus.end() ? no_token : *next) ? 0u : 1u;
  }
  CHECK(wrong == 0);
}

TEST_CASE("suffix_corpus: a replaced text is matched anew", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  auto drafter = with_length(suffix_automaton(suffix_corpus{file}, {.min_match = 1}), fixed_length{1});
  CHECK(drafts_of(drafter, {6, 1, 2, 3}, 1) == tokens{4});
  CHECK(drafts_of(drafter, {6, 8}, 1) == tokens{1});
  CHECK(drafts_of(drafter, {7}, 1) == tokens{});
}

TEST_CASE("suffix_corpus: a text that lost its end is matched where it stood", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  auto drafter = with_length(suffix_automaton(suffix_corpus{file}, {.min_match = 1}), fixed_length{1});
  CHECK(drafts_of(drafter, {8, 1, 2, 6, 7}, 1) == tokens{});
  CHECK(drafts_of(drafter, {8, 1, 2}, 1) == tokens{3});
  CHECK(drafts_of(drafter, {8, 1, 2, 3, 4}, 1) == tokens{5});
}

TEST_CASE("suffix_corpus: a corpus of nothing matches nothing", "[suffix]") {
  const bytes file = build_suffix_corpus({});
  CHECK(suffix_corpus{file}.size() == 0);
  CHECK(drafts(file, {1, 2}, 2) == tokens{});
}

TEST_CASE("suffix_corpus: reads at any alignment", "[suffix]") {
  const bytes file = build_suffix_corpus(documents);
  for (std::size_t shift = 1; shift < 4; ++shift) {
    bytes moved(shift);
    moved.insert(moved.end(), file.begin(), file.end());
    const suffix_corpus view{std::span<const std::byte>{moved}.subspan(shift)};
    suffix_corpus::match at;
    for (const token t : {8, 1}) view.advance(at, t);
    CHECK(view.following(at, 0) == 2);
  }
}

TEST_CASE("suffix_corpus: words of the file are little-endian", "[suffix]") {
  const bytes file = build_suffix_corpus(tokens{0x01020304});
  const auto byte = [&](std::size_t i) { return std::to_integer<int>(file[i]); };
  CHECK((byte(8) == 1 && byte(9) == 0));    // version
  CHECK((byte(12) == 1 && byte(13) == 0));  // tokens
  CHECK((byte(32) == 4 && byte(33) == 3 && byte(34) == 2 && byte(35) == 1));
}

TEST_CASE("suffix_corpus: a file that was cut anywhere is refused", "[suffix][damage]") {
  const bytes file = build_suffix_corpus(documents);
  for (std::size_t n = 0; n < file.size(); ++n)
    CHECK_THROWS_WITH(suffix_corpus(std::span{file}.first(n)),
                      n < 32 ? Contains("ends inside its header, after " + std::to_string(n) + " of 32 bytes")
                             : Contains("announces " + std::to_string(file.size()) + " bytes"));
}

TEST_CASE("suffix_corpus: a file with any byte changed is refused", "[suffix][damage]") {
  const bytes file = build_suffix_corpus(documents);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < file.size(); ++i)
    for (const unsigned flip : {1u, 128u}) {
      bytes damaged = file;
      damaged[i] ^= static_cast<std::byte>(flip);
      taken += refusal(damaged).empty() ? 1u : 0u;
    }
  CHECK(taken == 0);
}

TEST_CASE("suffix_corpus: errors say what is wrong", "[suffix][damage]") {
  const bytes file = build_suffix_corpus(documents);
  const layout at{file};
  const auto with = [&](std::size_t place, std::uint32_t x) {
    bytes changed = file;
    put(changed, place, x);
    sign(changed);
    return refusal(changed);
  };
  CHECK_THAT(with(0, 0), Contains("does not begin with \"hunchsam\""));
  CHECK_THAT(with(8, 7), Contains("has version 7, this library reads version 1"));
  CHECK_THAT(with(12, 0xFFFFFFFF), Contains("the header announces"));
  CHECK_THAT(with(at.states, 1), Contains("the root state is not the empty string"));
  CHECK_THAT(with(at.states + 16 + 4, 1000000), Contains("state 1 links to a state that does not exist"));
  CHECK_THAT(with(at.states + 16 + 4, 1), Contains("state 1 links to a state that is not shorter"));
  CHECK_THAT(with(at.states + 16 + 8, 1000000), Contains("state 1 ends behind the corpus"));
  CHECK_THAT(with(at.states + 16 + 12, 0xFFFFFFFF), Contains("state 1 has its edges out of order"));
  CHECK_THAT(with(at.edges - 4, 1000000), Contains("the edges do not add up"));
  CHECK_THAT(with(at.edges + 4, 0x7FFFFFFF), Contains("edge 0 leads to a state that does not exist"));
  bytes changed = file;
  put(changed, at.text, 3);
  CHECK_THAT(refusal(changed), Contains("the checksum does not agree with the content"));
  CHECK_THAT(refusal(changed), Contains("build the file again with build_suffix_corpus"));
}

TEST_CASE("suffix_corpus: a signed file with any word changed is refused or harmless", "[suffix][damage]") {
  // Reads past the bytes would show under the address sanitizer.
  const bytes file = build_suffix_corpus(documents);
  std::size_t followed = 0;
  for (std::size_t i = 32; i < file.size(); i += 4)
    for (const std::uint32_t x : {0u, 1u, 5u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
      bytes changed = file;
      put(changed, i, x);
      sign(changed);
      if (!refusal(changed).empty()) continue;
      for (token last = 0; last < 10; ++last)
        followed += drafts(changed, {1, 2, 3, 4, 5, 2, 3, 9, 70000, 2, 3, 8, 1, 2, 3, last}, 4).size();
    }
  CHECK(followed > 0);
}

TEST_CASE("build_suffix_corpus: ids that are no tokens are refused", "[suffix]") {
  CHECK_THROWS_WITH(build_suffix_corpus(tokens{1, 2, -5}), Contains("token 2 is -5"));
}
