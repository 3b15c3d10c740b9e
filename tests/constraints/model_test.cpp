// On a real model: with a constraint, speculation says what plain decoding says, and the text matches the pattern.
#include <chrono>
#include <string>
#include <vector>

#include <hunch/constraints/regex.hpp>
#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/tokenizer.hpp>
#include <hunch/sampling/constrain.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

using namespace hunch;
using constraints::regex;
using constraints::vocabulary;

namespace {

vocabulary words_of(const gguf::tokenizer& from) {
  return {from.vocab_size(), [&](token t) {
            const auto kind = from.kind_of(t);
            const bool text = kind == gguf::token_kind::normal || kind == gguf::token_kind::user_defined ||
                              kind == gguf::token_kind::byte;
            return text ? from.piece(t) : std::string_view{};
          }};
}

}  // namespace

TEST_CASE("D11: SmolLM2 keeps to a pattern, with the same text for every drafter", "[constraint][D11]") {
  const auto path = test::model_path("smollm2");
  if (!path) HUNCH_SKIP(test::absent_model("smollm2"));
  const gguf::file file{*path};
  const gguf::tokenizer tokenizer{file};
  cpu::backend target{file, {.threads = 2, .context = 512}};
  const std::vector<token> end(tokenizer.end_of_generation().begin(), tokenizer.end_of_generation().end());
  const auto prompt = tokenizer.encode("Ann is 31 years old and lives in Paris. As JSON:\n",
                                       {.add_special = true, .parse_special = false});
  const regex rule{
      R"(\{"name": "[A-Za-z ]{1,20}", "age": \d{1,3}, "city": "[^"\\\n]{1,20}"\}(\n\{"name": "[A-Za-z ]{1,20}"\}){2})",
      words_of(tokenizer)};

  const auto check = [&](auto warp, bool sampled) {
    const auto all = constrained(rule, end, prompt.size()) | warp;
    const auto said = [&](auto drafter) {
      auto decoder = speculate(target, std::move(drafter), match(all), stats{});
      decoder.start(prompt, request{philox{11}, 150, end});
      while (decoder.status() == status::running) decoder.step();
      CHECK(decoder.status() == status::end_of_text);
      return std::pair{std::vector<token>{decoder.text().begin() + static_cast<std::ptrdiff_t>(prompt.size()),
                                          decoder.text().end() - 1},
                       decoder.observer().accepted};
    };
    const auto [plain, none] = said(no_draft{});
    const auto lookup = said(with_length(prompt_lookup(2), fixed_length{5}));
    CHECK(lookup.first == plain);
    const auto tree =
        sampled ? said(coupled_gumbel_top_k(target, all, {2, 1, 1})) : said(gumbel_top_k(target, all, {2, 1, 1}));
    CHECK(tree.first == plain);
    CHECK(tree.second > plain.size() / 2);  // the draft is the model itself and knows the rule
    const std::string text = tokenizer.decode(plain);
    INFO(text);
    CHECK(rule.matches(text));
  };
  SECTION("greedy") { check(greedy{}, false); }
  SECTION("T = 0.8") { check(temperature{0.8f}, true); }
}
