#include <cmath>

#include <hunch/core/draft_tree.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
using row = std::vector<float>;

row logs(const row& p) {
  row out = p;
  for (float& x : out) x = std::log(x);
  return out;
}
template <class W>
row warped(const W& warp, row logits) {
  draft_tree root{logits.size()};
  root.reset(0);
  const std::vector<token> text{0};
  warp(std::span<float>{logits}, prefix_view{text, root.view(), 0});
  return logits;
}
/// Indices that are not -inf.
std::vector<int> kept(const row& logits) {
  std::vector<int> out;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > -inf) out.push_back(static_cast<int>(i));
  return out;
}
using ids = std::vector<int>;

}  // namespace

TEST_CASE("argmax: the largest, the lowest index among equals, nothing from broken rows", "[row]") {
  const auto best = [](const row& r) { return argmax(std::span<const float>{r}); };
  CHECK(best({1, 3, 2}) == 1);
  CHECK(best({3, 1, 3}) == 0);
  CHECK(best({-inf, -5, -inf}) == 1);
  CHECK(best({}) == no_token);
  CHECK(best({-inf, -inf}) == no_token);
  CHECK(best({1, nan_value, 2}) == no_token);
  CHECK(best({nan_value}) == no_token);
  CHECK(best({1, inf}) == no_token);
}

TEST_CASE("softmax: sums to 1, keeps -inf at 0, survives large logits, refuses broken rows", "[row]") {
  row r{1000, 1000 + std::log(3.0f), -inf};
  REQUIRE(softmax(std::span<float>{r}));
  CHECK(r[0] == Approx(0.25).epsilon(1e-4));  // 1000 + log 3 is rounded to 6e-5
  CHECK(r[1] == Approx(0.75).epsilon(1e-4));
  CHECK(r[2] == 0);
  for (row broken : {row{0, nan_value}, row{nan_value, 0}, row{0, inf}, row{-inf, -inf}, row{}})
    CHECK_FALSE(softmax(std::span<float>{broken}));
}

TEST_CASE("softmax: a vocabulary of 262144 sums to 1 within float rounding", "[row]") {
  row r(262144);
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<float>(i % 97) * 0.1f;
  REQUIRE(softmax(std::span<float>{r}));
  double sum = 0;
  for (const float x : r) sum += static_cast<double>(x);
  CHECK(std::abs(sum - 1) < 1e-6);
}

TEST_CASE("temperature: divides logits; 0, negatives and NaN are refused", "[warp]") {
  CHECK(warped(temperature{0.5f}, {1, -2, -inf}) == row{2, -4, -inf});
  CHECK(warped(temperature{1.0f}, {1, -2, 3}) == row{1, -2, 3});
  for (const float t : {0.0f, -1.0f, nan_value, inf})
    CHECK_THROWS_WITH(temperature{t}, Catch::Matchers::Contains("for 0 use hunch::greedy"));
}

TEST_CASE("top_k: the k largest and those equal to the k-th; 0 and large k keep all", "[warp]") {
  CHECK(kept(warped(top_k{2}, {1, 4, 3, 2})) == ids{1, 2});
  CHECK(kept(warped(top_k{2}, {3, 4, 3, 2})) == ids{0, 1, 2});
  CHECK(kept(warped(top_k{1}, {3, 3, 3})) == ids{0, 1, 2});
  CHECK(kept(warped(top_k{0}, {1, 2})) == ids{0, 1});
  CHECK(kept(warped(top_k{9}, {1, 2})) == ids{0, 1});
  CHECK(kept(warped(top_k{3}, {1, -inf, -inf, -inf})) == ids{0});
}

TEST_CASE("top_p: the fewest that reach p, the crossing one included, equals by lower index", "[warp]") {
  const row p = logs({0.125f, 0.5f, 0.25f, 0.125f});
  CHECK(kept(warped(top_p{0.4f}, p)) == ids{1});
  CHECK(kept(warped(top_p{0.6f}, p)) == ids{1, 2});
  CHECK(kept(warped(top_p{0.8f}, p)) == ids{0, 1, 2});
  CHECK(kept(warped(top_p{0.95f}, p)) == ids{0, 1, 2, 3});
  CHECK(kept(warped(top_p{1.0f}, p)) == ids{0, 1, 2, 3});
  CHECK(kept(warped(top_p{1e-6f}, p)) == ids{1});  // never empty
  CHECK_THROWS_WITH(top_p{0.0f}, Catch::Matchers::Contains("above 0"));
  CHECK_THROWS_WITH(top_p{nan_value}, Catch::Matchers::Contains("above 0"));
}

TEST_CASE("top_p: probabilities are taken among what is left, whatever the scale of the logits", "[warp]") {
  row shifted = logs({0.5f, 0.25f, 0.25f});
  for (float& x : shifted) x += 50;
  shifted.push_back(-inf);
  CHECK(kept(warped(top_p{0.6f}, shifted)) == ids{0, 1});
}

TEST_CASE("min_p: at least p times the most likely; 0 keeps all, 1 the largest", "[warp]") {
  const row p = logs({0.1f, 0.5f, 0.3f, 0.1f});
  CHECK(kept(warped(min_p{0.3f}, p)) == ids{1, 2});
  CHECK(kept(warped(min_p{0.1f}, p)) == ids{0, 1, 2, 3});
  CHECK(kept(warped(min_p{0.0f}, p)) == ids{0, 1, 2, 3});
  CHECK(kept(warped(min_p{1.0f}, p)) == ids{1});
  CHECK_THROWS_WITH(min_p{1.5f}, Catch::Matchers::Contains("[0, 1]"));
}

TEST_CASE("order: top_k before top_p keeps 3, top_p before top_k keeps 4", "[warp]") {
  // .35, .25, .20, .05, .03 five times: of the four largest, .85 in all, .82 is reached by .8/.85 = .94 of three; of
  // the whole row it takes a fourth.
  const row p = logs({.35f, .25f, .20f, .05f, .03f, .03f, .03f, .03f, .03f});
  CHECK(kept(warped(top_k{4} | top_p{0.82f}, p)) == ids{0, 1, 2});
  CHECK(kept(warped(top_p{0.82f} | top_k{4}, p)) == ids{0, 1, 2, 3});
}

TEST_CASE("pipelines: temperature comes before what is to its right", "[warp]") {
  // T = 1/2 squares: .5, .3, .2 become .658, .237, .105.
  const row p = logs({.5f, .3f, .2f});
  CHECK(kept(warped(temperature{0.5f} | top_p{0.6f}, p)) == ids{0});
  CHECK(kept(warped(top_p{0.6f} | temperature{0.5f}, p)) == ids{0, 1});
}

TEST_CASE("filters: every token that stays can be drawn, none that goes", "[warp]") {
  row law = warped(temperature{0.9f} | top_k{4}, logs({.3f, .3f, .2f, .1f, .06f, .04f}));
  REQUIRE(softmax(std::span<float>{law}));
  std::vector<int> seen(law.size());
  for (std::uint64_t i = 0; i < 300; ++i)
    ++seen[static_cast<std::size_t>(philox{1}.categorical({i, 0}, purpose::bonus, std::span<const float>{law}))];
  for (std::size_t i = 0; i < 4; ++i) CHECK(seen[i] > 0);
  CHECK(seen[4] + seen[5] == 0);
}

TEST_CASE("greedy: changes no row and ends a pipeline", "[warp]") {
  CHECK(warped(greedy{}, {1, 2, 3}) == row{1, 2, 3});
  CHECK(is_greedy<greedy>());
  CHECK(is_greedy<decltype(top_k{2} | greedy{})>());
  CHECK_FALSE(is_greedy<decltype(top_k{2} | top_p{0.5f})>());
}

TEST_CASE("filters: a row with a NaN never becomes usable", "[warp]") {
  for (std::size_t at = 0; at < 6; ++at) {
    row broken{1, 5, 3, 2, 4, 0};
    broken[at] = nan_value;
    for (row r : {warped(top_k{2}, broken), warped(top_p{0.5f}, broken), warped(min_p{0.5f}, broken),
                  warped(top_k{3} | top_p{0.9f} | min_p{0.2f}, broken), warped(temperature{0.5f}, broken)})
      CHECK_FALSE(softmax(std::span<float>{r}));
  }
}

TEST_CASE("exp_of_negative: within 2e-7 of the exponential, exactly 1 at 0 and 0 at the far end", "[row]") {
  double worst = 0;
  for (float x = 0; x > -87.0f; x -= 0.00137f) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(exp_of_negative(x)) - exact) / exact);
  }
  CHECK(worst < 2e-7);
  CHECK(exp_of_negative(0.0f) == 1.0f);
  CHECK(exp_of_negative(-89.0f) == 0.0f);
  CHECK(exp_of_negative(-std::numeric_limits<float>::infinity()) == 0.0f);
}

TEST_CASE("softmax: sums to 1 over a long row with a ragged end, keeps the order, -inf is exactly 0", "[row]") {
  std::vector<float> row(1003);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i % 29) * 0.5f;
  row[500] = -std::numeric_limits<float>::infinity();
  REQUIRE(softmax(std::span<float>{row}));
  double sum = 0;
  for (const float x : row) sum += static_cast<double>(x);
  CHECK(sum == Approx(1.0).epsilon(1e-6));
  CHECK(row[500] == 0.0f);
  CHECK(static_cast<double>(row[28] / row[26]) == Approx(std::exp(1.0)).epsilon(1e-6));
}

TEST_CASE("warpers: a pipe of four stages keeps the parameters of each", "[warp]") {
  // clang 14 once laid [[no_unique_address]] members over each other's padding: the temperature was lost.
  const auto warp = top_k(3) | top_p(0.99f) | min_p(0.01f) | temperature(0.5f);
  std::vector<float> row{1.0f, 2.0f, 3.0f, 0.0f};
  draft_tree tree{4};
  const std::vector<token> text{0};
  warp(std::span<float>{row}, prefix_view{text, tree.view(), 0});
  CHECK(row[0] == 2.0f);
  CHECK(row[2] == 6.0f);
  CHECK(row[3] == -std::numeric_limits<float>::infinity());
}
