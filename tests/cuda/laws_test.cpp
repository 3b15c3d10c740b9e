// What kernels compute of noise and laws has the bits of the host's headers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <hunch/core/noise.hpp>
#include <hunch/core/row_scan.hpp>
#include <hunch/sampling/row.hpp>

#include "cpu/noise.hpp"
#include "kernels/laws.hpp"
#include "kernels/noise.hpp"
#include "launch.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("cuda noise: the bits of hunch::gumbel and of Philox", "[cuda]") {
  noise from{1};
  for (std::uint32_t i = 0; i < 20000; ++i) {  // both ends, and what lies between
    const auto bits = i < 40 ? i : i < 80 ? 39u - i : static_cast<std::uint32_t>(from.bits());
    if (cuda::device_gumbel(bits) != gumbel(bits)) FAIL("gumbel of " << bits);
  }
  for (int i = 0; i < 200; ++i) {
    std::uint32_t words[4];
    for (auto& w : words) w = static_cast<std::uint32_t>(from.bits());
    const std::uint64_t key = from.bits();
    const auto expected = philox4x32({words[0], words[1], words[2], words[3]}, key);
    cuda::philox_words(words, key);
    CHECK(std::equal(expected.begin(), expected.end(), words));
  }
}

TEST_CASE("cuda laws: the bits of hunch::exp_of_negative", "[cuda]") {
  noise from{2};
  for (const float x : {-0.0F, -87.7F, -88.03F, -1e30F, -std::numeric_limits<float>::infinity()})
    CHECK(cuda::device_exp(x) == exp_of_negative(x));
  for (int i = 0; i < 20000; ++i) {
    const float x = -static_cast<float>(from.below(1 << 24)) * (90.0F / (1 << 24));
    if (cuda::device_exp(x) != exp_of_negative(x)) FAIL("exponential of " << x);
  }
}

namespace {

struct sum_question {
  const float* row;
  std::uint32_t n;
  double goal;
  double* sums;
  std::int32_t* place;
  double* sum;
};
void sum_kernel(sum_question ask) {
  const double sum = cuda::sum_row(ask.row, ask.n, ask.sums);
  const std::int32_t place = cuda::where_row_passes(ask.row, ask.n, ask.goal, ask.sums);
  if (threadIdx.x == 0) {
    *ask.sum = sum;
    *ask.place = place;
  }
}

}  // namespace

TEST_CASE("cuda laws: sums, and where they pass a goal, are those of hunch::sum_of and where_sum_passes", "[cuda]") {
  noise from{3};
  cuda::stream s;
  std::size_t misses = 0;
  for (const std::size_t n : {1u, 33u, 1024u, 1025u, 17000u}) {
    std::vector<float> x(n);
    for (float& v : x)
      v = from.below(3) == 0 ? 0.0F : std::ldexp(from.uniform(0.5F, 1), -static_cast<int>(from.below(50)));
    if (n == 17000) std::fill(x.begin() + 9000, x.end(), 0.0F);
    std::vector<double> sums(cuda::sum_blocks(n));
    const std::span<const float> row{x};
    const double total = sum_of(row);
    // Goals within a block, at the end of one to the bit, at the end of all, and beyond.
    const double goals[] = {
        0,     0.3 * total, sum_of(row.first(std::min<std::size_t>(n, 1024))), std::nextafter(total, 0.0),
        total, 2 * total};
    for (const double goal : goals) {
      double sum = 0;
      std::int32_t place = 0;
      cuda::launch(s, sum_kernel, {1}, cuda::law_threads,
                   sum_question{x.data(), static_cast<std::uint32_t>(n), goal, sums.data(), &place, &sum});
      s.wait();
      CHECK(sum == total);
      CHECK(place == where_sum_passes(row, goal));
      misses += goal >= total;
    }
  }
  CHECK(misses >= 10);
  std::vector<float> nothing(40, 0.0F);
  double sums[1], sum = 1;
  std::int32_t place = 0;
  cuda::launch(s, sum_kernel, {1}, cuda::law_threads, sum_question{nothing.data(), 40, 0.0, sums, &place, &sum});
  s.wait();
  CHECK(sum == 0);
  CHECK(place == no_token);
}
