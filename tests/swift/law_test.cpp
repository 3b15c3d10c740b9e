// The law of a text that the target drafted with layers left out is the target's: by enumeration, over rounds.
#include <algorithm>
#include <vector>

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "swift/layered.hpp"
#include "swift/mutants.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<double> harm{.3, .1, .2, .15};  // four layers

/// Distance of the text of several rounds from the target's law.
template <class D, class V>
double distance(D drafter, V verifier, std::size_t length, std::size_t budget = 64) {
  auto m = fixture_m();
  layered<double> target{m.target, harm};
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = speculate<branching>(target, drafter, verifier);
    decoder.start(start_text, basic_request<branching>{source, length, {}});
    while (decoder.status() == status::running) decoder.step(budget);
    return std::vector<token>(decoder.text().begin() + 1, decoder.text().end());
  });
  return total_variation(emitted, target_law(m.target, start_text, length, plain));
}

const auto two_parts = leaving_out(4, {0, 3});

}  // namespace

TEST_CASE("swift: chains have the target's law over several rounds, under every verifier", "[swift][lossless]") {
  for (const std::uint32_t gamma : {1u, 2u}) {
    INFO("gamma " << gamma);
    const auto drafter = [&] { return swift(plain, two_parts, fixed_length{gamma}); };
    CHECK(distance(drafter(), rejection(plain), gamma + 2) < exact);
    CHECK(distance(drafter(), block(plain), gamma + 2) < exact);
    CHECK(distance(drafter(), traversal(plain), gamma + 2) < exact);
    CHECK(distance(drafter(), match(plain), gamma + 2) < exact);
  }
}

TEST_CASE("swift: stopping after an unsure token keeps the law", "[swift][lossless]") {
  const auto drafter = [] { return swift(plain, two_parts, confidence_stop{0.45f, 3}); };
  CHECK(distance(drafter(), rejection(plain), 4) < exact);
  CHECK(distance(drafter(), block(plain), 4) < exact);
}

TEST_CASE("swift: caterpillars have the target's law over several rounds", "[swift][lossless]") {
  const swift_options wide{.siblings = {2, 2, 2, 2}};
  const swift_options by_confidence{.siblings = {1, 1, 2, 3}};
  for (const swift_options& o : {wide, by_confidence}) {
    const auto drafter = [&] { return swift(plain, two_parts, fixed_length{2}, o); };
    CHECK(distance(drafter(), rejection(plain), 3) < exact);
    CHECK(distance(drafter(), traversal(plain), 3) < exact);
    CHECK(distance(drafter(), match(plain), 3) < exact);
  }
  CHECK(distance(swift(plain, two_parts, confidence_stop{0.5f, 2}, wide), traversal(plain), 3) < exact);
  CHECK(distance(swift(plain, two_parts, fixed_length{3}, wide), traversal(plain), 3, 4) < exact);  // budget 4
}

TEST_CASE("swift: chosen drafts have the target's law while the search changes the layers", "[swift][lossless]") {
  const swift_options searching{.siblings = {1, 1, 1, 2}, .search = {.window = 1, .proposals = 1, .good_enough = 2}};
  const auto drafter = [&] { return swift(greedy{}, two_parts, fixed_length{1}, searching); };
  CHECK(distance(drafter(), rejection(plain), 6) < exact);
  CHECK(distance(drafter(), match(plain), 6) < exact);
}

TEST_CASE("swift: drawn drafts have the target's law while the search changes the layers", "[swift][lossless]") {
  auto m = fixture_m();
  layered<double> target{m.target, harm};
  const swift_options searching{.search = {.window = 1, .proposals = 2, .good_enough = 2}};
  std::size_t changed = 0;
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = speculate<branching>(target, swift(plain, two_parts, fixed_length{1}, searching), rejection(plain));
    decoder.start(start_text, basic_request<branching>{source, 6, {}});
    while (decoder.status() == status::running) decoder.step();
    if (decoder.drafter().search().adopted() > 0) ++changed;
    return std::vector<token>(decoder.text().begin() + 1, decoder.text().end());
  });
  CHECK(total_variation(emitted, target_law(m.target, start_text, 6, plain)) < exact);
  CHECK(changed > 100);
}

TEST_CASE("swift: accepts by the laws' overlap, and everything when nothing is left out", "[swift]") {
  auto m = fixture_m();
  layered<double> target{m.target, harm};
  const auto accepted = [&](const skip_set& set) {
    return one_round([&] { return speculate<branching>(target, swift(plain, set, fixed_length{1}), rejection(plain)); })
        .accepted;
  };
  // The root's law is {1/2, 1/4, 1/4}; moving .3 of it on gives {.425, .325, .25}: the overlap is .925.
  CHECK(accepted(leaving_out(4, {0})) == Approx(.925).epsilon(1e-12));
  CHECK(accepted(skip_set{4}) == Approx(1).epsilon(1e-12));
}

TEST_CASE("mutants: the exact check sees what self-speculation can get wrong", "[swift][mutants]") {
  CHECK(distance(wrong_swift<swift_bug::none>{two_parts}, rejection(plain), 3) < exact);
  CHECK(distance(wrong_swift<swift_bug::discards_the_unsure>{two_parts}, rejection(plain), 3) > 1e-3);
  CHECK(distance(wrong_swift<swift_bug::q_of_the_whole_model>{two_parts}, rejection(plain), 3) > 1e-3);
  CHECK_THROWS_WITH(distance(wrong_swift<swift_bug::keeps_its_nodes>{two_parts}, rejection(plain), 3),
                    Catch::Matchers::Contains("layer-skipping"));
}
