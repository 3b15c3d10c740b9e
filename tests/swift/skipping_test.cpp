// A layer-skipped model as a backend of its own: laws, texts, what it runs in full.
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/backend_laws.hpp>

#include "support/catch.hpp"
#include "swift/layered.hpp"

using namespace hunch;
using namespace hunch::testing;
using hunch::test::layered;

namespace {

constexpr std::size_t vocab = 12;

skip_set first_two(std::size_t layers) {
  skip_set set{layers};
  set.flip(0);
  set.flip(1);
  return set;
}

template <class Decoder>
std::vector<token> text_of(Decoder decoder) {
  decoder.start(std::vector<token>{1, 2, 3}, {.random = philox{5}, .max_tokens = 60});
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

}  // namespace

TEST_CASE("skipping: a backend that keeps the laws of backends", "[skipping]") {
  toy_backend toy{vocab, hashed_law<float>(1, 3.0)};
  layered<float> model{toy, {0.3, 0.2, 0.0, 0.1}};
  skipping draft{model, first_two(model.layer_count())};
  static_assert(Backend<decltype(draft)> && Rewindable<decltype(draft)>);
  CHECK(backend_laws(draft) == std::vector<std::string>{});
}

TEST_CASE("skipping: drafts trees and chains whose text under match is that of plain decoding", "[skipping]") {
  toy_backend toy{vocab, hashed_law<float>(1, 3.0)};
  layered<float> model{toy, {0.3, 0.2, 0.0, 0.1}};
  const temperature warp{0.8f};
  const auto plain = text_of(speculate(toy, no_draft{}, match(warp)));
  skipping draft{model, first_two(model.layer_count())};
  CHECK(text_of(speculate(toy, with_length(coupled_model_drafter(draft, warp), fixed_length{4}), match(warp))) ==
        plain);
  CHECK(text_of(speculate(toy, coupled_gumbel_top_k(draft, warp, {3, 2}), match(warp))) == plain);
  CHECK(text_of(speculate(toy, best_first(draft, warp, 12), match(warp))) == plain);
  CHECK(model.partial_passes() > 0);
}

TEST_CASE("skipping: without a sub-layer left out it is the model itself, and every draft is accepted", "[skipping]") {
  toy_backend toy{vocab, hashed_law<float>(1, 3.0)};
  layered<float> model{toy, {0.3, 0.2}};
  skipping draft{model, skip_set{model.layer_count()}};
  auto decoder = speculate(toy, with_length(model_drafter(draft, temperature{1.0f}), fixed_length{4}),
                           block(temperature{1.0f}), stats{});
  decoder.start(std::vector<token>{1, 2}, {.random = philox{3}, .max_tokens = 100});
  while (decoder.status() == status::running) decoder.step();
  CHECK(decoder.observer().alpha() == 1.0);
  CHECK(model.partial_passes() == 0);
}

TEST_CASE("skipping: a set for another number of layers is refused", "[skipping]") {
  toy_backend toy{vocab, hashed_law<float>(1, 3.0)};
  layered<float> model{toy, {0.3, 0.2}};
  CHECK_THROWS_WITH((skipping{model, skip_set{7}}), Catch::Contains("as many layers"));
}
