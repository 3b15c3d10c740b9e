// A real model, recorded and replayed: policies do the same over its trace as over itself.
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"
#include "trace/recording.hpp"

using namespace hunch;
using namespace hunch::test;
using replay::replay_backend;

namespace {

/// The same policies over the model and over its trace. The model is its own draft, at another temperature: it agrees
/// often, not always.
template <class W>
void compare(cpu::backend& model, const W& warp, const temperature& draft_warp, const tokens& prompt,
             std::uint64_t seed) {
  const request wish{.random = philox{seed}, .max_tokens = 48};
  const auto texts = read(plain_trace(model, warp, prompt, wish, {}));
  std::string rows;
  record_rows(model, texts[0].text, prompt.size(), into(rows), {}, first_by_noise(philox{seed}, draft_warp, 1));
  replay_backend target{texts};
  const auto drafted = read(rows);
  replay_backend draft{drafted};
  const auto same = [&](const auto& policy) {
    const outcome in_truth = run(model, policy(model), match(warp), prompt, wish);
    CHECK(run(target, policy(draft), match(warp), prompt, wish) == in_truth);
    CHECK(in_truth.text == texts[0].text);
  };
  same([](auto&) { return with_length(prompt_lookup{2}, fixed_length{6}); });
  same([](auto&) { return with_length(suffix_automaton(), plus_two_minus_one{}); });
  same([&](auto& d) { return with_length(coupled_model_drafter(d, draft_warp), fixed_length{3}); });
}

}  // namespace

TEST_CASE("replay: policies over SmolLM2's trace do what they do over SmolLM2", "[replay][model]") {
  const auto path = model_path("smollm2");
  if (!path) HUNCH_SKIP(absent_model("smollm2"));
  const gguf::file file{*path};
  const gguf::tokenizer tokenizer{file};
  cpu::backend model{file};
  const auto prompt = tokenizer.encode("One apple, two apples, three apples, four");
  compare(model, greedy{}, temperature(0.7f), prompt, 1);
  compare(model, temperature(0.8f), temperature(0.4f), prompt, 2);
}
