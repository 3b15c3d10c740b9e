// Penalties, biases, bans and least lengths: what they do to a row, and that speculation says what plain decoding says.
#include <hunch/core.hpp>
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/penalties.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "requests/prefixes.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using row = std::vector<float>;
using tokens = std::vector<token>;
using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("penalties: repeat divides logits above 0 and multiplies the others, however often they were said",
          "[penalties]") {
  const penalties p{{.repeat = 2.0f}};
  CHECK(warped(p, {4, -4, 0, 3}, {0, 1, 2, 0}) == row{2, -8, 0, 3});
  CHECK(warped(p, {-inf, 4}, {0}) == row{-inf, 4});
}

TEST_CASE("penalties: presence is taken once, frequency once a time, after repeat", "[penalties]") {
  CHECK(warped(penalties{{.presence = 0.5f}}, {1, 1, 1}, {0, 0, 1}) == row{0.5f, 0.5f, 1});
  CHECK(warped(penalties{{.frequency = 0.25f}}, {1, 1, 1}, {0, 0, 1}) == row{0.5f, 0.75f, 1});
  CHECK(warped(penalties{{.repeat = 2.0f, .presence = 0.5f, .frequency = 0.25f}}, {4, 1, 1}, {0, 0}) == row{1, 1, 1});
}

TEST_CASE("penalties: a drafted position sees the drafts before it, none beside it, and no token twice",
          "[penalties]") {
  const penalties p{{.frequency = 1.0f}};
  // The root is the last token of the text: counted once.
  CHECK(warped(p, {0, 0, 0, 0}, {3}) == row{0, 0, 0, -1});
  CHECK(warped(p, {0, 0, 0, 0}, {3}, {1, 1, 0}, 2) == row{-1, -2, 0, -1});
}

TEST_CASE("penalties: last_n counts back over drafts and text, first leaves the prompt out", "[penalties]") {
  const row zeros(6, 0.0f);
  CHECK(warped(penalties{{.frequency = 1.0f, .last_n = 3}}, zeros, {0, 1, 2}, {3, 4}) == row{0, 0, -1, -1, -1, 0});
  CHECK(warped(penalties{{.frequency = 1.0f, .last_n = 1}}, zeros, {0, 1, 2}, {3, 4}) == row{0, 0, 0, 0, -1, 0});
  CHECK(warped(penalties{{.frequency = 1.0f, .last_n = 0}}, zeros, {0, 1, 2}, {3}) == zeros);
  CHECK(warped(penalties{{.frequency = 1.0f, .last_n = penalties::all, .first = 2}}, zeros, {0, 1, 2}, {3}) ==
        row{0, 0, -1, -1, 0, 0});
  CHECK(warped(penalties{{.frequency = 1.0f, .first = 9}}, zeros, {0, 1, 2}) == zeros);
  std::vector<token> long_text(100, 1);
  long_text[35] = 2;  // the 65th from the end: behind the default of 64
  CHECK(warped(penalties{{.frequency = 1.0f}}, zeros, long_text) == row{0, -64, 0, 0, 0, 0});
}

TEST_CASE("penalties: ids that the row does not have change nothing", "[penalties]") {
  CHECK(warped(penalties{{.frequency = 1.0f}}, {0, 0}, {5, -1, 1}) == row{0, -1});
}

TEST_CASE("penalties: values that no law comes from are refused", "[penalties]") {
  CHECK_THROWS_WITH(penalties{{.repeat = 0.0f}}, Contains("repeat must be positive"));
  CHECK_THROWS_WITH(penalties{{.repeat = inf}}, Contains("repeat must be positive"));
  CHECK_THROWS_WITH(penalties{{.presence = std::nanf("")}}, Contains("must be finite"));
  CHECK_THROWS_WITH(penalties{{.frequency = -inf}}, Contains("must be finite"));
}

TEST_CASE("bias: adds, sums entries of one token, takes -inf for never", "[bias]") {
  CHECK(warped(bias{{{1, 2.0f}, {2, -1.0f}, {1, 0.5f}}}, {1, 1, 1}, {0}) == row{1, 3.5f, 0});
  CHECK(warped(bias{{{0, -inf}, {7, 1.0f}}}, {1, 1}, {0}) == row{-inf, 1});
  CHECK_THROWS_WITH((bias{{{-1, 1.0f}}}), Contains("-1 is no token"));
  CHECK_THROWS_WITH((bias{{{3, inf}}}), Contains("token 3"));
  CHECK_THROWS_WITH((bias{{{3, std::nanf("")}}}), Contains("token 3"));
}

TEST_CASE("banned, only: what is listed is impossible, or is all that is possible", "[bias]") {
  CHECK(warped(banned{{0, 2, 9}}, {1, 2, 3}, {0}) == row{-inf, 2, -inf});
  CHECK(warped(only{{0, 2, 9}}, {1, 2, 3}, {0}) == row{1, -inf, 3});
  CHECK(warped(only{{2, 2}}, {1, 2, 3}, {0}) == row{-inf, -inf, 3});
  CHECK_THROWS_WITH(banned{{-5}}, Contains("banned: -5 is no token"));
  CHECK_THROWS_WITH(only{{}}, Contains("nothing to say"));
}

TEST_CASE("min_length: the end is impossible at every drafted position that is too early", "[bias]") {
  const min_length m{{.tokens = 3, .after = 2, .end_of_text = {0, 1}}};
  const row free{1, 1, 1};
  const row held{-inf, -inf, 1};
  CHECK(warped(m, free, {2, 2}) == held);
  CHECK(warped(m, free, {2, 2}, {2, 2}) == held);
  CHECK(warped(m, free, {2, 2}, {2, 2, 2}) == free);
  CHECK(warped(m, free, {2, 2, 2, 2, 2}) == free);
}

TEST_CASE("requests: a pipeline goes from left to right", "[bias]") {
  // Penalised first, 0 is no longer among the two largest; afterwards it would have been.
  const row r{3, 2.5f, 2};
  CHECK(warped(penalties{{.frequency = 2.0f}} | top_k{2}, r, {0}) == row{-inf, 2.5f, 2});
  CHECK(warped(top_k{2} | penalties{{.frequency = 2.0f}}, r, {0}) == row{1, 2.5f, -inf});
  CHECK(warped(penalties{{.repeat = 1.6f}} | bias{{{1, 1.0f}}} | top_k{2} | temperature{0.5f}, r, {0}) ==
        row{-inf, 7, 4});
}

TEST_CASE("D8: top_k 4 then top_p .82 leaves 3 tokens, the other order 4, in plain and in speculative text",
          "[bias][D8]") {
  const row p{.35f, .25f, .20f, .05f, .03f, .03f, .03f, .03f, .03f};
  testing::toy_backend target{p.size(), testing::iid_law<float>(p)};
  testing::toy_backend draft{p.size(), testing::iid_law<float>(row(9, 1.0f / 9))};
  const auto said = [&](auto drafter, auto warp) {
    auto decoder = speculate(target, std::move(drafter), match(warp));
    auto text = testing::emitted_text(decoder, {0}, request{philox{5}, 2000, {}});
    const token largest = *std::max_element(text.begin(), text.end());
    return std::pair{std::move(text), largest};
  };
  const auto drafted = [&](auto warp) { return with_length(model_drafter(draft, warp), fixed_length{3}); };
  const auto three = top_k{4} | top_p{0.82f};
  const auto four = top_p{0.82f} | top_k{4};
  CHECK(said(no_draft{}, three).second == 2);
  CHECK(said(no_draft{}, four).second == 3);
  CHECK(said(drafted(three), three) == said(no_draft{}, three));
  CHECK(said(drafted(four), four) == said(no_draft{}, four));
}

TEST_CASE("D6: match with penalties says what plain decoding says, for 2, 8 and 48 drafts", "[penalties][D6]") {
  testing::toy_backend target{12, testing::hashed_law<float>(1, 6.0)};
  testing::toy_backend draft{12, testing::hashed_law<float>(1, 5.0)};
  const tokens prompt{1, 2, 3, 4, 4};
  const auto check = [&](auto warp) {
    const auto text_of = [&](auto drafter) {
      auto decoder = speculate(target, std::move(drafter), match(warp), stats{});
      auto text = testing::emitted_text(decoder, prompt, request{philox{3}, 300, {0}});
      return std::pair{std::move(text), decoder.observer().accepted};
    };
    const auto [plain, none] = text_of(no_draft{});
    for (const std::uint32_t k : {2u, 8u, 48u}) {
      INFO("drafts: " << k);
      const auto [text, accepted] = text_of(with_length(model_drafter(draft, warp), fixed_length{k}));
      CHECK(text == plain);
      CHECK(accepted > 20);
      CHECK(text_of(with_length(prompt_lookup(1), fixed_length{k})).first == plain);
    }
    CHECK(text_of(gumbel_top_k(draft, warp, {3, 2, 1})).first == plain);
    return plain;
  };
  const auto end = [&](std::size_t n) { return min_length{{.tokens = n, .after = prompt.size(), .end_of_text = {0}}}; };
  const auto plain = check(end(250) | temperature{0.7f});
  const auto punished = check(penalties{{.repeat = 1.3f, .presence = 0.2f, .frequency = 0.1f, .last_n = 10}} |
                              bias{{{5, 1.0f}}} | end(250) | temperature{0.7f});
  CHECK(plain != punished);
  CHECK(plain.size() >= 251);
  CHECK(punished.size() >= 251);
  // Greedy: the pipeline ends in an argmax over the penalised row.
  const auto greedy_plain = check(end(250) | greedy{});
  const auto greedy_punished = check(penalties{{.repeat = 1.5f, .frequency = 0.3f}} | end(250) | greedy{});
  CHECK(greedy_plain != greedy_punished);
}

TEST_CASE("D7: what is banned is never said, accepted, corrected or as a bonus", "[bias][D7]") {
  testing::toy_backend target{6, testing::hashed_law<float>(4, 2.0)};
  testing::toy_backend draft{6, testing::hashed_law<float>(5, 2.0)};
  const auto warp = banned{{1, 4}} | bias{{{2, -3.0f}}} | min_p{0.05f};
  const auto check = [&](auto verifier) {
    // The drafter does not know what is banned and drafts it.
    auto decoder = speculate(target, with_length(model_drafter(draft, temperature{1.0f}), fixed_length{3}),
                             std::move(verifier), stats{});
    const auto text = testing::emitted_text(decoder, {0}, request{philox{8}, 2000, {}});
    CHECK(std::count(text.begin(), text.end(), 1) == 0);
    CHECK(std::count(text.begin(), text.end(), 4) == 0);
    CHECK(std::count(text.begin(), text.end(), 3) > 100);
    CHECK(decoder.observer().accepted_histogram().back() > 0);  // there were bonus tokens
  };
  check(match(warp));
  check(rejection(warp));
  check(block(warp));
  check(traversal(warp));
}

TEST_CASE("requests: a ban of everything ends the text as failed, at its last commit", "[bias]") {
  testing::toy_backend target{3, testing::iid_law<float>({.5f, .25f, .25f})};
  auto decoder = speculate(target, no_draft{}, match(banned{{0, 1, 2}} | temperature{1.0f}));
  decoder.start(tokens{0}, request{philox{1}, 5, {}});
  CHECK(decoder.step().status == status::failed);
  CHECK(decoder.text().size() == 1);
}
