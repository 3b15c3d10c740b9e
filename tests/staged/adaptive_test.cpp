// Lengths that are decided on the way keep the law, and follow what is accepted.
#include <hunch/drafters/adaptive_length.hpp>

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

template <class L>
auto adaptive(pair_of_models& m, L policy) {
  return [&m, policy] { return with_length(model_drafter(m.draft, plain), policy); };
}

/// A predictor that says what a test wants.
struct scripted {
  std::vector<double> says;
  double acceptance(const draft_signal& s) const { return says[s.depth - 1]; }
};

/// Draws a token, looks at its own probability, leaves it out.
struct dropping {
  static constexpr laws sibling_laws = without_replacement;
  text_sequence<exact_backend> sequence;
  void propose(const basic_context<branching>& ctx, basic_draft_tree<double>& tree) {
    if (!sequence.sync(ctx.text)) return;
    const auto rows = sequence.forward(tree);
    const auto q = tree.make_q(0);
    std::copy(rows[0].begin(), rows[0].end(), q.begin());
    (void)softmax(q);
    const token x = ctx.random.categorical(ctx.site(0), purpose::draft, std::span<const double>{q});
    if (q[static_cast<std::size_t>(x)] < 0.12) return tree.drop_q(0);
    tree.add(0, x);
  }
};

std::uint32_t stops_at(auto policy, std::uint32_t longest = 30) {
  draft_signal s{};
  while (s.depth < longest && policy.keep_drafting(s)) s = {s.node + 1, 0.5f, s.depth + 1};
  return s.depth;
}

/// A round of `drafted` tokens of which `accepted` were kept.
void play(auto& policy, std::uint32_t accepted) {
  draft_tree tree{4};
  draft_signal s{};
  while (policy.keep_drafting(s) && s.depth < 30) {
    tree.add(s.node, 1);
    s = {s.node + 1, 0.5f, s.depth + 1};
  }
  verdict v;
  v.reset();
  for (node_id n = 1; n <= accepted && n < tree.size(); ++n) v.path.push_back(n);
  v.next = 0;
  policy.observe(tree, v);
}

}  // namespace

TEST_CASE("adaptive: lengths that read the drafted tokens keep the law of the text", "[adaptive]") {
  auto m = fixture_m();
  const auto check = [&](auto policy) {
    CHECK(text_distance_of(m, adaptive(m, policy), rejection(plain), 4) < exact);
    CHECK(text_distance_of(m, adaptive(m, policy), block(plain), 4) < exact);
  };
  check(confidence_stop{0.35f, 2});
  check(entropy_stop{1.05f, 2});
  check(plus_two_minus_one{1, 2});
  check(best_paying_length{{0.1, {1, 1.05}}, 2});
  check(specdec_pp{calibrated_confidence{}, 0.5, 1, 2});
}

TEST_CASE("adaptive: dropping the unsure token instead of keeping it biases the text (mutant)", "[adaptive][mutant]") {
  auto m = fixture_b();
  const auto law = judged(
      m, [&] { return dropping{text_sequence<exact_backend>{m.draft}}; }, rejection(plain));
  CHECK(std::abs(round_distance(law, m.target, 1) - 33. / 400) < exact);
}

TEST_CASE("specdec_pp: stops when one rejection is likely enough", "[adaptive]") {
  const scripted predictor{{.95, .9, .8, .6, .5, .5, .5}};  // 1 - product: .05 .145 .316 .5896 .7948
  CHECK(stops_at(specdec_pp{predictor, 0.3}) == 3);
  CHECK(stops_at(specdec_pp{predictor, 0.7}) == 5);
  CHECK(stops_at(specdec_pp{predictor, 0.3, 4}) == 4);
  CHECK(stops_at(specdec_pp{predictor, 1.0, 1, 6}) == 6);
  CHECK_THROWS_WITH(specdec_pp(predictor, 0.0), Catch::Matchers::Contains("threshold in (0, 1]"));
}

TEST_CASE("calibrated_confidence: learns what a probability is worth", "[adaptive]") {
  calibrated_confidence learned;
  for (int i = 0; i < 4000; ++i) {
    learned.learn({1, 0.9f, 1}, i % 2 == 0);   // sure, and right every other time
    learned.learn({1, 0.2f, 1}, i % 10 == 0);  // unsure, and right every tenth time
  }
  CHECK(learned.acceptance({1, 0.9f, 1}) == Catch::Detail::Approx(0.5).margin(0.1));
  CHECK(learned.acceptance({1, 0.2f, 1}) == Catch::Detail::Approx(0.1).margin(0.05));
}

TEST_CASE("specdec_pp: only tested tokens teach", "[adaptive]") {
  struct counting {
    int* accepted;
    int* rejected;
    double acceptance(const draft_signal&) const { return 0.99; }
    void learn(const draft_signal&, bool a) { ++*(a ? accepted : rejected); }
  };
  int accepted = 0, rejected = 0;
  specdec_pp policy{counting{&accepted, &rejected}, 1.0, 1, 6};
  play(policy, 2);
  CHECK(accepted == 2);
  CHECK(rejected == 1);
  play(policy, 6);
  CHECK(accepted == 8);
  CHECK(rejected == 1);
}

TEST_CASE("plus_two_minus_one: a round that stopped early is no success", "[adaptive]") {
  plus_two_minus_one policy{5, 8};
  play(policy, 5);
  CHECK(policy.length() == 7);
  play(policy, 7);
  CHECK(policy.length() == 8);
  play(policy, 3);
  CHECK(policy.length() == 7);
  draft_tree short_round{4};  // the budget ended it after two tokens, both accepted
  short_round.add(0, 1);
  short_round.add(1, 1);
  verdict all;
  all.reset();
  all.path = {0, 1, 2};
  policy.observe(short_round, all);
  CHECK(policy.length() == 7);
  for (int i = 0; i < 20; ++i) play(policy, 0);
  CHECK(policy.length() == 1);
}

TEST_CASE("best_paying_length: long where all is accepted, none where nothing is, and back", "[adaptive]") {
  best_paying_length policy{{0.1, {1, 1.1}}, 8};
  for (int i = 0; i < 200; ++i) play(policy, 8);
  CHECK(policy.length() == 8);
  for (int i = 0; i < 400; ++i) play(policy, 0);
  CHECK(policy.length() == 0);
  std::uint32_t drafted = 0;
  for (int i = 0; i < 160; ++i) drafted += policy.keep_drafting({}) ? 1u : 0u;
  CHECK(drafted == 10);  // one try in sixteen
  for (int i = 0; i < 3000; ++i) play(policy, 8);
  CHECK(policy.length() > 0);
}

TEST_CASE("best_paying_length: the scan finds the best length of a constant acceptance", "[adaptive]") {
  // (1 - a^(n+1)) / (1 - a) / (1 + n·c), a = .7 as at the start: by hand, c = .1: n = 4 gives 2.7731/1.4 = 1.981,
  // n = 3 2.533/1.3 = 1.949, n = 5 2.941/1.5 = 1.961.
  CHECK(best_paying_length({0.05, {1, 1.05}}).length() == 4);
  CHECK(best_paying_length({0.7, {1, 1.1}}).length() == 0);
  CHECK(best_paying_length({0, {1, 1, 1, 2, 3}}).length() == 2);  // rows are free up to three
  CHECK(draft_costs{0.5, {1, 1.25}}.round(3) == 3 * 0.5 + 1.75);
}

TEST_CASE("entropy_stop: reads the entropy of the draft's law", "[adaptive]") {
  testing::toy_backend target{8, testing::iid_law<float>(std::vector<float>(8, 0.125f))};  // ln 8 = 2.079
  const auto drafted = [&](float nats) {
    auto decoder =
        speculate(target, with_length(model_drafter(target, plain), entropy_stop{nats, 6}), rejection(plain), stats{});
    decoder.start(start_text);
    decoder.step();
    return decoder.observer().drafted;
  };
  CHECK(drafted(2.07f) == 1);
  CHECK(drafted(2.09f) == 6);
}
