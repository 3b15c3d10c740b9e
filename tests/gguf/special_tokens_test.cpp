#include <string>
#include <vector>

#include "gguf/errors.hpp"
#include "gguf/tiny_tokenizers.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::test::byte_bpe;
using hunch::test::control;
using hunch::test::plain;
using hunch::test::tokenizer_of;
using hunch::test::tokens;
using hunch::test::unknown;
using hunch::test::unused;
using hunch::test::user_defined;
using hunch::test::with_control;

TEST_CASE("special tokens: control tokens are matched only where the caller allows it", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({}, "qwen2", {{"<x>", control}, {"<u>", unknown}}));
  CHECK(t.encode("a<x>b", with_control) == tokens{'a', 256, 'b'});
  CHECK(t.encode("a<x>b", plain) == tokens{'a', '<', 'x', '>', 'b'});
  CHECK(t.encode("<u>", with_control) == tokens{257});
  CHECK(t.encode("<u>", plain) == tokens{'<', 'u', '>'});
}

TEST_CASE("special tokens: user-defined tokens are matched always, unused ones never", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({}, "qwen2", {{"<x>", user_defined}, {"[P]", unused}}));
  CHECK(t.encode("<x><x>", plain) == tokens{256, 256});
  CHECK(t.encode("[P]", with_control) == tokens{'[', 'P', ']'});
  CHECK(t.piece(257).empty());
}

TEST_CASE("special tokens: longer ones are matched before shorter ones, wherever they start", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe(
      {}, "qwen2", {{"ab", user_defined}, {"bcd", user_defined}, {"<|a|>", user_defined}, {"<|a|>b", user_defined}}));
  CHECK(t.encode("abcd", plain) == tokens{'a', 257});
  CHECK(t.encode("ab", plain) == tokens{256});
  CHECK(t.encode("<|a|>b<|a|>", plain) == tokens{259, 258});
}

TEST_CASE("special tokens: of one token that overlaps itself the leftmost place is taken", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({}, "qwen2", {{"aa", user_defined}}));
  CHECK(t.encode("aaaaa", plain) == tokens{256, 256, 'a'});
}

TEST_CASE("special tokens: words do not merge across them", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({"a b"}, "qwen2", {{"<x>", control}}));
  CHECK(t.encode("ab", plain) == tokens{256});
  CHECK(t.encode("a<x>b", with_control) == tokens{'a', 257, 'b'});
}

TEST_CASE("special tokens: tokens of one byte are found", "[gguf][special]") {
  test::tiny_vocabulary v;
  v.add("a");
  const auto bar = v.add("|", user_defined);
  auto w = v.writer("gpt2");
  w.key("tokenizer.ggml.pre", "qwen2").key("tokenizer.ggml.merges", std::vector<std::string>{});
  CHECK(tokenizer_of(w).encode("a|a|", plain) == tokens{0, bar, 0, bar});
}

TEST_CASE("special tokens: decode hides control tokens unless asked", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({}, "qwen2", {{"<x>", control}, {"<y>", user_defined}}));
  const tokens ids{'a', 256, 257, 'b'};
  CHECK(t.decode(ids) == "a<y>b");
  CHECK(t.decode(ids, true) == "a<x><y>b");
  CHECK(t.piece(256) == "<x>");
  CHECK(t.kind_of(256) == gguf::token_kind::control);
}

TEST_CASE("special tokens: begin- and end-of-text are added where the file asks for them", "[gguf][special]") {
  auto w = byte_bpe({}, "qwen2", {{"<s>", control}, {"<e>", control}});
  w.key("tokenizer.ggml.bos_token_id", std::uint32_t{256}).key("tokenizer.ggml.eos_token_id", std::uint32_t{257});
  auto both = w;
  both.key("tokenizer.ggml.add_bos_token", true).key("tokenizer.ggml.add_eos_token", true);
  CHECK(tokenizer_of(both).encode("a") == tokens{256, 'a', 257});
  CHECK(tokenizer_of(both).encode("") == tokens{256, 257});
  CHECK(tokenizer_of(both).encode("a", plain) == tokens{'a'});
  CHECK(tokenizer_of(w).encode("a") == tokens{'a'});
  auto without = byte_bpe({});
  without.key("tokenizer.ggml.add_bos_token", true);
  CHECK(test::says(test::refusal([&] { return tokenizer_of(without); }), "bos_token_id is missing"));
}

TEST_CASE("special tokens: an answer ends at what the file names and at tokens known by their text",
          "[gguf][special]") {
  auto w = byte_bpe(
      {}, "qwen2", {{"<end>", control}, {"<|im_end|>", user_defined}, {"<turn>", control}, {"<|endoftext|>", control}});
  w.key("tokenizer.ggml.eos_token_id", std::uint32_t{256}).key("tokenizer.ggml.eot_token_id", std::uint32_t{258});
  const auto t = tokenizer_of(w);
  CHECK(tokens(t.end_of_generation().begin(), t.end_of_generation().end()) == tokens{256, 257, 258, 259});
  CHECK(t.is_end_of_generation(257));
  CHECK_FALSE(t.is_end_of_generation('a'));
  CHECK(t.kind_of(257) == gguf::token_kind::control);  // whatever the file says
  CHECK(t.encode("<|im_end|>", plain).size() == 10);
}

TEST_CASE("special tokens: tokens are found by their text in the file", "[gguf][special]") {
  const auto t = tokenizer_of(byte_bpe({"Ġ a"}, "qwen2", {{"<x>", control}}));
  CHECK(t.find("Ġa") == token{256});
  CHECK(t.find("<x>") == token{257});
  CHECK_FALSE(t.find("<y>").has_value());
  CHECK(t.piece(256) == " a");
}
