#include "report.hpp"

#include <sstream>

#include "support/catch.hpp"
#include "tally.hpp"

using namespace hunch::cli;

TEST_CASE("table: columns are aligned by characters, not by bytes", "[cli]") {
  table t{{"spec", "τ", "tok/s"}};
  t.add({"none", "1.00", "9.5"});
  t.add({"lookup", "1.25", "10.0"});
  std::ostringstream out;
  t.print(out);
  CHECK(out.str() ==
        "spec       τ  tok/s\n"
        "none    1.00    9.5\n"
        "lookup  1.25   10.0\n");
}

TEST_CASE("report: numbers are rounded, medians are of the sorted values", "[cli]") {
  CHECK(fixed(1.005, 1) == "1.0");
  CHECK(fixed(2.0, 2) == "2.00");
  CHECK(bytes_text(98362432) == "98.4 MB");
  CHECK(bytes_text(1117320768) == "1.12 GB");
  CHECK(bytes_text(46080) == "46.1 kB");
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({}) == 0);
}

TEST_CASE("tally: speeds are of sums, the mean speed-up is of the prompts' ratios", "[cli]") {
  // Two prompts: plain 10 tokens in 1 s and 30 in 1 s; drafted the same tokens in 0.5 s and 1 s.
  const prompt_cost plain_a{10, 1.0, 10, 0, 0, 0};
  const prompt_cost plain_b{30, 1.0, 30, 0, 0, 0};
  const prompt_cost fast_a{10, 0.5, 5, 20, 8, 5};
  const prompt_cost same_b{30, 1.0, 25, 20, 12, 5};
  const std::vector<measurement> m{{"none", "qa", plain_a, plain_a, true},
                                   {"lookup", "qa", plain_a, fast_a, true},
                                   {"none", "rag", plain_b, plain_b, true},
                                   {"lookup", "rag", plain_b, same_b, false}};
  const auto rows = summarize(m);
  REQUIRE(rows.size() == 6);
  CHECK(rows[0].spec == "none");
  CHECK(rows[0].category == "qa");
  CHECK(rows[2].category == "all");
  CHECK(rows[2].speedup == 1.0);
  CHECK(rows[2].tokens_per_s == 20.0);
  const bench_row& all = rows[5];
  CHECK(all.spec == "lookup");
  CHECK(all.prompts == 2);
  CHECK(all.tokens == 40);
  CHECK(all.tokens_per_s == Approx(40 / 1.5));
  CHECK(all.speedup == Approx(40 / 1.5 / 20));
  CHECK(all.speedup_mean == Approx((2.0 + 1.0) / 2));
  CHECK(all.tau == Approx(40.0 / 30));
  CHECK(all.alpha == 0.5);
  CHECK(all.draft_yield == 0.25);
  CHECK(all.identical == std::optional<bool>{false});
  CHECK(rows[3].identical == std::optional<bool>{true});
}

TEST_CASE("tally: texts that cannot be compared make identical unknown; nothing divides by zero", "[cli]") {
  const prompt_cost nothing{};
  const auto rows = summarize({{"lookup", "qa", nothing, nothing, std::nullopt}});
  REQUIRE(rows.size() == 2);
  CHECK_FALSE(rows[1].identical.has_value());
  CHECK(rows[1].speedup == 0);
  CHECK(rows[1].tau == 0);
  CHECK(rows[1].alpha == 0);
}
