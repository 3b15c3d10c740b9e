// Reference numbers of one round, in exact arithmetic up to rounding of doubles.
#include "lossless/fixtures.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

template <class D, class W = temperature>
round_law judged(pair_of_models& m, const D& make_drafter, W warp = plain) {
  return one_round([&] { return speculate<branching>(m.target, make_drafter(), rejection(warp)); });
}

struct expectation_row {
  std::uint32_t gamma;
  double accepted;
};

void check_chain(pair_of_models m, std::initializer_list<expectation_row> rows) {
  for (const auto& row : rows) {
    INFO("gamma " << row.gamma);
    const round_law law = judged(m, [&] { return chain(m, row.gamma); });
    CHECK(std::abs(law.accepted - row.accepted) < exact);
    CHECK(round_distance(law, m.target, row.gamma + 1) < exact);
  }
}

void check_siblings(pair_of_models m, std::initializer_list<double> acceptance) {
  std::size_t k = 0;
  for (const double expected : acceptance) {
    INFO(++k << " siblings");
    const round_law law = judged(m, [&] { return constant_tree(m.draft, plain, {k}); });
    CHECK(std::abs(law.accepted - expected) < exact);
    CHECK(round_distance(law, m.target, 2) < exact);
  }
}

void check_chosen(pair_of_models m, const std::vector<token>& by_q, std::initializer_list<double> acceptance) {
  std::size_t k = 0;
  for (const double expected : acceptance) {
    const std::vector<token> top(by_q.begin(), by_q.begin() + static_cast<std::ptrdiff_t>(++k));
    for (const bool use_match : {false, true}) {
      const auto law =
          use_match ? one_round([&] { return speculate<branching>(m.target, chosen_children{top}, match(plain)); })
                    : judged(m, [&] { return chosen_children{top}; });
      INFO(k << " chosen siblings, " << (use_match ? "match" : "rejection"));
      CHECK(std::abs(law.accepted - expected) < exact);
      CHECK(round_distance(law, m.target, 2) < exact);
    }
  }
}

}  // namespace

TEST_CASE("rejection: expected accepted tokens of a chain on Bin, A and M", "[lossless]") {
  check_chain(fixture_bin(), {{1, 2. / 3}, {2, 10. / 9}, {3, 38. / 27}, {4, 130. / 81}});
  check_chain(fixture_a(), {{1, 7. / 10}, {2, 119. / 100}, {3, 1533. / 1000}});
  check_chain(fixture_b(), {{1, 11. / 20}});
  check_chain(fixture_m(), {{1, 5. / 6}, {2, 35. / 24}, {3, 13889. / 7200}});
}

TEST_CASE("rejection: expected accepted tokens of a chain of four on M", "[lossless]") {
  check_chain(fixture_m(), {{4, 109627. / 48000}});
}

TEST_CASE("rejection: after a first draft was rejected the residual of A is token 0, of B 5/9, 1/3, 1/9",
          "[lossless]") {
  const auto residual = [](pair_of_models m, double beta) {
    const std::size_t vocab = m.target.vocab_size();
    std::vector<double> law(vocab);
    explore(
        [&](branching source) {
          auto decoder = speculate<branching>(m.target, chain(m, 1), rejection(plain));
          decoder.start(start_text, basic_request<branching>{source});
          const auto emitted = decoder.step().emitted;
          return decoder.last_verdict().accepted() == 0 ? emitted[0] : no_token;
        },
        [&](token t, double weight) {
          if (t != no_token) law[static_cast<std::size_t>(t)] += weight / (1 - beta);
        });
    return law;
  };
  const auto a = residual(fixture_a(), 7. / 10);
  const auto b = residual(fixture_b(), 11. / 20);
  const double want_a[] = {1, 0, 0, 0};
  const double want_b[] = {5. / 9, 1. / 3, 0, 1. / 9, 0};
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - want_a[i]) < exact);
  for (std::size_t i = 0; i < b.size(); ++i) CHECK(std::abs(b[i] - want_b[i]) < exact);
}

TEST_CASE("rejection: siblings drawn without replacement on B", "[lossless]") {
  check_siblings(fixture_b(), {11. / 20, 53. / 70, 9. / 10, 24. / 25, 1.});
}

TEST_CASE("rejection: siblings drawn without replacement on A, F1, F2 and Bin", "[lossless]") {
  check_siblings(fixture_a(), {7. / 10, 2893. / 3600, 23099. / 25200, 1.});
  check_siblings(fixture_f1(), {9. / 10, 14. / 15, 1., 1.});
  check_siblings(fixture_bin(), {2. / 3, 1.});
  // .764286, .840298 and 1 by the independent program; the first is 107/140.
  const auto f2 = fixture_f2();
  check_siblings(f2, {6. / 10, 107. / 140});
}

TEST_CASE("rejection: more siblings than the draft's law has tokens are judged as all of them", "[lossless]") {
  check_siblings(models({.5, .25, .25}, {.5, .5, 0}), {.75, .75, .75});
}

TEST_CASE("rejection: with disjoint supports nothing is accepted and the law is still the target's", "[lossless]") {
  check_siblings(models({.5, .5, 0, 0}, {0, 0, .5, .5}), {0, 0, 0});
}

TEST_CASE("rejection: expected accepted tokens of trees without replacement on M", "[lossless]") {
  struct row {
    std::vector<std::size_t> shape;
    double accepted;
  };
  const row rows[] = {{{2}, 11. / 12},        {{1, 1}, 35. / 24},     {{2, 1}, 193. / 120},
                      {{1, 2}, 7999. / 5040}, {{2, 2}, 2201. / 1260}, {{3, 1}, 211. / 120}};
  for (const row& r : rows) {
    auto m = fixture_m();
    const round_law law = judged(m, [&] { return constant_tree(m.draft, plain, r.shape); });
    INFO("shape of " << r.shape.size() << " levels, first of " << r.shape[0]);
    CHECK(std::abs(law.accepted - r.accepted) < exact);
    CHECK(round_distance(law, m.target, r.shape.size() + 1) < exact);
  }
}

TEST_CASE("chosen siblings: accepted with the target's probability of the set, on A and B", "[lossless]") {
  check_chosen(fixture_b(), {2, 4, 1, 0, 3}, {1. / 5, 1. / 4, 11. / 20, 9. / 10, 1.});
  check_chosen(fixture_a(), {1, 0, 2, 3}, {3. / 10, 4. / 5, 19. / 20, 1.});
  check_chosen(fixture_f1(), {0}, {.6});
}

TEST_CASE("match: a drawn sibling is accepted with the sum of p q", "[lossless]") {
  auto m = fixture_f1();
  const round_law law = one_round([&] { return speculate<branching>(m.target, chain(m, 1), match(plain)); });
  CHECK(std::abs(law.accepted - .47) < exact);
  CHECK(round_distance(law, m.target, 2) < exact);
}

TEST_CASE("warpers on B: temperature one half accepts 14/114 + 17/106, top-k 2 accepts nothing", "[lossless]") {
  auto m = fixture_b();
  const auto hot = judged(
      m, [&] { return chain(m, 1, temperature{0.5f}); }, temperature{0.5f});
  CHECK(std::abs(hot.accepted - (14. / 114 + 17. / 106)) < exact);
  CHECK(round_distance(hot, m.target, 2, temperature{0.5f}) < exact);
  const auto cut = judged(
      m, [&] { return chain(m, 1, top_k{2}); }, top_k{2});
  CHECK(cut.accepted == 0);
  const text_law emitted = cut.emitted;
  REQUIRE(emitted.size() == 2);
  CHECK(std::abs(emitted.at({0}) - 7. / 13) < exact);
  CHECK(std::abs(emitted.at({1}) - 6. / 13) < exact);
}

TEST_CASE("coupled drafts: accepted 3037/4444 of the time on A and 4899/9460 on B", "[lossless]") {
  // 100,000 positions of noise: 4 standard deviations of a proportion are 4·√(.25 / 1e5) = .0064.
  const auto agreement = [](pair_of_models m) {
    std::vector<double> p(m.target.vocab_size());
    std::vector<double> q(p.size());
    m.target.law()(start_text, p);
    m.draft.law()(start_text, q);
    for (double& x : p) x = std::log(x);
    for (double& x : q) x = std::log(x);
    std::size_t equal = 0;
    for (std::uint64_t position = 0; position < 100000; ++position)
      equal += philox{17}.at_position(position, std::span<const double>{p}) ==
               philox{17}.at_position(position, std::span<const double>{q});
    return static_cast<double>(equal) / 100000;
  };
  CHECK(std::abs(agreement(fixture_a()) - 3037. / 4444) < .0064);
  CHECK(std::abs(agreement(fixture_b()) - 4899. / 9460) < .0064);
}
