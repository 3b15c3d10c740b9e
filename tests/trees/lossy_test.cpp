// Lossy verifiers: what they accept, and how far the text moves from the target's law.
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Two chosen chains of two tokens and one of one.
struct two_chains {
  static constexpr laws sibling_laws = deterministic;
  void propose(const basic_context<branching>&, basic_draft_tree<double>& tree) const {
    tree.add(0, 0);               // ^ → 0: 1/2
    tree.add(0, 1);               // ^ → 1: 1/4
    tree.add(tree.add(0, 2), 0);  // ^ → 2 → 0: 1/4 · 7/10
    tree.add(2, 2);               // ^ → 1 → 2: 1/4 · 1/3
  }
};

}  // namespace

TEST_CASE("lossy::lenient: acceptance and distance on B are those of the lowered demand", "[lossy]") {
  const auto check = [](double l, double accepted, double distance) {
    auto m = fixture_b();
    const round_law law = judged(
        m, [&] { return chain(m, 1); }, lossy::lenient(plain, l));
    CHECK(std::abs(law.accepted - accepted) < exact);
    CHECK(std::abs(round_distance(law, m.target, 1) - distance) < exact);
  };
  check(0.8, 49. / 80, 1. / 16);
  check(0.5, 4. / 5, 1. / 4);
  check(1.0, 11. / 20, 0);
  static_assert(!lossy::lenient<temperature>::lossless && lossy::lenient<greedy>::lossless);
  CHECK_THROWS_AS(lossy::lenient(plain, 0.0), error);
}

TEST_CASE("lossy::typical: accepts tokens 0 to 2 on A and 0 to 3 on B", "[lossy]") {
  const auto kept = [](pair_of_models m) {
    std::vector<token> out;
    for (token t = 0; t < static_cast<token>(m.target.vocab_size()); ++t)
      if (judged(
              m, [&] { return chosen_children{{t}}; }, lossy::typical(plain))
              .accepted > 0.5)
        out.push_back(t);
    return out;
  };
  CHECK(kept(fixture_a()) == std::vector<token>{0, 1, 2});
  CHECK(kept(fixture_b()) == std::vector<token>{0, 1, 2, 3});
  static_assert(!lossy::typical<temperature>::lossless);
}

TEST_CASE("lossy::typical: the deepest path is kept, of equal depths the more likely one", "[lossy]") {
  auto m = fixture_m();
  const round_law law = judged(
      m, [] { return two_chains{}; }, lossy::typical(plain));
  for (const auto& [text, weight] : law.emitted) CHECK((text.size() == 3 && text[0] == 2 && text[1] == 0));
}

TEST_CASE("lossy::lenient: a lenience of 1 is rejection, on trees too", "[lossy]") {
  for (const branching_vector& shape : {branching_vector{3}, {2, 1}, {1, 2}}) {
    auto m = fixture_b();
    const round_law strict = judged(m, rsd_c(m, shape), rejection(plain));
    const round_law lenient = judged(m, rsd_c(m, shape), lossy::lenient(plain, 1.0));
    CHECK(std::abs(strict.accepted - lenient.accepted) < exact);
    CHECK(round_distance(lenient, m.target, shape.size() + 1) < exact);
  }
}
