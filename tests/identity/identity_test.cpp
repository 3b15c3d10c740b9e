// On real models: text with speculation under `match` equals text without it, token for token.
//
// HUNCH_IDENTITY=full runs the whole cross (four prompts, all lengths, one and two threads; minutes); otherwise a cut
// of it (two prompts, three lengths) that fits every run.
#include <cstdlib>
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

using namespace hunch;

namespace {

constexpr std::size_t answer_tokens = 32;

/// How much of the cross a routine run takes.
struct cut {
  std::size_t prompts;
  std::vector<std::uint32_t> lengths;
};

bool full() { return std::getenv("HUNCH_IDENTITY") != nullptr && std::string{std::getenv("HUNCH_IDENTITY")} == "full"; }

std::vector<std::string> prompts(const cut& routine) {
  std::vector<std::string> all{
      "Repeat the list and add two animals: cat, dog, cow, cat, dog, cow, cat, dog,",
      "def add(a, b):\n    return a + b\n\ndef subtract(a, b):\n    return a - b\n\ndef multiply(a, b):\n",
      "Once upon a time, in a small village by the sea, there lived an old fisherman who",
      "Q: What is 12 times 7?\nA: 84\nQ: What is 9 times 8?\nA: 72\nQ: What is 6 times 7?\nA:"};
  if (!full()) all.resize(routine.prompts);
  return all;
}

std::vector<std::uint32_t> lengths(const cut& routine) {
  if (!full()) return routine.lengths;
  std::vector<std::uint32_t> all;
  for (std::uint32_t n = 1; n <= 16; ++n) all.push_back(n);
  return all;
}

template <class Decoder>
std::vector<token> text_of(Decoder decoder, const std::vector<token>& prompt) {
  decoder.start(prompt, request{philox{7}, answer_tokens, {}});
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

/// Plain decoding on one thread is the reference; every spec, length and number of threads must say the same.
template <class W, class Drafts>
void check_identity(const gguf::file& file, const gguf::tokenizer& words, W warp, Drafts draft_model,
                    const cut& routine) {
  cpu::backend one{file, {.threads = 1, .context = 512}};
  cpu::backend two{file, {.threads = 2, .context = 512}};
  for (const std::string& prompt : prompts(routine)) {
    const auto ids = words.encode(prompt, {.add_special = true, .parse_special = false});
    const auto plain = text_of(speculate(one, no_draft{}, match(warp)), ids);
    REQUIRE(plain.size() == ids.size() + answer_tokens);
    CHECK(text_of(speculate(two, no_draft{}, match(warp)), ids) == plain);
    for (const std::uint32_t n : lengths(routine)) {
      for (cpu::backend* target : {&one, &two}) {
        INFO("prompt: " << prompt << "; length " << n << "; threads " << target->threads());
        const auto lookup = with_length(prompt_lookup(2), fixed_length{n});
        CHECK(text_of(speculate(*target, lookup, match(warp)), ids) == plain);
        CHECK(text_of(speculate(*target, with_length(draft_model(*target, warp), fixed_length{n}), match(warp)), ids) ==
              plain);
      }
    }
  }
}

void check_model(const char* name, const cut& routine) {
  const auto path = test::model_path(name);
  if (!path) HUNCH_SKIP(test::absent_model(name));
  const gguf::file file{*path};
  const gguf::tokenizer words{file};
  SECTION("greedy") {
    check_identity(
        file, words, greedy{}, [](cpu::backend& b, auto warp) { return model_drafter(b, warp); }, routine);
  }
  SECTION("T = 0.8, drafts with the target's noise") {
    check_identity(
        file, words, temperature(0.8f), [](cpu::backend& b, auto warp) { return coupled_model_drafter(b, warp); },
        routine);
  }
}

}  // namespace

TEST_CASE("identity: SmolLM2 says the same with every drafter, length and number of threads", "[identity]") {
  check_model("smollm2", {2, {1, 4, 16}});
}
TEST_CASE("identity: Gemma 3 says the same with every drafter, length and number of threads", "[identity]") {
  check_model("gemma", {1, {4}});
}
TEST_CASE("identity: Qwen2.5-Coder says the same with every drafter, length and number of threads", "[identity]") {
  check_model("qwen", {1, {4}});
}
