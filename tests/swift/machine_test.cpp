// Where the host runs the passes: the text, the trees and the search of a decoder.
#include <utility>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "swift/layered.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;
const temperature warm{0.9f};
const std::vector<double> harm{.7, .02, .6, .03, .05, .01, .7, .04};  // six layers
const swift_options searching{.siblings = caterpillar_sampled, .search = {.window = 6, .proposals = 4}};

/// Owns the target's cache and does what passes and plans say.
class host {
 public:
  explicit host(layered<float>& model) : model_{&model}, sequence_{model.open()} {}

  basic_matrix_view<float> run(const pass& wanted) {
    if (wanted.cache) apply(*wanted.cache);
    return wanted.skipped.empty() ? model_->forward(sequence_, wanted.tree)
                                  : model_->forward(sequence_, wanted.tree, wanted.skipped);
  }
  void apply(const kv_plan& plan) {
    if (plan.keep < sequence_.kept.size()) {
      if (!plan.move.empty()) raise("host: a plan truncates and moves");
      model_->commit(sequence_, {});
      model_->rewind(sequence_, plan.keep);
    } else {
      model_->commit(sequence_, plan.move);
    }
    if (!plan.append.empty()) model_->prefill(sequence_, plan.append);
  }

 private:
  layered<float>* model_;
  layered<float>::sequence sequence_;
};

/// Every `fails`-th pass runs and is then abandoned (0: none).
tokens text_of(auto& machine, host& runs, const tokens& prompt, std::size_t count, std::size_t fails = 0) {
  machine.start(prompt, {philox{7}, count, {}, {}});
  for (std::size_t passes = 1; machine.status() == status::running;) {
    bool abandoned = false;
    while (const auto wanted = machine.next(24)) {
      const auto rows = runs.run(*wanted);
      abandoned = fails != 0 && passes++ % fails == 0;
      if (abandoned) break;
      machine.supply(rows);
    }
    if (abandoned)
      machine.abandon();
    else
      runs.apply(machine.result().cache);
  }
  return {machine.text().begin(), machine.text().end()};
}

template <class D, class V>
void check_same(D drafter, V verifier) {
  toy_backend whole{12, hashed_law<float>(1, 7.0)};
  layered<float> target{whole, harm};
  auto decoder = speculate(target, drafter, verifier, stats{});
  step_machine machine{hosted_model{0, 12, 4096}, drafter, verifier, stats{}};
  host runs{target};
  const tokens prompt{3, 1, 4, 1, 5};
  for (int text = 0; text < 2; ++text) {
    decoder.start(prompt, {philox{7}, 80, {}, {}});
    while (decoder.status() == status::running) decoder.step(24);
    CHECK(text_of(machine, runs, prompt, 80) == tokens(decoder.text().begin(), decoder.text().end()));
    CHECK(machine.observer().steps == decoder.observer().steps);
    CHECK(machine.observer().drafted == decoder.observer().drafted);
    CHECK(machine.observer().accepted == decoder.observer().accepted);
    CHECK(machine.drafter().search().best() == decoder.drafter().search().best());
    CHECK(machine.drafter().search().tried() == decoder.drafter().search().tried());
  }
}

}  // namespace

static_assert(SelfPassDrafter<swift<greedy>> && SelfPassDrafter<swift<temperature, fixed_length>>);
static_assert(SelfDrafter<swift<greedy>, layered<float>> && !Drafter<swift<greedy>>);
static_assert(!SelfPassDrafter<no_draft> && !SelfPassDrafter<with_length<prompt_lookup, fixed_length>>);

TEST_CASE("machine: self-speculation of a hosted target, chains and caterpillars", "[swift][machine]") {
  const skip_set set = spread_skips(6, 0.5);
  check_same(swift(warm, set, fixed_length{3}), rejection(warm));
  check_same(swift(warm, set, fixed_length{3}), block(warm));
  check_same(swift(warm, set, confidence_stop{.4f, 5}, {.siblings = caterpillar_sampled}), traversal(warm));
  check_same(swift(greedy{}, set, fixed_length{3}, {.siblings = caterpillar}), match(greedy{}));
  check_same(coupled_swift(warm, set, fixed_length{3}), match(warm));
}

TEST_CASE("machine: the search of a hosted target", "[swift][machine]") {
  const skip_set set = spread_skips(6, 0.5);
  check_same(swift(greedy{}, set, fixed_length{3}, searching), match(greedy{}));
  check_same(swift(warm, set, fixed_length{3}, searching), traversal(warm));
  check_same(coupled_swift(warm, set, fixed_length{3}, searching), match(warm));
}

TEST_CASE("machine: passes that fail change neither text nor cache, with the search running", "[swift][machine]") {
  toy_backend whole{12, hashed_law<float>(1, 7.0)};
  layered<float> target{whole, harm};
  auto plain = speculate(target, no_draft{}, match(warm));
  const tokens prompt{3, 1, 4, 1, 5};
  plain.start(prompt, {philox{7}, 80, {}, {}});
  while (plain.status() == status::running) plain.step();
  const tokens expected(plain.text().begin(), plain.text().end());
  for (const std::size_t fails : {7u, 11u, 13u}) {
    step_machine machine{hosted_model{0, 12, 4096}, swift(warm, spread_skips(6, 0.5), fixed_length{3}, searching),
                         match(warm)};
    host runs{target};
    CHECK(text_of(machine, runs, prompt, 80, fails) == expected);
    CHECK(text_of(machine, runs, prompt, 80) == expected);
  }
}

TEST_CASE("machine: a text that follows drafted tokens does not take over their nodes", "[swift][machine]") {
  toy_backend whole{12, hashed_law<float>(1, 7.0)};
  layered<float> target{whole, harm};
  step_machine machine{hosted_model{0, 12, 4096}, swift(greedy{}, spread_skips(6, 0.5), fixed_length{4}),
                       match(greedy{})};
  host runs{target};
  machine.start(tokens{3, 1, 4}, {philox{7}, 40, {}, {}});
  for (int i = 0; i < 3; ++i) {
    const auto wanted = machine.next();
    REQUIRE(wanted.has_value());
    REQUIRE_FALSE(wanted->skipped.empty());
    machine.supply(runs.run(*wanted));
  }
  tokens longer{3, 1, 4};  // and what was drafted: their nodes are still in the host's cache
  const draft_tree& drafted = std::as_const(machine).tree();
  for (node_id n = 1; n < drafted.size(); ++n) longer.push_back(drafted[n]);
  REQUIRE(longer.size() == 6);
  auto plain = speculate(target, no_draft{}, match(greedy{}));
  plain.start(longer, {philox{7}, 20, {}, {}});
  while (plain.status() == status::running) plain.step();
  CHECK(text_of(machine, runs, longer, 20) == tokens(plain.text().begin(), plain.text().end()));
}
