#include <string>
#include <vector>

#include "gguf/errors.hpp"
#include "gguf/tiny_tokenizers.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::test::plain;
using hunch::test::sentencepiece;
using hunch::test::tokenizer_of;
using hunch::test::tokens;

namespace {

constexpr token first = 259;  // id of the first extra token
constexpr token byte(unsigned b) { return static_cast<token>(3 + b); }

test::gguf_writer without_prefix(const std::vector<std::pair<std::string, float>>& extra) {
  auto w = sentencepiece(extra);
  w.key("tokenizer.ggml.add_space_prefix", false);
  return w;
}

}  // namespace

TEST_CASE("spm: the pair of the highest score merges first", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"a", -9}, {"b", -9}, {"c", -9}, {"ab", -3}, {"bc", -2}}));
  CHECK(t.encode("abc", plain) == tokens{first, first + 4});
  CHECK(t.encode("abb", plain) == tokens{first + 3, first + 1});
}

TEST_CASE("spm: of equal scores the leftmost pair merges first", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"a", 0}, {"aa", 0}}));
  CHECK(t.encode("aaa", plain) == tokens{first + 1, first});
}

TEST_CASE("spm: spaces become U+2581 and come back as spaces", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"▁", -5}, {"a", -5}, {"▁a", -1}, {"▁▁", -2}}));
  CHECK(t.encode("a a", plain) == tokens{first + 1, first + 2});
  CHECK(t.encode("  ", plain) == tokens{first + 3});
  CHECK(t.piece(first + 2) == " a");
  CHECK(t.decode(tokens{first + 2, first + 2}) == " a a");
}

TEST_CASE("spm: a space is put before the text and removed again where the file asks for it", "[gguf][spm]") {
  const auto t = tokenizer_of(sentencepiece({{"▁", -5}, {"a", -5}, {"▁a", -1}}));  // the default of this kind
  CHECK(t.encode("a", plain) == tokens{first + 2});
  CHECK(t.encode("aa", plain) == tokens{first + 2, first + 1});
  CHECK(t.decode(tokens{first + 2, first + 2}) == "a a");
  CHECK(t.encode("", plain).empty());
}

TEST_CASE("spm: the space goes before text behind a special token too", "[gguf][spm]") {
  const auto t = tokenizer_of(sentencepiece({{"▁", -5}, {"a", -5}, {"▁a", -1}}));
  CHECK(t.encode("a<s>a", test::with_control) == tokens{first + 2, 1, first + 2});
}

TEST_CASE("spm: begin-of-text is added unless the file says no", "[gguf][spm]") {
  CHECK(tokenizer_of(without_prefix({{"a", 0}})).encode("a") == tokens{1, first});
  auto w = without_prefix({{"a", 0}});
  w.key("tokenizer.ggml.add_bos_token", false);
  CHECK(tokenizer_of(w).encode("a") == tokens{first});
}

TEST_CASE("spm: characters without a token are their bytes", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"a", 0}, {"▁", 0}}));
  CHECK(t.encode("aé", plain) == tokens{first, byte(0xC3), byte(0xA9)});
  CHECK(t.encode("\n", plain) == tokens{byte(0x0A)});
  CHECK(t.piece(byte(0xC3)) == "\xC3");
  const std::string text = "a你好🙂\x01 b";
  CHECK(t.decode(t.encode(text, plain)) == text);
}

TEST_CASE("spm: merges go on over merged tokens, and a path that scores forbid is not taken", "[gguf][spm]") {
  // "abcd" is a token, but no merge of two tokens leads to it once "bc" has been taken.
  const auto t = tokenizer_of(
      without_prefix({{"a", -9}, {"b", -9}, {"c", -9}, {"d", -9}, {"ab", -3}, {"cd", -3}, {"abcd", -1}, {"bc", -2}}));
  CHECK(t.encode("abcd", plain) == tokens{first, first + 7, first + 3});
  const auto u =
      tokenizer_of(without_prefix({{"a", -9}, {"b", -9}, {"c", -9}, {"d", -9}, {"ab", -3}, {"cd", -3}, {"abcd", -1}}));
  CHECK(u.encode("abcd", plain) == tokens{first + 6});
}

TEST_CASE("spm: invalid UTF-8 is read as U+FFFD", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"a", 0}}));
  CHECK(t.decode(t.encode("a\xFF", plain)) == "a\xEF\xBF\xBD");
}

TEST_CASE("spm: a text of a million characters takes no quadratic time", "[gguf][spm]") {
  const auto t = tokenizer_of(without_prefix({{"a", -3}, {"aa", -2}, {"aaaa", -1}}));
  const std::string text(std::size_t{1} << 20, 'a');
  CHECK(t.encode(text, plain) == tokens(text.size() / 4, first + 2));
}

TEST_CASE("spm: missing scores, scores that are NaN and missing bytes are refused", "[gguf][spm]") {
  test::gguf_writer w;
  w.key("tokenizer.ggml.model", "llama").key("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  w.key("tokenizer.ggml.add_bos_token", false);
  CHECK(test::says(test::refusal([&] { return tokenizer_of(w); }), "tokenizer.ggml.scores"));
  auto bytes_missing = w;
  bytes_missing.key("tokenizer.ggml.scores", std::vector<float>{0});
  CHECK(test::says(test::refusal([&] { return tokenizer_of(bytes_missing); }), "no token for byte 0"));
  w.key("tokenizer.ggml.scores", std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
  CHECK(test::says(test::refusal([&] { return tokenizer_of(w); }), "NaN"));
}
