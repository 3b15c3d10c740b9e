// Decoders whose drafts are drawn in one go: the texts and counts of token by token. Built twice, as backend_test.cpp.
#include <utility>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/adaptive_length.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "device.hpp"
#include "small_shape.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

static_assert(reads_depth_alone<fixed_length>() && reads_depth_alone<plus_two_minus_one>());
static_assert(!reads_depth_alone<confidence_stop>() && !reads_depth_alone<entropy_stop>());

namespace {

/// The same policy, asked after each token.
template <class L>
struct asked_each_time : L {
  static constexpr bool reads_depth_alone = false;
  static constexpr bool wants_probability = false;
};

struct events {
  std::vector<std::vector<std::size_t>>* seen;
  void on_step(const step_event& e) { seen->push_back({e.drafted, e.tested, e.accepted, e.emitted, e.truncated}); }
};

/// Two texts, the second one shorter and of another seed, and what every step counted.
template <class B, class D, class V>
std::vector<std::vector<std::size_t>> run(B& target, D drafter, V verifier, std::span<const token> end_of_text) {
  std::vector<std::vector<std::size_t>> all;
  auto decoder = speculate(target, std::move(drafter), std::move(verifier), events{&all});
  for (const std::size_t length : {12u, 5u}) {
    decoder.start(
        random_tokens(length, 50, 6),
        {.random = philox{length}, .max_tokens = 14, .end_of_text = {end_of_text.begin(), end_of_text.end()}});
    while (decoder.step().status == status::running) all.push_back({decoder.last_verdict().path.size()});
    all.emplace_back(decoder.text().begin(), decoder.text().end());
  }
  return all;
}

}  // namespace

TEST_CASE("cuda chains: a decoder says and counts what it does token by token", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model big{small_shape("llama", tensor_type::q4_1)}, small = big, other{big.shape(), 2};
  small.tensors.at("output_norm.weight").data = tiny_model{big.shape(), 5}.tensors.at("output_norm.weight").data;
  cuda::backend target{big.file()};
  std::size_t accepted = 0, rejected = 0, shorter = 0;
  for (const bool hard : {false, true}) {  // tokens that end the text, and a draft model that is soon full
    cuda::backend draft{(hard ? other : small).file(), {.context = hard ? 22u : 256u}};
    const std::vector<token> ends = hard ? std::vector<token>{9, 17, 30, 31, 44} : std::vector<token>{};
    const auto both = [&](auto make, auto verifier, auto policy) {
      const auto whole = run(target, with_length(make(), policy), verifier, ends);
      const auto single = run(target, with_length(make(), asked_each_time<decltype(policy)>{policy}), verifier, ends);
      CHECK(whole == single);
      for (const auto& e : whole) {
        if (e.size() != 5) continue;
        accepted += e[2];
        rejected += e[1] - e[2];
        shorter += e[0] < 5;
      }
    };
    const temperature warp{0.7F};
    both([&] { return model_drafter(draft, greedy{}); }, match{greedy{}}, fixed_length{5});
    both([&] { return model_drafter(draft, greedy{}); }, rejection{greedy{}}, plus_two_minus_one{2});
    both([&] { return coupled_model_drafter(draft, warp); }, match{warp}, fixed_length{5});
    both([&] { return model_drafter(draft, warp); }, rejection{warp}, fixed_length{5});
    both([&] { return model_drafter(draft, warp); }, rejection{warp},
         best_paying_length{{.draft = 0.5, .pass = {1.0, 1.1}}, 6, 0.5, 3});
  }
  CHECK(accepted > 20);  // or little would have been shown
  CHECK(rejected > 20);
  CHECK(shorter > 10);
}
