#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <hunch/core/random.hpp>

#include "support/catch.hpp"

using namespace hunch;

TEST_CASE("philox: words equal the published known answers", "[random]") {
  // Random123, kat_vectors: philox4x32 with 10 rounds.
  using words = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, 0) == words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff) ==
        words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
        words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform01: the ends of the range stay inside (0, 1)", "[random]") {
  CHECK(uniform01(0) == 0x1p-33);
  CHECK(uniform01(std::numeric_limits<std::uint32_t>::max()) == 1.0 - 0x1p-33);
}

TEST_CASE("portable_log: within one unit in the last place of the long double logarithm", "[random]") {
  std::uint64_t state = 1;
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const auto mantissa = 1.0 + static_cast<double>(state >> 12) * 0x1p-52;
    double x = std::ldexp(mantissa, i % 80 - 40);
    if (i % 3 == 0) x = 1.0 - uniform01(static_cast<std::uint32_t>(state >> 40));  // close to 1: the tail of the noise
    const long double exact = std::log(static_cast<long double>(x));
    const double ulp =
        std::nextafter(std::abs(static_cast<double>(exact)), 1e300) - std::abs(static_cast<double>(exact));
    worst = std::max(worst, std::abs(static_cast<double>(static_cast<long double>(portable_log(x)) - exact)) / ulp);
  }
  CHECK(worst < 1.0);
  CHECK(portable_log(1.0) == 0.0);
}

TEST_CASE("gumbel: the largest noise is finite and exact, about 22.87", "[random]") {
  // Smallest k: u = 2^-33, so -log(-log(1 - 2^-33)) = 33·ln 2 up to 2^-34.
  CHECK(gumbel(0) == Approx(33 * std::log(2.0)).epsilon(1e-10));
  CHECK(std::isfinite(gumbel(std::numeric_limits<std::uint32_t>::max())));
}

TEST_CASE("at_position: a token of small probability wins as often as it should", "[random]") {
  // The other tokens share the rest evenly. 2e5 draws, p = 1e-3: expected 200, 5 sigma = 71.
  const std::vector<float> logits{std::log(1e-3f), std::log(0.333f), std::log(0.333f), std::log(0.333f)};
  int wins = 0;
  for (std::uint64_t position = 0; position < 200000; ++position)
    wins += philox{5}.at_position(position, std::span<const float>{logits}) == 0;
  CHECK(std::abs(wins - 200) < 71);
}

TEST_CASE("at_position: skipping by the bound changes no winner", "[random]") {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 37) * 0.5f;
  for (std::uint64_t position = 0; position < 200; ++position) {
    double best = -1e300;
    token winner = no_token;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto bits = philox4x32({static_cast<std::uint32_t>(position), 0, static_cast<std::uint32_t>(i / 4),
                                    static_cast<std::uint32_t>(purpose::target)},
                                   9)[i % 4];
      const double score = static_cast<double>(logits[i]) + gumbel(bits);
      if (score > best) best = score, winner = static_cast<token>(i);
    }
    CHECK(philox{9}.at_position(position, std::span<const float>{logits}) == winner);
  }
}

TEST_CASE("categorical: never an index of zero weight, no_token without mass", "[random]") {
  const std::vector<float> w{0, 0.5f, 0, 0.5f, 0};
  for (std::uint64_t round = 0; round < 1000; ++round) {
    const token t = philox{3}.categorical({round, 0}, purpose::residual, std::span<const float>{w});
    CHECK((t == 1 || t == 3));
  }
  const std::vector<float> none(4, 0.0f);
  CHECK(philox{3}.categorical({1, 0}, purpose::residual, std::span<const float>{none}) == no_token);
}

TEST_CASE("ordered_without_replacement: distinct, positive, at most the support, best score first", "[random]") {
  const std::vector<float> q{0.2f, 0.0f, 0.3f, 0.5f};
  std::vector<candidate> out;
  for (std::uint64_t round = 0; round < 200; ++round) {
    philox{1}.ordered_without_replacement({round, 2}, std::span<const float>{q}, 4, out);
    REQUIRE(out.size() == 3);
    for (const candidate& c : out) CHECK(c.index != 1);
    CHECK((out[0].score >= out[1].score && out[1].score >= out[2].score));
  }
}

TEST_CASE("accept: strict, so an impossible token is never taken", "[random]") {
  for (std::uint64_t round = 0; round < 1000; ++round) {
    CHECK_FALSE(philox{2}.accept({round, 1}, 0.0f, 0.5f));
    CHECK(philox{2}.accept({round, 1}, 0.5f, 0.5f));
  }
}

TEST_CASE("split: a nested decoder has its own draws and the same noise of positions", "[random]") {
  const philox outer{11};
  const philox inner = outer.split(1);
  CHECK(outer.uniform({5, 1}, purpose::accept) != inner.uniform({5, 1}, purpose::accept));
  const std::vector<float> logits{0.1f, 0.2f, 0.3f};
  for (std::uint64_t position = 0; position < 50; ++position)
    CHECK(outer.at_position(position, std::span<const float>{logits}) ==
          inner.at_position(position, std::span<const float>{logits}));
}

TEST_CASE("at_position: rows longer than a block, and logits far from zero, keep their winner", "[random]") {
  // The skipping test works in floats; a shift of all logits must not change who wins.
  std::vector<double> logits(515);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<double>(i * 37 % 101) * 0.25;
  for (std::uint64_t position = 0; position < 100; ++position) {
    const token winner = philox{3}.at_position(position, std::span<const double>{logits});
    for (const double shift : {-64.0, 4096.0, -1048576.0 * 4}) {
      std::vector<double> moved = logits;
      for (double& x : moved) x += shift;
      CHECK(philox{3}.at_position(position, std::span<const double>{moved}) == winner);
    }
  }
}
