#include <string>
#include <thread>
#include <vector>

#include "gguf/errors.hpp"
#include "gguf/tiny_tokenizers.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::test::byte_bpe;
using hunch::test::plain;
using hunch::test::refusal;
using hunch::test::says;
using hunch::test::tokenizer_of;
using hunch::test::tokens;

TEST_CASE("bpe: merges apply by rank, not from left to right", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"b c", "a b"}));
  CHECK(t.encode("abc", plain) == tokens{'a', 256});
  CHECK(t.encode("abb", plain) == tokens{257, 'b'});
}

TEST_CASE("bpe: of equal ranks the leftmost pair merges first", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"a a"}));
  CHECK(t.encode("aaa", plain) == tokens{256, 'a'});
  CHECK(t.encode("aaaa", plain) == tokens{256, 256});
}

TEST_CASE("bpe: merged tokens merge on, and stale pairs are dropped", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"h e", "l l", "he ll", "hell o"}));
  CHECK(t.encode("hello", plain) == tokens{259});
  CHECK(t.encode("hellhe", plain) == tokens{258, 256});
  CHECK(t.encode("elll", plain) == tokens{'e', 257, 'l'});
}

TEST_CASE("bpe: spaces belong to the word behind them", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"Ġ a", "a Ġ"}));
  CHECK(t.encode("a a", plain) == tokens{'a', 256});
  CHECK(t.encode("a  a", plain) == tokens{'a', ' ', 256});
  CHECK(t.encode("a ", plain) == tokens{'a', ' '});
}

TEST_CASE("bpe: smollm and qwen2 cut numbers into single digits", "[gguf][bpe]") {
  for (const auto* pre : {"smollm", "qwen2"}) {
    const auto t = tokenizer_of(byte_bpe({"1 2", "Ġ 1"}, pre));
    CHECK(t.encode("12", plain) == tokens{'1', '2'});
    CHECK(t.encode("x 12", plain) == tokens{'x', ' ', '1', '2'});
  }
}

TEST_CASE("bpe: white space before a digit stays whole under smollm and loses its last space before a letter",
          "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"Ġ Ġ"}, "smollm"));
  CHECK(t.encode("a  1", plain) == tokens{'a', 256, '1'});
  CHECK(t.encode("a  b", plain) == tokens{'a', ' ', ' ', 'b'});
  CHECK(t.encode("a  ", plain) == tokens{'a', 256});
}

TEST_CASE("bpe: qwen2 knows contractions in both cases, smollm in lower case only", "[gguf][bpe]") {
  const std::vector<std::string> merges{"' s", "' S", "S x"};
  CHECK(tokenizer_of(byte_bpe(merges, "qwen2")).encode("a'Sx", plain) == tokens{'a', 257, 'x'});
  CHECK(tokenizer_of(byte_bpe(merges, "smollm")).encode("a'Sx", plain) == tokens{'a', '\'', 258});
  CHECK(tokenizer_of(byte_bpe(merges, "smollm")).encode("a'sx", plain) == tokens{'a', 256, 'x'});
}

TEST_CASE("bpe: qwen2 keeps line breaks with the punctuation before them", "[gguf][bpe]") {
  const std::vector<std::string> merges{". Ċ"};
  CHECK(tokenizer_of(byte_bpe(merges, "qwen2")).encode(".\n", plain) == tokens{256});
  CHECK(tokenizer_of(byte_bpe(merges, "smollm")).encode(".\n", plain) == tokens{'.', '\n'});
}

TEST_CASE("bpe: U+180E is no white space, U+3000 and U+0085 are", "[gguf][bpe]") {
  // Under smollm two spaces before a mark lose the last one to the mark's word; before white space they do not.
  const auto t = tokenizer_of(byte_bpe({"Ġ á", "Ġ ã", "Ġ Â"}, "smollm"));
  CHECK(t.encode("x \u180ey", plain)[1] == 256);  // one word: space and mark
  CHECK(t.encode(" \u3000", plain)[0] == 257);    // one word of white space at the end of the text
  CHECK(t.encode("x \u3000y", plain)[1] == ' ');
  CHECK(t.encode("x \u0085y", plain)[1] == ' ');
}

TEST_CASE("bpe: characters outside of ASCII are their bytes and come back", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({}));
  CHECK(t.encode("é", plain) == tokens{0xC3, 0xA9});
  const std::string text = "naïve 你好 🙂\t\r\n\x7f";
  CHECK(t.decode(t.encode(text, plain)) == text);
}

TEST_CASE("bpe: each byte of invalid UTF-8 is read as U+FFFD", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({}));
  const std::string mark = "\xEF\xBF\xBD";
  CHECK(t.decode(t.encode("a\xFFz", plain)) == "a" + mark + "z");
  CHECK(t.decode(t.encode("\xC3", plain)) == mark);
  CHECK(t.decode(t.encode("\xE4\xBD!", plain)) == mark + mark + "!");                 // cut short
  CHECK(t.decode(t.encode("\xC0\xAF", plain)) == mark + mark);                        // overlong
  CHECK(t.decode(t.encode("\xED\xA0\x80", plain)) == mark + mark + mark);             // surrogate
  CHECK(t.decode(t.encode("\xF4\x90\x80\x80", plain)) == mark + mark + mark + mark);  // above U+10FFFF
}

TEST_CASE("bpe: bytes that a vocabulary has no token for are left out", "[gguf][bpe]") {
  test::tiny_vocabulary v;
  const auto a = v.add("a");
  auto w = v.writer("gpt2");
  w.key("tokenizer.ggml.pre", "smollm").key("tokenizer.ggml.merges", std::vector<std::string>{});
  CHECK(tokenizer_of(w).encode("a!a", plain) == tokens{a, a});
}

TEST_CASE("bpe: a merge whose text is no token falls back to its bytes", "[gguf][bpe]") {
  test::tiny_vocabulary v;
  for (const auto* s : {"a", "b"}) v.add(s);
  auto w = v.writer("gpt2");
  w.key("tokenizer.ggml.pre", "smollm").key("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  CHECK(tokenizer_of(w).encode("abb", plain) == tokens{0, 1, 1});
}

TEST_CASE("bpe: a word of a million characters takes no quadratic time", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({"a a", "aa aa", "aaaa aaaa"}));
  const std::string text(std::size_t{1} << 20, 'a');
  CHECK(t.encode(text, plain) == tokens(text.size() / 8, 258));
  const std::string spaces(std::size_t{1} << 20, ' ');
  CHECK(t.encode(spaces + "x", plain).size() == spaces.size() + 1);
}

TEST_CASE("bpe: an empty text has no tokens", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({}));
  CHECK(t.encode("").empty());
  CHECK(t.decode({}).empty());
}

TEST_CASE("bpe: other pre-tokenizers and kinds are refused by name with those that are known", "[gguf][bpe]") {
  CHECK(says(refusal([] { return tokenizer_of(byte_bpe({}, "tekken")); }), "'tekken'", "gpt-2", "smollm", "qwen2",
             "llama-bpe"));
  test::tiny_vocabulary v;
  v.add("a");
  CHECK(says(refusal([&] { return tokenizer_of(v.writer("t5")); }), "'t5'", "gpt2", "llama"));
  CHECK(says(refusal([&] { return tokenizer_of(v.writer("gpt2")); }), "tokenizer.ggml.pre"));
}

TEST_CASE("bpe: damaged merges and vocabularies are refused", "[gguf][bpe]") {
  test::tiny_vocabulary v;
  v.add("a");
  auto no_pair = v.writer("gpt2");
  no_pair.key("tokenizer.ggml.pre", "qwen2").key("tokenizer.ggml.merges", std::vector<std::string>{"ab"});
  CHECK(says(refusal([&] { return tokenizer_of(no_pair); }), "merge 0", "'ab'"));
  v.add("a");
  CHECK(says(refusal([&] { return tokenizer_of(v.writer("gpt2")); }), "token 1", "token 0", "'a'"));
  test::gguf_writer uneven;
  uneven.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
  uneven.key("tokenizer.ggml.token_type", std::vector<std::int32_t>{1});
  CHECK(says(refusal([&] { return tokenizer_of(uneven); }), "token_type has 1 entries for 2"));
  auto bad_id = byte_bpe({});
  bad_id.key("tokenizer.ggml.eos_token_id", std::uint32_t{256});
  CHECK(says(refusal([&] { return tokenizer_of(bad_id); }), "eos_token_id is 256"));
}

TEST_CASE("bpe: ids outside of the vocabulary are refused by number", "[gguf][bpe]") {
  const auto t = tokenizer_of(byte_bpe({}));
  CHECK(says(refusal([&] { return t.piece(256); }), "token 256"));
  CHECK(says(refusal([&] { return t.decode(tokens{'a', -1}); }), "token -1"));
  CHECK(says(refusal([&] { return t.kind_of(1 << 30); }), "1073741824"));
  CHECK_FALSE(t.is_end_of_generation(-1));
}

TEST_CASE("bpe: copies share a tokenizer that many threads may use", "[gguf][bpe][threads]") {
  const auto t = tokenizer_of(byte_bpe({"h e", "l l", "he ll", "hell o", "Ġ w"}));
  std::string text;
  for (int i = 0; i < 200; ++i) text += "hello world 12 ";
  const auto expected = t.encode(text, plain);
  std::vector<tokens> results(4);
  std::vector<std::thread> threads;
  for (auto& r : results) threads.emplace_back([copy = t, &r, &text] { r = copy.encode(text, plain); });
  for (auto& thread : threads) thread.join();
  for (const auto& r : results) CHECK(r == expected);
}
