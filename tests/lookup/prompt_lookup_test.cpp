#include "lookup/references.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<std::string> nothing;

auto lookup(lookup_options o, std::uint32_t length = 3) { return with_length(prompt_lookup(o), fixed_length{length}); }

}  // namespace

TEST_CASE("prompt_lookup: the earliest and the latest place are copied from as asked", "[lookup]") {
  const tokens text{1, 2, 5, 1, 2, 6, 1, 2};
  auto latest = lookup({.n = 2});
  auto earliest = lookup({.n = 2, .place = lookup_place::earliest});
  CHECK(drafts_of(latest, text, 3) == tokens{6, 1, 2});
  CHECK(drafts_of(earliest, text, 3) == tokens{5, 1, 2});
}

TEST_CASE("prompt_lookup: backs off from n to n_min, the longest n-gram first", "[lookup]") {
  auto backing_off = lookup({.n = 3, .n_min = 1});
  auto two_at_least = lookup({.n = 3, .n_min = 2});
  CHECK(drafts_of(backing_off, {1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3}, 1) == tokens{4});  // 1 2 3, not the later 2 3
  CHECK(drafts_of(backing_off, {1, 2, 3, 4, 9, 2, 3, 5, 8, 2, 3}, 1) == tokens{5});  // 2 3
  CHECK(drafts_of(backing_off, {1, 2, 3, 4, 9, 7, 3}, 2) == tokens{4, 9});           // 3
  CHECK(drafts_of(two_at_least, {1, 2, 3, 4, 9, 7, 3}, 2) == tokens{});
  CHECK(drafts_of(backing_off, {1, 2, 3, 4}, 2) == tokens{});
}

TEST_CASE("prompt_lookup: a place that fewer than min_guesses tokens follow does not count", "[lookup]") {
  // 1 2 stands at 0, followed by seven tokens, and at 4, followed by three.
  const tokens text{1, 2, 5, 6, 1, 2, 7, 1, 2};
  const auto first = [&](std::size_t min_guesses) {
    auto drafter = lookup({.n = 2, .min_guesses = min_guesses});
    return drafts_of(drafter, text, 1);
  };
  CHECK(first(1) == tokens{7});
  CHECK(first(3) == tokens{7});
  CHECK(first(4) == tokens{5});
  CHECK(first(7) == tokens{5});
  CHECK(first(8) == tokens{});
}

TEST_CASE("prompt_lookup: the published rule is a set of options", "[lookup]") {
  // Saxena: n from 3 down to 1, the earliest place, all of the draft must stand in the text.
  auto saxena = lookup({.n = 3, .n_min = 1, .place = lookup_place::earliest, .min_guesses = 3});
  CHECK(drafts_of(saxena, {4, 1, 5, 6, 7, 4, 1, 8, 8, 4, 1}, 3) == tokens{5, 6, 7});
  CHECK(drafts_of(saxena, {9, 3, 3, 3}, 3) == tokens{});  // no place of 3 has three tokens behind it
}

TEST_CASE("prompt_lookup: what it proposes is what a search of the whole text finds", "[lookup]") {
  for (const auto place : {lookup_place::latest, lookup_place::earliest})
    for (const std::size_t n : {1u, 2u, 4u})
      for (const std::size_t n_min : {std::size_t{1}, n})
        for (const std::size_t min_guesses : {1u, 3u}) {
          const lookup_options o{.n = n, .n_min = n_min, .place = place, .min_guesses = min_guesses};
          INFO("n " << n << " n_min " << n_min << " earliest " << (place == lookup_place::earliest) << " min_guesses "
                    << min_guesses);
          CHECK(text_violations([&] { return prompt_lookup(o); },
                                [&](const tokens& text, std::size_t count) {
                                  return lookup_by_search(text, o, count);
                                }) == nothing);
        }
}

TEST_CASE("prompt_lookup: options that make no sense are refused", "[lookup]") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(prompt_lookup({.n = 2, .n_min = 3}), Contains("n_min is 3, more than n, which is 2"));
  CHECK_THROWS_WITH(prompt_lookup({.min_guesses = 0}), Contains("min_guesses of at least 1"));
  CHECK_THROWS_WITH(prompt_lookup({.window = 1}), Contains("2 to 2^30 tokens, not 1"));
}

TEST_CASE("text_window: keeps a short text whole and the last half to whole window of a long one", "[lookup]") {
  text_window window{8};
  tokens text;
  for (token t = 0; t < 40; ++t) {
    text.push_back(t);
    (void)window.follow(text, 1);
    const auto kept = window.tokens();
    CHECK(kept.size() <= 8);
    CHECK(kept.size() >= std::min<std::size_t>(text.size(), 4));
    CHECK(std::equal(kept.rbegin(), kept.rend(), text.rbegin()));
  }
}

TEST_CASE("text_window: is a function of the text, however the text came about", "[lookup]") {
  text_window window{8};
  tokens text(30);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<token>(i);
  for (const std::size_t length : {5u, 8u, 9u, 12u, 13u, 11u, 30u, 2u, 29u}) {
    const auto part = std::span<const token>{text}.first(length);
    text_window fresh{8};
    (void)fresh.follow(part, 0);
    (void)window.follow(part, length);
    CHECK(std::ranges::equal(window.tokens(), fresh.tokens()));
  }
}

TEST_CASE("text_window: counts the old tokens that are still there", "[lookup]") {
  text_window window{1000};
  CHECK(window.follow(tokens{1, 2, 3}, 0) == 0);
  CHECK(window.follow(tokens{1, 2, 3, 4}, 0) == 3);
  CHECK(window.follow(tokens{1, 2, 9, 4, 5}, 0) == 2);
  CHECK(window.follow(tokens{1}, 0) == 1);
  CHECK(window.follow(tokens{2}, 0) == 0);
  tokens longer(700, 5);
  CHECK(window.follow(longer, 3) == 0);
  longer.push_back(6);
  CHECK(window.follow(longer, 3) == 700);
  longer[300] = 8;
  CHECK(window.follow(longer, 4) == 300);
}
