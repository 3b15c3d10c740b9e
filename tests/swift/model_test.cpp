// On a real model: self-speculation, with the search running, says what plain decoding says.
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/drafters/swift.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

using namespace hunch;

namespace {

constexpr std::size_t answer_tokens = 40;

template <class Decoder>
std::vector<token> text_of(Decoder& decoder, const std::vector<token>& prompt) {
  decoder.start(prompt, request{philox{7}, answer_tokens, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

template <class W, class Make>
void check_identity(W warp, Make make) {
  const auto path = test::model_path("smollm2");
  if (!path) HUNCH_SKIP(test::absent_model("smollm2"));
  const gguf::file file{*path};
  const gguf::tokenizer words{file};
  cpu::backend target{file, {.context = 512}};
  for (const char* prompt :
       {"Once upon a time, in a small village by the sea, there lived an old fisherman who",
        "def add(a, b):\n    return a + b\n\ndef subtract(a, b):\n    return a - b\n\ndef multiply(a, b):\n"}) {
    const auto ids = words.encode(prompt, {.add_special = true, .parse_special = false});
    auto plain = speculate(target, no_draft{}, match(warp));
    const auto expected = text_of(plain, ids);
    REQUIRE(expected.size() == ids.size() + answer_tokens);
    auto decoder = speculate(target, make(spread_skips(target.layer_count(), 0.1)), match(warp), stats{});
    CHECK(text_of(decoder, ids) == expected);
    CHECK(decoder.drafter().search().tried() > 0);
    CHECK(decoder.observer().accepted > 0);
    auto most_left_out = speculate(target, make(spread_skips(target.layer_count(), 0.8)), match(warp));
    CHECK(text_of(most_left_out, ids) == expected);
  }
}

const skip_search_options search{.window = 12, .proposals = 8, .good_enough = 2};

}  // namespace

TEST_CASE("swift: SmolLM2's greedy text does not change, chain and caterpillar", "[swift][identity]") {
  check_identity(greedy{}, [](skip_set set) {
    return swift(greedy{}, set, confidence_stop{.6f, 6}, {.search = search});
  });
  check_identity(greedy{}, [](skip_set set) {
    return swift(greedy{}, set, confidence_stop{.6f, 3}, {.siblings = caterpillar, .search = search});
  });
}

TEST_CASE("swift: SmolLM2's text at T = 0.8 does not change, its own noise and the target's", "[swift][identity]") {
  const temperature warm{0.8f};
  check_identity(warm, [&](skip_set set) { return swift(warm, set, confidence_stop{.6f, 6}, {.search = search}); });
  check_identity(warm, [&](skip_set set) {
    return coupled_swift(warm, set, confidence_stop{.6f, 6}, {.search = search});
  });
}
