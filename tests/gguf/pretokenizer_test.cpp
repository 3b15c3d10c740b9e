// Every known pre-tokenizer against llama.cpp, over a vocabulary whose merges show where words end
// (tests/golden/pretokenizers.json).
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gguf/errors.hpp"
#include "gguf/tiny_tokenizers.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::test::byte_bpe;
using hunch::test::control;
using hunch::test::normal;
using hunch::test::plain;
using hunch::test::refusal;
using hunch::test::says;
using hunch::test::tokenizer_of;
using hunch::test::tokens;
using nlohmann::json;

namespace {

json golden(const std::string& name) {
  std::ifstream in(std::string(HUNCH_TEST_DATA) + "/golden/" + name);
  REQUIRE(in.good());
  return json::parse(in);
}

// The vocabulary of make_pretokenizers.py: bytes, merges, whole words, begin-of-text.
gguf::tokenizer tokenizer_with(const json& g, const std::string& pre) {
  std::vector<std::pair<std::string, std::int32_t>> extra;
  for (const auto& w : g.at("words")) extra.emplace_back(w, normal);
  extra.emplace_back(g.at("begin"), control);
  const auto merges = g.at("merges").get<std::vector<std::string>>();
  auto w = byte_bpe(merges, pre, extra);
  w.key("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(256 + merges.size() + extra.size() - 1));
  return tokenizer_of(w);
}

}  // namespace

TEST_CASE("pretokenizer: every name gives llama.cpp's tokens of the hard texts", "[gguf][bpe]") {
  const json g = golden("pretokenizers.json");
  std::map<std::string, std::string> texts;
  const json all = golden("texts.json");
  for (const auto& t : all.at("texts")) texts[t.at("name")] = t.at("text");
  for (const auto& t : g.at("more_texts")) texts[t.at("name")] = t.at("text");
  std::size_t whole_sets = 0;
  for (const auto& group : g.at("groups")) {
    if (group.at("ids").size() == texts.size()) ++whole_sets;
    for (const std::string name : group.at("names")) {
      const auto t = tokenizer_with(g, name);
      CHECK(t.encode("") == group.at("ids_of_empty").get<tokens>());
      for (const auto& [text, ids] : group.at("ids").items()) {
        INFO(name << ", text '" << text << "'");
        CHECK(t.encode(texts.at(text), plain) == ids.get<tokens>());
        CHECK(t.decode(ids.get<tokens>()) == texts.at(text));
      }
    }
  }
  CHECK(whole_sets == 2);  // gpt-2 and llama-bpe
}

TEST_CASE("pretokenizer: gpt-2 keeps numbers whole, llama-bpe cuts them into threes from the left", "[gguf][bpe]") {
  const std::vector<std::string> merges{"1 2", "3 4", "12 34", "4 5"};
  CHECK(tokenizer_of(byte_bpe(merges, "gpt-2")).encode("12345", plain) == tokens{258, '5'});
  CHECK(tokenizer_of(byte_bpe(merges, "smaug-bpe")).encode("12345", plain) == tokens{256, '3', 259});
  CHECK(tokenizer_of(byte_bpe(merges, "smaug-bpe"))
            .encode("1\u0662"
                    "345",
                    plain) ==  // any number counts
        tokens{'1', 0xD9, 0xA2, '3', 259});
}

TEST_CASE("pretokenizer: gpt-2 puts the space before a number into its word, llama-bpe does not", "[gguf][bpe]") {
  const std::vector<std::string> merges{"Ġ 1"};
  CHECK(tokenizer_of(byte_bpe(merges, "gpt-2")).encode("x 1", plain) == tokens{'x', 256});
  CHECK(tokenizer_of(byte_bpe(merges, "smaug-bpe")).encode("x 1", plain) == tokens{'x', ' ', '1'});
}

TEST_CASE("pretokenizer: under llama-bpe a word that is a token needs no merges, under its relatives it does",
          "[gguf][bpe]") {
  const std::vector<std::pair<std::string, std::int32_t>> words{{"Ġword", normal}, {"<s>", control}};
  auto whole = byte_bpe({"w o"}, "llama-bpe", words);
  whole.key("tokenizer.ggml.bos_token_id", std::uint32_t{258});
  const auto t = tokenizer_of(whole);
  CHECK(t.encode("a word", plain) == tokens{'a', 257});
  CHECK(t.encode("a words", plain) == tokens{'a', ' ', 256, 'r', 'd', 's'});
  CHECK(tokenizer_of(byte_bpe({"w o"}, "smaug-bpe", words)).encode("a word", plain) == tokens{'a', ' ', 256, 'r', 'd'});
}

TEST_CASE("pretokenizer: llama-bpe begins texts with begin-of-text unless the file says no", "[gguf][bpe]") {
  const auto with = [](std::string_view pre) {
    auto w = byte_bpe({}, pre, {{"<s>", control}});
    w.key("tokenizer.ggml.bos_token_id", std::uint32_t{256});
    return w;
  };
  CHECK(tokenizer_of(with("llama-bpe")).encode("a") == tokens{256, 'a'});
  CHECK(tokenizer_of(with("gpt-2")).encode("a") == tokens{'a'});
  CHECK(tokenizer_of(with("llama-bpe").key("tokenizer.ggml.add_bos_token", false)).encode("a") == tokens{'a'});
  CHECK(says(refusal([] { return tokenizer_of(byte_bpe({}, "llama-bpe")); }), "bos_token_id is missing"));
}
