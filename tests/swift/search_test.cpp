// Sets of sub-layers, and the search for a better one, without a model.
#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <hunch/drafters/skip_search.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

using masks = std::vector<skip>;

masks mask_of(const skip_set& s) { return {s.mask().begin(), s.mask().end()}; }
std::vector<std::size_t> places_of(const skip_set& s) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < s.places(); ++i)
    if (s.contains(i)) out.push_back(i);
  return out;
}
/// 1 minus what is lost with each place that is left out.
double score_of(const skip_set& s, const std::vector<double>& loss) {
  double score = 1;
  for (const std::size_t place : places_of(s)) score -= loss[place];
  return score;
}
/// Of six layers.
skip_set leave_out_first_half() {
  skip_set s{6};
  for (std::size_t place = 0; place < 4; ++place) s.flip(place);
  return s;
}
const std::vector<double> losses{.09, .01, .08, .02, .07, .03, .06, .04};  // the best four: places 1, 3, 5, 7

}  // namespace

TEST_CASE("skip_set: places are the sub-layers between the first and the last layer", "[swift]") {
  skip_set s{4};
  CHECK(s.places() == 4);
  CHECK(s.mask().empty());
  s.flip(0);
  s.flip(3);
  CHECK(mask_of(s) == masks{skip::none, skip::attention, skip::mlp, skip::none});
  CHECK(s.size() == 2);
  s.flip(1);
  CHECK(mask_of(s) == masks{skip::none, skip::both, skip::mlp, skip::none});
  s.flip(0);
  s.flip(1);
  s.flip(3);
  CHECK(s.size() == 0);
  CHECK(s.mask().empty());
  for (const std::size_t layers : {0u, 1u, 2u}) CHECK(skip_set{layers}.places() == 0);
}

TEST_CASE("spread_skips: one half is every second layer from the third one on, both parts", "[swift]") {
  CHECK(mask_of(spread_skips(6, 0.5)) == masks{skip::none, skip::none, skip::both, skip::none, skip::both, skip::none});
}

TEST_CASE("spread_skips: rounds down, keeps the MLP of one layer where the number is odd", "[swift]") {
  CHECK(spread_skips(30, 0.45).size() == 25);  // of 56
  CHECK(spread_skips(7, 0.3).size() == 3);     // of 10
  CHECK(mask_of(spread_skips(7, 0.3)) ==
        masks{skip::none, skip::none, skip::both, skip::none, skip::attention, skip::none, skip::none});
  CHECK(spread_skips(30, 0).size() == 0);
  CHECK(spread_skips(30, 1).size() == 56);
  for (double ratio = 0; ratio <= 1; ratio += 0.01) {
    const skip_set s = spread_skips(30, ratio);
    REQUIRE(s.size() == static_cast<std::size_t>(56 * ratio + 1e-9));
    if (s.size() == 0) continue;
    REQUIRE(s.mask().front() == skip::none);
    REQUIRE(s.mask().back() == skip::none);
  }
  for (const std::size_t layers : {0u, 1u, 2u}) CHECK(spread_skips(layers, 1).size() == 0);
}

TEST_CASE("spread_skips: a share outside of [0, 1] is refused", "[swift]") {
  for (const double ratio : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(spread_skips(6, ratio), Catch::Matchers::Contains("must be in [0, 1]"));
}

TEST_CASE("skip_search: a proposal exchanges one sub-layer; every exchange comes up", "[swift]") {
  skip_search search{spread_skips(6, 0.5), {.good_enough = 2, .patience = 1000, .most = 1000}};
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> seen;
  const auto best = places_of(search.best());
  search.judge(0.5);
  for (int i = 0; i < 800; ++i) {
    const auto next = places_of(search.wanted());
    std::vector<std::size_t> out, in;
    std::set_difference(best.begin(), best.end(), next.begin(), next.end(), std::back_inserter(out));
    std::set_difference(next.begin(), next.end(), best.begin(), best.end(), std::back_inserter(in));
    REQUIRE(out.size() == 1);
    REQUIRE(in.size() == 1);
    ++seen[{out[0], in[0]}];
    search.judge(0.1);
  }
  CHECK(seen.size() == 16);
  for (const auto& [exchange, count] : seen) CHECK((count > 20 && count < 90));  // 50 expected, sigma 6.8
}

TEST_CASE("skip_search: takes a better set, not an equal one", "[swift]") {
  skip_search search{spread_skips(6, 0.5), {.good_enough = 2}};
  const skip_set start = search.best();
  CHECK(search.wanted() == start);
  search.judge(0.5);
  search.judge(0.5);
  CHECK(search.best() == start);
  const skip_set better = search.wanted();
  search.judge(0.6);
  CHECK(search.best() == better);
  CHECK(search.best_score() == 0.6);
  search.judge(0.55);
  CHECK(search.best() == better);
  CHECK(search.tried() == 3);
  CHECK(search.adopted() == 1);
}

TEST_CASE("skip_search: on a new window the best set is scored again before proposals are", "[swift]") {
  skip_search search{spread_skips(6, 0.5), {.proposals = 2, .good_enough = 2}};
  search.judge(0.9);
  const skip_set best = search.best();
  CHECK_FALSE(search.wants_window());
  search.judge(0.1);
  search.judge(0.1);
  CHECK(search.wants_window());
  search.open_window();
  CHECK_FALSE(search.wants_window());
  CHECK(search.wanted() == best);
  search.judge(0.3);  // a harder text
  CHECK(search.best_score() == 0.3);
  CHECK_FALSE(search.wanted() == best);
  search.judge(0.4);
  CHECK(search.best_score() == 0.4);
  CHECK(search.tried() == 3);
}

TEST_CASE("skip_search: finds the best set where each sub-layer counts for itself", "[swift]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    skip_search search{leave_out_first_half(), {.good_enough = 2, .patience = 200, .most = 1000, .seed = seed}};
    search.judge(score_of(search.best(), losses));
    while (!search.done()) search.judge(score_of(search.wanted(), losses));
    CHECK(places_of(search.best()) == std::vector<std::size_t>{1, 3, 5, 7});
  }
}

TEST_CASE("skip_search: ends when good enough, out of patience, or after the most proposals", "[swift]") {
  const auto tries = [](const skip_search_options& o, double score) {
    skip_search search{spread_skips(6, 0.5), o};
    std::size_t judged = 0;
    for (; !search.done() && judged < 10000; ++judged) search.judge(score);
    return judged;
  };
  CHECK(tries({.good_enough = 0.9}, 0.91) == 1);
  CHECK(tries({.good_enough = 0.9, .patience = 7}, 0.9) == 1 + 7);
  CHECK(tries({.good_enough = 2, .patience = 100, .most = 9}, 0.5) == 1 + 9);
  CHECK(tries({.most = 0}, 0.5) == 0);
}

TEST_CASE("skip_search: nothing to exchange, nothing to search", "[swift]") {
  CHECK(skip_search{skip_set{6}}.done());
  CHECK(skip_search{spread_skips(6, 1)}.done());
  CHECK(skip_search{skip_set{2}}.done());
}

TEST_CASE("skip_search: one seed and one row of scores give one search; another seed another", "[swift]") {
  const auto path_of = [](std::uint64_t seed) {
    skip_search search{spread_skips(8, 0.5), {.good_enough = 2, .seed = seed}};
    std::vector<std::vector<std::size_t>> path;
    for (int i = 0; i < 50; ++i) {
      path.push_back(places_of(search.wanted()));
      search.judge((i * 7 % 11) / 11.0);
    }
    return path;
  };
  CHECK(path_of(4) == path_of(4));
  CHECK(path_of(4) != path_of(5));
}

TEST_CASE("skip_search: restart forgets what was found", "[swift]") {
  skip_search search{spread_skips(6, 0.5), {.good_enough = 0.9}};
  search.judge(0.2);
  search.judge(0.95);
  CHECK(search.done());
  search.restart(spread_skips(6, 0.25));
  CHECK(search.best() == spread_skips(6, 0.25));
  CHECK(search.tried() == 0);
  CHECK_FALSE(search.done());
}

TEST_CASE("skip_search: options that cannot work are refused", "[swift]") {
  for (const skip_search_options& o :
       {skip_search_options{.window = 0}, skip_search_options{.proposals = 0}, skip_search_options{.interval = 0}})
    CHECK_THROWS_WITH((skip_search{skip_set{4}, o}), Catch::Matchers::Contains("at least 1"));
}
