// Log-probabilities: right numbers, one for each token of the text, the same with speculation and without.
#include <cmath>
#include <limits>
#include <span>

#include <hunch/core.hpp>
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/logprobs.hpp>
#include <hunch/sampling/penalties.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

using tokens = std::vector<token>;

testing::toy_backend of_numbers() { return {4, testing::iid_law<float>({.5f, .25f, .125f, .125f})}; }

template <class D, class V, class W>
std::vector<token_logprob> collected(testing::toy_backend& target, D drafter, V verifier, W warp, request wish) {
  auto decoder = speculate(target, std::move(drafter), std::move(verifier), logprobs{warp});
  const auto text = testing::emitted_text(decoder, {1, 2, 3}, std::move(wish));
  const auto all = decoder.observer().tokens();
  REQUIRE(all.size() == text.size());
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].id == text[i]);
  return {all.begin(), all.end()};
}

}  // namespace

TEST_CASE("logprobs: raw by the model's row, processed by what the warpers leave", "[logprobs]") {
  auto target = of_numbers();
  auto decoder = speculate(target, no_draft{}, match(top_k{2}), logprobs{top_k{2}, 3});
  const auto text = testing::emitted_text(decoder, {0}, request{philox{1}, 40, {}});
  const auto all = decoder.observer().tokens();
  REQUIRE(all.size() == 40);
  for (std::size_t i = 0; i < all.size(); ++i) {
    REQUIRE(all[i].id == text[i]);
    CHECK(all[i].raw == Approx(std::log(all[i].id == 0 ? .5 : .25)).epsilon(1e-6));
    CHECK(all[i].processed == Approx(std::log(all[i].id == 0 ? 2. / 3 : 1. / 3)).epsilon(1e-6));
    const auto best = decoder.observer().alternatives(i);
    REQUIRE(best.size() == 3);  // likeliest first, equals by lower id
    CHECK((best[0].id == 0 && best[1].id == 1 && best[2].id == 2));
    CHECK(best[2].raw == Approx(std::log(.125)).epsilon(1e-6));
    CHECK(best[2].processed == -std::numeric_limits<float>::infinity());
  }
  std::size_t second = 0;
  for (const token t : text) second += t == 1 ? 1 : 0;
  CHECK(second > 0);  // both of the tokens that were left came up
}

TEST_CASE("logprobs: without a warper processed equals raw; under greedy it is the penalised row's", "[logprobs]") {
  auto target = of_numbers();
  auto plain = speculate(target, no_draft{}, match(temperature{1.0f}), logprobs{});
  (void)testing::emitted_text(plain, {0}, request{philox{1}, 10, {}});
  for (const token_logprob& p : plain.observer().tokens()) CHECK(p.raw == p.processed);
  const auto warp = bias{{{1, 5.0f}}} | greedy{};
  auto forced = speculate(target, no_draft{}, match(warp), logprobs{warp});
  (void)testing::emitted_text(forced, {0}, request{philox{1}, 1, {}});
  const double lifted = .25 * std::exp(5.);
  CHECK(forced.observer().tokens()[0].raw == Approx(std::log(.25)).epsilon(1e-6));
  CHECK(forced.observer().tokens()[0].processed == Approx(std::log(lifted / (lifted + .75))).epsilon(1e-5));
  CHECK(forced.observer().alternatives(0).empty());
}

TEST_CASE("D10: logprobs of accepted, corrected and bonus tokens are those of plain decoding, bit for bit",
          "[logprobs][D10]") {
  testing::toy_backend target{20, testing::hashed_law<float>(1, 5.0)};
  testing::toy_backend draft{20, testing::hashed_law<float>(1, 3.0)};
  const auto check = [&](auto warp) {
    const request wish{philox{4}, 200, {7}};
    const auto plain = collected(target, no_draft{}, match(warp), warp, wish);
    CHECK(plain.size() > 30);
    for (const std::uint32_t k : {1u, 4u, 9u})
      CHECK(collected(target, with_length(model_drafter(draft, warp), fixed_length{k}), match(warp), warp, wish) ==
            plain);
    CHECK(collected(target, with_length(prompt_lookup(1), fixed_length{5}), match(warp), warp, wish) == plain);
    CHECK(collected(target, gumbel_top_k(draft, warp, {3, 2}), match(warp), warp, wish) == plain);
  };
  const auto first = min_length{{.tokens = 30, .after = 3, .end_of_text = {7}}};
  check(first | temperature{0.8f});
  check(first | penalties{{.repeat = 1.4f, .frequency = 0.2f}} | top_k{9} | temperature{0.8f});
  check(first | penalties{{.repeat = 1.4f}} | greedy{});
}

TEST_CASE("logprobs: each verifier's tokens get the row that they came from", "[logprobs][D10]") {
  // Every row has other values, so a neighbour's row would show.
  testing::toy_backend target{20, testing::hashed_law<float>(1, 5.0)};
  testing::toy_backend draft{20, testing::hashed_law<float>(1, 3.0)};
  const temperature warp{0.8f};
  const auto check = [&](auto verifier) {
    auto decoder = speculate(target, with_length(model_drafter(draft, warp), fixed_length{4}), std::move(verifier),
                             logprobs{warp});
    const auto text = testing::emitted_text(decoder, {1, 2}, request{philox{2}, 100, {}});
    tokens context{1, 2};
    std::vector<float> row(20);
    for (std::size_t i = 0; i < text.size(); ++i) {
      target.law()(context, row);
      CHECK(decoder.observer().tokens()[i].raw ==
            Approx(std::log(row[static_cast<std::size_t>(text[i])])).epsilon(1e-4));
      context.push_back(text[i]);
    }
  };
  check(rejection(warp));
  check(block(warp));
  check(traversal(warp));
}

TEST_CASE("logprobs: cut where the text is cut, and what a stop rule takes back is taken back", "[logprobs]") {
  testing::toy_backend target{20, testing::hashed_law<float>(1, 5.0)};
  testing::toy_backend draft{20, testing::hashed_law<float>(1, 5.0)};
  const temperature warp{0.5f};
  const auto drafts = [&] { return with_length(coupled_model_drafter(draft, warp), fixed_length{6}); };
  for (const std::size_t n : {1u, 2u, 5u, 9u, 13u})
    CHECK(collected(target, drafts(), match(warp), warp, {philox{4}, n, {}}).size() == n);
  // A rule that, once 12 tokens are there, wants only 4 of them: most were emitted by earlier steps.
  request wish{philox{4}, 100, {}};
  wish.stop = [](std::span<const token> text, std::size_t) {
    return text.size() < 3 + 12 ? text.size() : std::size_t{3 + 4};
  };
  CHECK(collected(target, drafts(), match(warp), warp, wish).size() == 4);
}

TEST_CASE("logprobs: a new text begins anew", "[logprobs]") {
  auto target = of_numbers();
  auto decoder = speculate(target, no_draft{}, match(temperature{1.0f}), logprobs{});
  (void)testing::emitted_text(decoder, {0}, request{philox{1}, 10, {}});
  (void)testing::emitted_text(decoder, {0}, request{philox{1}, 3, {}});
  CHECK(decoder.observer().tokens().size() == 3);
}

TEST_CASE("log-probability: log-softmax of the raw row", "[logprobs]") {
  const std::vector<float> row{0.0f, std::log(3.0f)};  // probabilities 1/4 and 3/4
  CHECK(log_probability(std::span<const float>{row}, 0) == Approx(std::log(0.25)).epsilon(1e-6));
  CHECK(log_probability(std::span<const float>{row}, 1) == Approx(std::log(0.75)).epsilon(1e-6));
  const std::vector<float> far{1000.0f, -std::numeric_limits<float>::infinity()};
  CHECK(log_probability(std::span<const float>{far}, 0) == 0.0);
}
