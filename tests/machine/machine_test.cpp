#include <algorithm>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "machine/toy_host.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;
constexpr std::size_t vocab = 12;
const temperature warm{0.9f};

struct models {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  hosted_model hosted_target{0, vocab, 4096};
  hosted_model hosted_draft{1, vocab, 4096};
};

tokens text_of(auto& decoder, const tokens& prompt, std::size_t count) {
  decoder.start(prompt, {philox{7}, count, {}, {}});
  while (decoder.status() == status::running) decoder.step(24);
  return {decoder.text().begin(), decoder.text().end()};
}

/// Drives a machine; every `fails`-th pass is run and then abandoned (0: none).
tokens text_of(auto& machine, toy_host<float>& host, const tokens& prompt, std::size_t count, std::size_t fails = 0) {
  machine.start(prompt, {philox{7}, count, {}, {}});
  tokens streamed = prompt;
  for (std::size_t passes = 1; machine.status() == status::running;) {
    bool abandoned = false;
    while (const auto wanted = machine.next(24)) {
      const auto rows = host.run(*wanted);
      if (fails != 0 && passes++ % fails == 0) {
        machine.abandon();
        abandoned = true;
        break;
      }
      machine.supply(rows);
    }
    const machine_result& done = machine.result();
    if (!abandoned) host.apply(0, done.cache);
    streamed.insert(streamed.end(), done.emitted.begin(), done.emitted.end());
  }
  CHECK(streamed == tokens(machine.text().begin(), machine.text().end()));
  return streamed;
}

/// The machine over `hosted(model)` says what the decoder over `make(backend)` says, also when passes fail.
template <class Make, class V>
void check_same(Make make, V verifier) {
  models m;
  auto decoder = speculate(m.target, make(m.draft), verifier, stats{});
  step_machine machine{m.hosted_target, make(m.hosted_draft), verifier, stats{}};
  toy_host<float> host;
  host.add(0, m.target);
  host.add(1, m.draft);
  const tokens prompt{3, 1, 4, 1, 5};
  const tokens expected = text_of(decoder, prompt, 60);
  REQUIRE(expected.size() == prompt.size() + 60);
  CHECK(text_of(machine, host, prompt, 60) == expected);
  CHECK(machine.observer().steps == decoder.observer().steps);
  CHECK(machine.observer().accepted == decoder.observer().accepted);
  CHECK(machine.observer().drafted == decoder.observer().drafted);
  // Another text on the same caches, then failing passes.
  const tokens second{3, 1, 4, 2};
  const tokens expected_second = text_of(decoder, second, 40);
  CHECK(text_of(machine, host, second, 40) == expected_second);
  for (const std::size_t fails : {11u, 13u, 17u}) CHECK(text_of(machine, host, prompt, 60, fails) == expected);
}

}  // namespace

TEST_CASE("machine: chains of a hosted model, under three verifiers", "[machine]") {
  const auto chain = [](auto& draft) { return with_length(model_drafter(draft, warm), fixed_length{4}); };
  check_same(chain, rejection(warm));
  check_same(chain, block(warm));
  check_same(chain, match(warm));
  check_same([](auto& draft) { return with_length(coupled_model_drafter(draft, warm), fixed_length{4}); }, match(warm));
  check_same([](auto& draft) { return with_length(model_drafter(draft, greedy{}), fixed_length{3}); }, match(greedy{}));
}

TEST_CASE("machine: trees of a hosted model", "[machine]") {
  check_same([](auto& draft) { return gumbel_top_k(draft, warm, {3, 2, 1}); }, traversal(warm));
  check_same([](auto& draft) { return stochastic_beam(draft, warm, 3, 3); }, rejection(warm));
  check_same([](auto& draft) { return best_first(draft, warm, 9); }, match(warm));
  check_same([](auto& draft) { return iid_children(draft, warm, {2, 2}); }, multi_round(warm));
  check_same([](auto& draft) { return spec_hub_pairs(draft, warm, 2); }, spec_hub(warm));
}

TEST_CASE("machine: drafters without a model, and mixtures", "[machine]") {
  check_same([](auto&) { return no_draft{}; }, match(warm));
  check_same([](auto&) { return with_length(prompt_lookup(2), fixed_length{5}); }, match(warm));
  check_same(
      [](auto& draft) {
        return first_of(with_length(prompt_lookup(2), fixed_length{5}),
                        with_length(model_drafter(draft, warm), fixed_length{3}));
      },
      block(warm));
}
