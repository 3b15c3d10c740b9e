#include "lookup/references.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<std::string> nothing;

tokens drafts(const tokens& text, std::uint32_t count, std::size_t min_match = 1) {
  auto drafter = with_length(suffix_automaton(suffix_options{.min_match = min_match}), fixed_length{count});
  return drafts_of(drafter, text, count);
}

}  // namespace

TEST_CASE("suffix_automaton: copies what followed the longest match, its first place", "[suffix]") {
  CHECK(drafts({1, 2, 3, 9, 2, 3, 8, 1, 2, 3}, 2) == tokens{9, 2});  // 1 2 3, not the later 2 3
  CHECK(drafts({5, 2, 3, 9, 2, 3, 8, 1, 2, 3}, 2) == tokens{9, 2});  // 2 3: twice, the first place
  CHECK(drafts({1, 2, 3, 4}, 2) == tokens{});
  CHECK(drafts({6}, 2) == tokens{});
}

TEST_CASE("suffix_automaton: a period is followed past the end of the text", "[suffix]") {
  CHECK(drafts({7, 7}, 4) == tokens{7, 7, 7, 7});
  CHECK(drafts({1, 2, 3, 1, 2, 3, 1, 2}, 5) == tokens{3, 1, 2, 3, 1});
}

TEST_CASE("suffix_automaton: a match shorter than min_match is none", "[suffix]") {
  const tokens text{1, 2, 3, 4, 9, 2, 3};
  CHECK(drafts(text, 1, 2) == tokens{4});
  CHECK(drafts(text, 1, 3) == tokens{});
  suffix_automaton drafter{suffix_options{.min_match = 1}};
  draft_tree tree{10};
  tree.reset(3);
  (void)drafter.extend(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree, 0);
  CHECK(drafter.match_length() == 2);
  CHECK_THROWS_WITH(suffix_automaton(suffix_options{.min_match = 0}), Catch::Matchers::Contains("at least 1"));
}

TEST_CASE("suffix_automaton: what it proposes is what a search of the whole text finds", "[suffix]") {
  for (const std::size_t min_match : {1u, 3u})
    CHECK(text_violations([&] { return suffix_automaton(suffix_options{.min_match = min_match}); },
                          [&](const tokens& text, std::size_t count) {
                            return suffix_by_search(text, min_match, count);
                          }) == nothing);
}

TEST_CASE("suffix_index: knows all substrings of a text and no others", "[suffix]") {
  for (std::uint32_t salt = 0; salt < 20; ++salt) {
    tokens text;
    for (std::uint32_t i = 0; i < 40; ++i)
      text.push_back(static_cast<token>(philox4x32({i, salt, 0, 0}, 3)[0] % (2 + salt % 3)));
    suffix_index index;
    while (index.size() < text.size()) index.extend(text);
    const auto known = [&](std::span<const token> part) {
      std::uint32_t s = suffix_index::root;
      for (const token t : part)
        if ((s = index.next(text, s, t)) == 0) return false;
      return true;
    };
    std::size_t wrong = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
      tokens part;
      for (std::uint32_t j = 0; j < 2 + i % 5; ++j)
        part.push_back(static_cast<token>(philox4x32({i, j, salt, 1}, 3)[0] % (2 + salt % 3)));
      const bool stands = std::search(text.begin(), text.end(), part.begin(), part.end()) != text.end();
      wrong += known(part) == stands ? 0u : 1u;
    }
    for (std::size_t first = 0; first < text.size(); ++first)
      wrong += known(std::span<const token>{text}.subspan(first)) ? 0u : 1u;
    CHECK(wrong == 0);
  }
}

TEST_CASE("suffix_index: textbook sizes", "[suffix]") {
  const auto states = [](const tokens& text) {
    suffix_index index;
    while (index.size() < text.size()) index.extend(text);
    return index.states().size();
  };
  CHECK(states({}) == 1);
  CHECK(states({1, 1, 1, 1}) == 5);  // a chain
  CHECK(states({1, 2, 2, 2}) == 7);  // a b^(n-1): the worst case, 2n - 1 states
  CHECK(states({1, 2, 2, 2, 2, 2, 2}) == 13);
  CHECK(states({1, 2, 2, 1, 2}) == 7);  // a b b a b: the empty string, five prefixes, and b, which ends more often
}

TEST_CASE("suffix_index: cleared, it is as new", "[suffix]") {
  const tokens first{1, 2, 1, 3, 1, 2, 1, 2, 2};
  const tokens second{2, 1, 2};
  suffix_index index;
  while (index.size() < first.size()) index.extend(first);
  index.clear();
  CHECK(index.size() == 0);
  CHECK(index.next(first, suffix_index::root, 1) == 0);
  while (index.size() < second.size()) index.extend(second);
  CHECK(index.repeated().length == 1);
  CHECK(index.repeated().end == 0);
}

TEST_CASE("suffix_index: tokens that are taken back leave no trace", "[suffix]") {
  dice roll;
  tokens text;
  suffix_index used;
  std::size_t wrong = 0;
  for (int round = 0; round < 300; ++round) {
    for (std::size_t n = roll(12); n > 0; --n) text.push_back(static_cast<token>(roll(3)));
    while (used.size() < text.size()) used.extend(text);
    text.resize(text.size() - roll(std::min<std::size_t>(text.size() + 1, 9)));
    REQUIRE(used.withdraw(text.size()));
    suffix_index fresh;
    while (fresh.size() < text.size()) fresh.extend(text);
    REQUIRE(used.states().size() == fresh.states().size());
    for (std::uint32_t s = 0; s < fresh.states().size(); ++s) {
      const auto& a = used.states()[s];
      const auto& b = fresh.states()[s];
      wrong += a.length == b.length && a.link == b.link && a.end == b.end ? 0u : 1u;
      for (token t = 0; t < 3; ++t) wrong += used.next(text, s, t) == fresh.next(text, s, t) ? 0u : 1u;
    }
  }
  CHECK(text.size() > 300);
  CHECK(wrong == 0);
}

TEST_CASE("suffix_index: takes back 256 tokens, and says when it cannot take back more", "[suffix]") {
  tokens text(2000);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<token>(i * i % 7);
  suffix_index index;
  while (index.size() < text.size()) index.extend(text);
  CHECK(index.withdraw(2000));
  CHECK(index.withdraw(1744));
  CHECK(index.size() == 1744);
  CHECK_FALSE(index.withdraw(100));
  CHECK(index.size() == 1744);
}
