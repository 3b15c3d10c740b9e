#include <hunch/core.hpp>
#include <hunch/testing/exact_law.hpp>

#include "lossless/checks.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;
using tokens = std::vector<token>;

namespace {

tokens text_of(std::span<const token> s) { return {s.begin(), s.end()}; }

auto lookup() { return with_length(prompt_lookup(1), fixed_length{3}); }

}  // namespace

TEST_CASE("decoder: a step emits the accepted drafts and the target's next token", "[decoder]") {
  auto target = scripted_target({1, 2, 3, 4, 5, 6, 7});
  auto decoder = speculate(target, scripted_drafter{{1, 2, 8, 8}}, match(greedy{}), stats{});
  decoder.start(tokens{0}, request{philox{}, 6, {}});
  const auto first = decoder.step();
  CHECK(text_of(first.emitted) == tokens{1, 2, 3});
  CHECK(first.status == status::running);
  CHECK(decoder.observer().accepted == 2);
  CHECK(decoder.observer().tested == 3);  // the draft behind the rejected one was not
  CHECK(decoder.observer().drafted == 4);
  const auto second = decoder.step();
  CHECK(text_of(second.emitted) == tokens{4});
  CHECK(text_of(decoder.text()) == tokens{0, 1, 2, 3, 4});
}

TEST_CASE("decoder: all-rejected, partly rejected and all-accepted drafts of 1 to 8 leave the cache at the text",
          "[decoder]") {
  for (std::size_t k = 1; k <= 4; ++k)
    for (std::size_t good = 0; good <= k; ++good) {
      tokens script{1, 2, 3, 4, 5, 6, 7, 1, 2};
      tokens drafts(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(k));
      for (std::size_t i = good; i < k; ++i) drafts[i] = 8;
      auto target = scripted_target(script);
      auto decoder = speculate(target, scripted_drafter{drafts}, match(greedy{}));
      decoder.start(tokens{0});
      CHECK(decoder.step().emitted.size() == good + 1);
      target.reset_work();
      decoder.step();
      CHECK(target.work().prefilled == 0);  // what was accepted is in the cache, what was not is gone
      CHECK(text_of(decoder.text()).at(good + 2) == script[good + 1]);
    }
}

TEST_CASE("decoder: an end of text anywhere in a block ends it there", "[decoder]") {
  CHECK(ending_violations(decode_with_ending) == std::vector<std::string>{});
}

TEST_CASE("decoder: max_tokens cuts at every length and then nothing more is emitted", "[decoder]") {
  const tokens script{1, 2, 3, 4, 5, 6, 7, 8, 1, 2};
  for (std::size_t n = 0; n <= 9; ++n) {
    auto target = scripted_target(script);
    auto decoder = speculate(target, scripted_drafter{script}, match(greedy{}), stats{});
    CHECK(emitted_text(decoder, {0}, request{philox{}, n, {}}) ==
          tokens(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(n)));
    CHECK(decoder.status() == status::length);
    const auto after = decoder.step();
    CHECK(after.status == status::length);
    CHECK(after.emitted.empty());
    const stats& s = decoder.observer();
    CHECK(s.emitted == n);
    CHECK(s.emitted + s.truncated == s.accepted + s.steps);
    CHECK(s.truncated == 0);  // drafts deeper than what may be emitted are not even asked for
  }
}

TEST_CASE("decoder: tokens behind an end of text are counted as truncated", "[decoder]") {
  const tokens script{1, 9, 3, 4, 5, 6};
  auto target = scripted_target(script);
  auto decoder = speculate(target, scripted_drafter{script}, match(greedy{}), stats{});
  (void)emitted_text(decoder, {0}, request{philox{}, 50, {9}});
  const stats& s = decoder.observer();
  CHECK(s.steps == 1);
  CHECK(s.accepted == 4);
  CHECK(s.emitted == 2);
  CHECK(s.truncated == 3);
}

TEST_CASE("decoder: the statistics of a long text keep their identities", "[decoder]") {
  toy_backend target{8, hashed_law<float>(3, 4.0)};
  auto decoder = speculate(target, lookup(), match(temperature{0.7f}), stats{});
  (void)emitted_text(decoder, {1, 2, 3}, request{philox{2}, 200, {}});
  const stats& s = decoder.observer();
  CHECK(s.emitted == 200);
  CHECK(s.emitted + s.truncated == s.accepted + s.steps);
  CHECK(s.accepted <= s.tested);
  CHECK(s.tested <= s.drafted);
  std::size_t steps = 0;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < s.accepted_histogram().size(); ++i) {
    steps += s.accepted_histogram()[i];
    accepted += i * s.accepted_histogram()[i];
  }
  CHECK(steps == s.steps);
  CHECK(accepted == s.accepted);
}

TEST_CASE("decoder: a full context ends the text, with every token that fits emitted", "[decoder]") {
  tokens script(40);
  for (std::size_t i = 0; i < script.size(); ++i) script[i] = static_cast<token>(1 + i % 8);
  for (std::size_t capacity = 1; capacity <= 12; ++capacity) {
    auto plain_target = scripted_target(script, capacity);
    auto plain = speculate(plain_target, no_draft{}, match(greedy{}));
    const auto want = emitted_text(plain, {0}, request{});
    CHECK(plain.status() == status::context);
    CHECK(want.size() == capacity);
    auto target = scripted_target(script, capacity);
    auto decoder = speculate(target, scripted_drafter{script}, match(greedy{}));
    CHECK(emitted_text(decoder, {0}, request{}) == want);
    CHECK(decoder.status() == status::context);
  }
}

TEST_CASE("decoder: a prompt longer than the context is refused without a pass", "[decoder]") {
  auto target = scripted_target({1, 2, 3}, 4);
  auto decoder = speculate(target, no_draft{}, match(greedy{}));
  decoder.start(tokens{0, 1, 2, 3, 4, 5});
  const auto result = decoder.step();
  CHECK(result.status == status::context);
  CHECK(result.emitted.empty());
  CHECK(target.work().passes == 0);
}

TEST_CASE("decoder: an empty text fails, a decoder before start too", "[decoder]") {
  auto target = scripted_target({1, 2, 3});
  auto decoder = speculate(target, no_draft{}, match(greedy{}));
  CHECK(decoder.step().status == status::failed);
  decoder.start(tokens{});
  CHECK(decoder.step().status == status::failed);
  CHECK(decoder.step().emitted.empty());
}

TEST_CASE("decoder: unusable rows fail the text, and a new start goes on", "[decoder]") {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    const auto check = [&](auto verifier) {
      auto target = scripted_target({1, 2, 3, 4, 5, 6});
      auto decoder = speculate(target, scripted_drafter{{1, 2, 3, 4}}, verifier, stats{});
      target.poison(2, value);  // the row after the token at position 2: in the middle of the accepted block
      decoder.start(tokens{0}, request{philox{}, 5, {}});
      const auto result = decoder.step();
      CHECK(result.status == status::failed);
      CHECK(result.emitted.empty());
      CHECK(text_of(decoder.text()) == tokens{0});
      CHECK(decoder.observer().steps == 0);
      target.heal();
      CHECK(emitted_text(decoder, {0}, request{philox{}, 5, {}}) == tokens{1, 2, 3, 4, 5});
    };
    check(match(greedy{}));
    check(match(temperature{0.8f}));
    check(rejection(temperature{0.8f}));
    check(rejection(greedy{}));
  }
}

TEST_CASE("decoder: a NaN in a draft row means no draft, not a wrong token", "[decoder]") {
  auto target = scripted_target({1, 2, 3, 4, 5, 6});
  auto draft = scripted_target({1, 2, 3, 4, 5, 6});
  draft.poison(0);
  auto decoder = speculate(target, with_length(model_drafter(draft, temperature{1.0f}), fixed_length{3}),
                           rejection(temperature{1.0f}), stats{});
  CHECK(emitted_text(decoder, {0}, request{philox{}, 5, {}}) == tokens{1, 2, 3, 4, 5});
  CHECK(decoder.observer().steps == 2);  // one without a draft, then three drafts and the bonus
}

TEST_CASE("decoder: a second request with a shorter prompt equals that of a fresh decoder", "[decoder]") {
  toy_backend target{8, hashed_law<float>(3, 4.0)};
  toy_backend draft{8, hashed_law<float>(3, 3.0)};
  const temperature warp{0.9f};
  const auto make = [&] {
    return speculate(target, first_of(lookup(), with_length(model_drafter(draft, warp), fixed_length{3})),
                     rejection(warp));
  };
  auto used = make();
  (void)emitted_text(used, {1, 2, 3, 4, 5, 6, 7, 1, 2}, request{philox{1}, 30, {}});
  auto fresh = make();
  const request wish{philox{2}, 30, {}};
  CHECK(emitted_text(used, {1, 2, 3, 5}, wish) == emitted_text(fresh, {1, 2, 3, 5}, wish));
}

TEST_CASE("decoder: a text goes on across turns without prefilling what is cached", "[decoder]") {
  toy_backend target{8, hashed_law<float>(3, 4.0)};
  auto decoder = speculate(target, lookup(), match(greedy{}));
  tokens text{1, 2, 3};
  auto emitted = emitted_text(decoder, text, request{philox{}, 10, {}});
  text.insert(text.end(), emitted.begin(), emitted.end());
  text.insert(text.end(), {4, 5, 6});
  target.reset_work();
  (void)emitted_text(decoder, text, request{philox{}, 1, {}});
  CHECK(target.work().prefilled == 3);  // the last token of the first turn and two of the new ones; the root runs
  CHECK(target.work().rewound == 0);
}

TEST_CASE("decoder: budgets of 0 and 1 are plain decoding, and no budget is passed over", "[decoder]") {
  const tokens script{1, 2, 3, 4, 5, 6, 7, 8};
  for (const std::size_t budget : {0u, 1u, 2u, 3u}) {
    auto target = scripted_target(script);
    auto decoder = speculate(target, scripted_drafter{script}, match(greedy{}));
    decoder.start(tokens{0});
    CHECK(decoder.step(budget).emitted.size() == std::max<std::size_t>(1, budget));
    CHECK(target.work().rows == std::max<std::size_t>(1, budget));
  }
}

TEST_CASE("decoder: a drafter for another vocabulary is refused with both sizes", "[decoder]") {
  toy_backend target{8, hashed_law<float>(1, 1.0)};
  toy_backend draft{9, hashed_law<float>(1, 1.0)};
  const auto build = [&](auto drafter) { (void)speculate(target, std::move(drafter), match(greedy{})); };
  const auto chain = [&] { return with_length(model_drafter(draft, greedy{}), fixed_length{2}); };
  const std::string message = "the drafter's vocabulary has 9 tokens, the target's 8";
  CHECK_THROWS_WITH(build(chain()), Catch::Matchers::Contains(message));
  CHECK_THROWS_WITH(build(first_of(lookup(), chain())), Catch::Matchers::Contains(message));
  CHECK_THROWS_WITH(build(any_drafter(chain())), Catch::Matchers::Contains(message));
}

TEST_CASE("status: every value has a name", "[decoder]") {
  CHECK(std::string{name_of(status::running)} == "running");
  CHECK(std::string{name_of(status::end_of_text)} == "end_of_text");
  CHECK(std::string{name_of(status::length)} == "length");
  CHECK(std::string{name_of(status::context)} == "context");
  CHECK(std::string{name_of(status::failed)} == "failed");
}
