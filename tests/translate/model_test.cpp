// SmolLM2 drafts for Qwen2.5-Coder: other tokens, the same text.
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/text_vocabulary.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"
#include "translate/vocabularies.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using tokens = std::vector<token>;

constexpr std::string_view prompt =
    "<|im_start|>user\nList the days of the week, then the twelve months of the year.<|im_end|>\n"
    "<|im_start|>assistant\n";

template <class Decoder>
tokens text_of(Decoder& decoder, const tokens& text) {
  request wish;
  wish.max_tokens = 40;
  decoder.start(text, std::move(wish));
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

}  // namespace

static_assert(Vocabulary<gguf::text_vocabulary>);

TEST_CASE("translate: SmolLM2's text in Qwen's tokens and back is the same text", "[translate][model]") {
  const auto small = model_path("smollm2");
  if (!small) HUNCH_SKIP(absent_model("smollm2"));
  const auto large = model_path("qwen");
  if (!large) HUNCH_SKIP(absent_model("qwen"));
  const gguf::tokenizer of_small{gguf::file{*small}};
  const gguf::tokenizer of_large{gguf::file{*large}};
  const gguf::text_vocabulary small_words{of_small};
  const gguf::text_vocabulary large_words{of_large};
  const std::string text = std::string{prompt} + "One\n\nTwo  three\tfour, 12345 \xC3\xA9t\xC3\xA9\n    return x\n";
  const gguf::encode_options marks{.add_special = false, .parse_special = true};
  retokeniser to_small{large_words, small_words};
  to_small.follow(of_large.encode(text, marks), 0);
  // Cut into segments, the text has the tokens that SmolLM2 makes of it in one piece.
  const tokens got{to_small.tokens().begin(), to_small.tokens().end()};
  CHECK(got == of_small.encode(text, marks));
  const shared_tokens shared{small_words, large_words};
  WARN(shared.count() << " of SmolLM2's " << small_words.size() << " tokens are Qwen's too");
  CHECK(shared(*of_small.find("<|im_end|>")) == *of_large.find("<|im_end|>"));
}

TEST_CASE("translate: SmolLM2 drafts for Qwen and the text is that of plain decoding", "[translate][model]") {
  const auto small = model_path("smollm2");
  if (!small) HUNCH_SKIP(absent_model("smollm2"));
  const auto large = model_path("qwen");
  if (!large) HUNCH_SKIP(absent_model("qwen"));
  const gguf::file small_file{*small};
  const gguf::file large_file{*large};
  const gguf::tokenizer of_large{large_file};
  const gguf::text_vocabulary small_words{gguf::tokenizer{small_file}};
  const gguf::text_vocabulary large_words{of_large};
  cpu::backend draft{small_file};
  cpu::backend target{large_file};
  const tokens text = of_large.encode(prompt, {.add_special = true, .parse_special = true});

  auto plain = speculate(target, no_draft{}, match(greedy{}), stats{});
  auto by_text = speculate(
      target, translated(with_length(model_drafter(draft, greedy{}), fixed_length{5}), small_words, large_words),
      match(greedy{}), stats{});
  const shared_tokens shared{small_words, large_words};
  auto by_token =
      speculate(target,
                translated_tokens(with_length(model_drafter(draft, only_shared{shared} | greedy{}), fixed_length{5}),
                                  small_words, large_words, shared),
                match(greedy{}), stats{});
  const tokens expected = text_of(plain, text);
  CHECK(text_of(by_text, text) == expected);
  CHECK(text_of(by_token, text) == expected);
  CHECK(by_text.observer().accepted > 0);
  CHECK(by_token.observer().accepted > 0);
  WARN("tau by text " << by_text.observer().tau() << ", by shared tokens " << by_token.observer().tau());
}
