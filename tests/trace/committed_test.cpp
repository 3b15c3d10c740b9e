// Policies compared offline, from rows of SmolLM2 that data/ keeps: against what the rows say by themselves.
#include <hunch/sampling/row.hpp>

#include "support/catch.hpp"
#include "trace/recording.hpp"

using namespace hunch;
using namespace hunch::test;
using replay::replay_backend;

namespace {

struct recorded_pair {
  std::vector<replay::recorded_text> target;
  std::vector<replay::recorded_text> draft;
  explicit recorded_pair(const std::string& name)
      : target{replay::read_trace(folder() + name + ".trace")},
        draft{replay::read_trace(folder() + name + ".draft.trace")} {
    REQUIRE(target.size() == 4);
    REQUIRE(draft.size() == 4);
  }
  static std::string folder() { return std::string{HUNCH_TEST_DATA} + "/trace/data/"; }
};

request wish_of(const replay::recorded_text& text) {
  return {.random = philox{text.seed}, .max_tokens = text.text.size() - text.prompt.size()};
}

/// Whether the draft's token would be the decided one, for each token behind the prompt. `pick` chooses from a row.
template <class Pick>
std::vector<bool> agreement(const replay::recorded_text& draft, Pick pick) {
  std::vector<bool> out;
  for (const auto& step : draft.steps)
    for (const auto& row : step.rows) {
      const std::size_t at = draft.prompt.size() + out.size();
      std::vector<float> full(draft.vocab, -std::numeric_limits<float>::infinity());
      for (std::size_t i = 0; i < row.ids.size(); ++i) full[static_cast<std::size_t>(row.ids[i])] = row.values[i];
      out.push_back(pick(full, at) == draft.text[at]);
    }
  return out;
}

/// Steps of a chain of `length` drafts, straight from where the two agree.
std::size_t steps_of_chain(const std::vector<bool>& agrees, std::size_t length) {
  std::size_t steps = 0;
  for (std::size_t at = 0; at < agrees.size(); ++steps) {
    std::size_t accepted = 0;
    while (accepted < std::min(length, agrees.size() - at - 1) && agrees[at + accepted]) ++accepted;
    at += accepted + 1;
  }
  return steps;
}

}  // namespace

TEST_CASE("replay: greedy chains over recorded rows take the steps that the rows imply", "[replay]") {
  const recorded_pair all{"greedy"};
  std::size_t tokens_said = 0;
  std::size_t steps = 0;
  for (std::size_t i = 0; i < all.target.size(); ++i) {
    const auto& text = all.target[i];
    CHECK(all.draft[i].text == text.text);
    replay_backend target{{&text, 1}};
    replay_backend draft{{&all.draft[i], 1}};
    const auto agrees = agreement(all.draft[i], [](const auto& row, std::size_t) { return argmax(std::span{row}); });
    for (const std::uint32_t length : {1u, 2u, 4u, 8u}) {
      const auto drafter = with_length(model_drafter(draft, greedy{}), fixed_length{length});
      const outcome o = run(target, drafter, match(greedy{}), text.prompt, wish_of(text));
      CHECK(o.text == text.text);
      CHECK(o.steps == steps_of_chain(agrees, length));
      steps += o.steps;
      tokens_said += agrees.size();
    }
  }
  CHECK(tokens_said > steps * 3 / 2);  // the draft is worth something
}

TEST_CASE("replay: coupled chains over recorded rows take the steps that the rows imply", "[replay]") {
  const recorded_pair all{"sampled"};
  const auto warp = temperature(0.8f);
  for (const std::size_t i : {1u, 3u}) {
    const auto& text = all.target[i];
    replay_backend target{{&text, 1}};
    replay_backend draft{{&all.draft[i], 1}};
    const auto agrees = agreement(all.draft[i], [&](std::vector<float>& row, std::size_t at) {
      for (float& x : row) x /= 0.8f;
      return philox{text.seed}.at_position(at, std::span<const float>{row});
    });
    for (const std::uint32_t length : {2u, 5u}) {
      const auto drafter = with_length(coupled_model_drafter(draft, warp), fixed_length{length});
      const outcome o = run(target, drafter, match(warp), text.prompt, wish_of(text));
      CHECK(o.text == text.text);
      CHECK(o.steps == steps_of_chain(agrees, length));
    }
  }
}

TEST_CASE("replay: no policy changes the recorded text under match", "[replay]") {
  const recorded_pair all{"sampled"};
  const auto warp = temperature(0.8f);
  const auto& text = all.target[1];
  const auto same = [&](const auto& policy) {
    replay_backend target{{&text, 1}};
    replay_backend draft{{&all.draft[1], 1}};
    CHECK(run(target, policy(draft), match(warp), text.prompt, wish_of(text)).text == text.text);
  };
  same([](auto&) { return with_length(prompt_lookup{{.n = 3, .n_min = 1}}, fixed_length{8}); });
  same([](auto&) { return with_length(anpd{4}, fixed_length{8}); });
  same([](auto&) { return token_recycling{24}; });
  same([&](auto& d) { return gumbel_top_k(d, warp, {3, 2, 1}); });
  same([&](auto& d) { return stochastic_beam(d, warp, 4, 3); });
  same([&](auto& d) { return best_first(d, warp, 12); });
  same([&](auto& d) { return iid_children(d, warp, {2, 2}); });
}
