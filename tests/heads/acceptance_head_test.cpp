// Acceptance heads: what they compute, and what specdec_pp makes of it.
#include "heads.hpp"

#include <cmath>

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

draft_signal signal_of(std::span<const float> hidden, float probability) {
  draft_signal s{1, probability, 1};
  s.hidden = hidden;
  return s;
}

/// Two values of hidden state, width 2, one block.
acceptance_weights small_weights() {
  return {2, 2, {{1, 0, 0, 0, 1, 1}, {0, 0.5f}}, {{{0, 2, 1, 0}, {0, 0}}}, {{1, 0, 0, 1, 1, 1}, {0, 0, -1}}};
}

/// A draft model that always writes token 0. Token 2 gets after the text of n tokens what `third` says for n.
toy_backend draft_of(std::vector<float> third) {
  return {3, [third = std::move(third)](std::span<const token> context, std::span<float> row) {
            row[2] = third.at(context.size());
            row[1] = 0.01f;
            row[0] = 1 - row[1] - row[2];
          }};
}

std::size_t drafted_by(toy_backend& draft, double threshold) {
  // Log-odds of acceptance: 10 times the probability of token 2, whatever was drawn.
  auto drafter = with_length(model_drafter(draft, greedy{}), specdec_pp{linear_head({0, 0, 10, 0}, 0), threshold});
  draft_tree tree{3};
  const std::vector<token> text{1, 0};
  for (int round = 0; round < 2; ++round) {  // the second without anything left from the first
    tree.reset(text.back());
    drafter.propose(decode_context{.text = text, .budget = 16, .max_depth = 16}, tree);
  }
  return tree.drafted();
}

}  // namespace

// z = (h_1, h_2 + log-odds + 0.5), then z + SiLU of (2·z_2, z_1); outputs z_1, z_2, z_1 + z_2 - 1.
TEST_CASE("acceptance_head: blocks, log-odds of the drawn token and three outputs, by hand", "[head]") {
  const float state[] = {1, -1};
  const auto at = [&](draft_draw draw, float probability) {
    return acceptance_head{small_weights(), draw}.acceptance(signal_of(state, probability));
  };
  CHECK(at(draft_draw::greedy, 0.5f) == Approx(0.67503753));
  CHECK(at(draft_draw::shared_noise, 0.5f) == Approx(0.55750901));
  CHECK(at(draft_draw::own_noise, 0.5f) == Approx(0.49053042));
  CHECK(at(draft_draw::greedy, 0.8f) == Approx(0.92519862));
  CHECK(at(draft_draw::shared_noise, 0.8f) == Approx(0.83442974));
  CHECK(at(draft_draw::own_noise, 0.8f) == Approx(0.95821461));
}

TEST_CASE("acceptance_head: a certain token's log-odds are those of 1 in 10,000", "[head]") {
  const float state[] = {0};
  auto head = linear_head({0, 1}, 0);
  CHECK(head.acceptance(signal_of(state, 1.0f)) == Approx(0.9999).margin(1e-6));
  CHECK(head.acceptance(signal_of(state, 0.0f)) == Approx(0.0001).margin(1e-6));
}

TEST_CASE("acceptance_head: matrices of another shape are refused", "[head]") {
  const auto refused = [](auto change) {
    acceptance_weights w = small_weights();
    change(w);
    CHECK_THROWS_AS((acceptance_head{w, draft_draw::own_noise}), error);
  };
  refused([](auto& w) { w.hidden = 3; });
  refused([](auto& w) { w.width = 0; });
  refused([](auto& w) { w.input.weight.pop_back(); });
  refused([](auto& w) { w.blocks[0].weight.resize(6); });
  refused([](auto& w) { w.blocks[0].bias.clear(); });
  acceptance_weights w = small_weights();
  w.output.weight.resize(4);
  CHECK_THROWS_WITH((acceptance_head{w, draft_draw::own_noise}),
                    "hunch: the output layer of an acceptance head has 4 weights and 3 biases; 3 rows of 2 are needed");
}

TEST_CASE("specdec_pp: stops by what a head reads in the state that each token was drawn from", "[head]") {
  // The text has two tokens. Acceptances .9, .8, .5, then ever .9999: 1 - product is .1, .28, .64, .64, …
  std::vector<float> third(40, 0.92f);
  third[2] = std::log(9.0f) / 10;
  third[3] = std::log(4.0f) / 10;
  third[4] = 0;
  toy_backend draft = draft_of(third);
  CHECK(drafted_by(draft, 0.05) == 1);
  CHECK(drafted_by(draft, 0.2) == 2);
  CHECK(drafted_by(draft, 0.5) == 3);
  CHECK(drafted_by(draft, 0.7) == 15);  // the budget
}

TEST_CASE("specdec_pp: lengths by a head keep the law of the text", "[head]") {
  auto m = fixture_m();
  const auto head = linear_head({1, -1, 0.5f, 1}, 0.2f, draft_draw::own_noise);
  const auto drafter = [&] { return with_length(model_drafter(m.draft, plain), specdec_pp{head, 0.5, 1, 2}); };
  CHECK(text_distance_of(m, drafter, rejection(plain), 4) < exact);
  CHECK(text_distance_of(m, drafter, block(plain), 4) < exact);
}

TEST_CASE("wants_hidden: what reads no state costs no copy of it", "[head]") {
  static_assert(wants_hidden<specdec_pp<acceptance_head>>());
  static_assert(!wants_hidden<specdec_pp<>>() && !wants_hidden<fixed_length>() && !wants_hidden<confidence_stop>());
  toy_backend draft = draft_of(std::vector<float>(9, 0.1f));
  model_drafter drafter{draft, greedy{}};
  draft_tree tree{3};
  tree.reset(1);
  const std::vector<token> text{1};
  const auto drawn = drafter.extend(decode_context{.text = text, .budget = 4, .max_depth = 4}, tree, 0);
  REQUIRE(drawn);
  CHECK(drawn->hidden.empty());
}
