#include <random>
#include <string>
#include <vector>

#include <hunch/gguf/detokenizer.hpp>

#include "gguf/tiny_tokenizers.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::streaming_detokenizer;
using hunch::test::byte_bpe;
using hunch::test::tokenizer_of;

namespace {

const std::string mark = "\xEF\xBF\xBD";

// Tokens are bytes in this vocabulary, so that every character comes in pieces.
streaming_detokenizer byte_stream(bool special = false) {
  return streaming_detokenizer{tokenizer_of(byte_bpe({}, "qwen2", {{"<x>", test::control}})), special};
}

std::string whole(streaming_detokenizer& s, const std::vector<unsigned>& bytes) {
  std::string out;
  for (const auto b : bytes) out += s.push(static_cast<token>(b));
  out += s.flush();
  return out;
}

}  // namespace

TEST_CASE("detokenizer: a character comes out with its last byte", "[gguf][detokenizer]") {
  auto s = byte_stream();
  CHECK(s.push('a') == "a");
  CHECK(s.push(0xF0).empty());
  CHECK(s.push(0x9F).empty());
  CHECK(s.push(0x99).empty());
  CHECK(s.push(0x82) == "🙂");
  CHECK(s.push('b') == "b");
  CHECK(s.flush().empty());
}

TEST_CASE("detokenizer: invalid bytes become U+FFFD as soon as that is certain", "[gguf][detokenizer]") {
  auto s = byte_stream();
  CHECK(s.push(0xFF) == mark);
  CHECK(s.push(0xE4).empty());
  CHECK(s.push('a') == mark + "a");
  CHECK(s.push(0xE4).empty());
  CHECK(s.push(0xBD).empty());
  CHECK(s.push(0xC3) == mark + mark);  // the new lead byte stays pending
  CHECK(s.push(0xA9) == "é");
  CHECK(s.push(0xED).empty());
  CHECK(s.push(0xA0) == mark + mark);  // a surrogate
}

TEST_CASE("detokenizer: flush gives an unfinished character as U+FFFD and starts anew", "[gguf][detokenizer]") {
  auto s = byte_stream();
  CHECK(s.push(0xE4).empty());
  CHECK(s.push(0xBD).empty());
  CHECK(s.flush() == mark + mark);
  CHECK(s.flush().empty());
  CHECK(s.push('a') == "a");
}

TEST_CASE("detokenizer: control tokens are hidden unless asked for, and split no character", "[gguf][detokenizer]") {
  auto hidden = byte_stream();
  CHECK(hidden.push(0xC3).empty());
  CHECK(hidden.push(256).empty());
  CHECK(hidden.push(0xA9) == "é");
  auto shown = byte_stream(true);
  CHECK(shown.push(256) == "<x>");
}

TEST_CASE("detokenizer: bytes cut anywhere give the text", "[gguf][detokenizer]") {
  const std::string text = "aé你🙂\u07FF\uFFFD\U0010FFFF!";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    auto s = byte_stream();
    std::string out{s.push_bytes(std::string_view(text).substr(0, cut))};
    out += s.push_bytes(std::string_view(text).substr(cut));
    out += s.flush();
    CHECK(out == text);
  }
}

TEST_CASE("detokenizer: any bytes give valid text, the same in whatever pieces they come", "[gguf][detokenizer]") {
  std::mt19937 random{7};
  for (int round = 0; round < 2000; ++round) {
    std::vector<unsigned> bytes(random() % 12);
    // Mostly leads and continuations, so that broken characters of all kinds come up.
    for (auto& b : bytes) b = random() % 4 == 0 ? random() % 128 : 0x80 + random() % 128;
    const std::string raw(bytes.begin(), bytes.end());
    auto one_by_one = byte_stream();
    auto at_once = byte_stream();
    std::string expected{at_once.push_bytes(raw)};
    expected += at_once.flush();
    CHECK(whole(one_by_one, bytes) == expected);
    // Encoding reads invalid bytes by the same rule and leaves valid text alone.
    const auto t = tokenizer_of(byte_bpe({}));
    if (round < 50) CHECK(t.decode(t.encode(raw, test::plain)) == expected);
  }
}
