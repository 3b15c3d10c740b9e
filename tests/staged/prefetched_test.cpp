// A prefetched model is the model: same rows, same laws, fewer passes.
#include <hunch/drafters/prefetched.hpp>
#include <hunch/testing/backend_laws.hpp>

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

auto lookup() { return with_length(prompt_lookup(1), fixed_length{3}); }

}  // namespace

TEST_CASE("prefetched: a tree over it has the expected accepted tokens of the tree over the model", "[prefetched]") {
  auto m = fixture_m();
  prefetched mid{m.draft, lookup()};
  CHECK(std::abs(judged(
                     m,
                     [&] {
                       return gumbel_top_k(mid, plain, {2, 1});
                     },
                     traversal(plain))
                     .accepted -
                 67. / 40) < exact);
  CHECK(std::abs(judged(
                     m,
                     [&] {
                       return gumbel_top_k(mid, plain, {2, 2});
                     },
                     rejection(plain))
                     .accepted -
                 2201. / 1260) < exact);
  const auto chain_over = [&] { return with_length(model_drafter(mid, plain), fixed_length{2}); };
  CHECK(std::abs(judged(m, chain_over, block(plain)).accepted - 61. / 40) < exact);
}

TEST_CASE("prefetched: the text of several rounds has the target's law", "[prefetched]") {
  auto m = fixture_m();
  prefetched mid{m.draft, lookup()};
  CHECK(text_distance_of(
            m, [&] { return gumbel_top_k(mid, plain, {2}); }, traversal(plain), 4) < exact);
  CHECK(text_distance_of(
            m,
            [&] {
              return gumbel_top_k(mid, plain, {2, 1});
            },
            rejection(plain), 3) < exact);
}

TEST_CASE("prefetched: is a backend by its laws", "[prefetched]") {
  testing::toy_backend model{11, testing::hashed_law<float>(5, 3.0)};
  prefetched ahead{model, with_length(prompt_lookup(1), fixed_length{3})};
  static_assert(Backend<decltype(ahead)> && Rewindable<decltype(ahead)>);
  CHECK(testing::backend_laws(ahead) == std::vector<std::string>{});
}

TEST_CASE("prefetched: a level that was guessed needs no pass", "[prefetched]") {
  const auto cycle = [](std::span<const token> context, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.001f);
    row[static_cast<std::size_t>((context.back() + 1) % 12)] = 1.0f;
  };
  testing::toy_backend target{12, cycle};
  testing::toy_backend model{12, cycle};
  prefetched mid{model, with_length(prompt_lookup(1), fixed_length{5})};
  auto decoder =
      speculate(target, with_length(model_drafter(mid, greedy{}), fixed_length{6}), match(greedy{}), stats{});
  decoder.start(std::vector<token>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0}, {philox{}, 70, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  CHECK(decoder.observer().alpha() == 1.0);
  CHECK(model.work().passes == decoder.observer().steps);
}
