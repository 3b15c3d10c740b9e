// Texts and token ids against tokenizers that are in order: what must hold for every input.
#include <algorithm>
#include <vector>

#include <hunch/gguf/detokenizer.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "fuzz.hpp"
#include "gguf/tiny_tokenizers.hpp"

using namespace hunch;

namespace {

// Merges that overlap each other and cross characters of several bytes.
gguf::tokenizer bpe(std::string_view pre) {
  const std::string n = test::printable(0xC3);  // first byte of é and of ñ
  const std::string space = test::printable(' ');
  return test::tokenizer_of(test::byte_bpe({"h e", "l l", "he ll", "hell o", "l o", "a a", "aa aa", space + " h",
                                            n + " " + test::printable(0xA9), space + " " + space, "1 2", "' s"},
                                           pre,
                                           {{"<|im_start|>", test::control},
                                            {"<|im_end|>", test::control},
                                            {"<tool>", test::user_defined},
                                            {"<tool>x", test::user_defined}}));
}

gguf::tokenizer spm(bool space_prefix) {
  auto w = test::sentencepiece({{"\xE2\x96\x81", -1},
                                {"h", -2},
                                {"e", -2},
                                {"l", -2},
                                {"o", -2},
                                {"he", -3},
                                {"ll", -4},
                                {"hell", -5},
                                {"hello", -6},
                                {"\xE2\x96\x81hello", -7},
                                {"\xE2\x96\x81\xE2\x96\x81", -8},
                                {"\xC3\xA9", -9},
                                {"lo", -3.5F},
                                {"aa", -2},
                                {"a", -3}});
  w.key("tokenizer.ggml.add_space_prefix", space_prefix);
  return test::tokenizer_of(w);
}

std::string with_spaces(std::string text) {
  constexpr std::string_view mark = "\xE2\x96\x81";
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; ++at) text.replace(at, mark.size(), " ");
  return text;
}

// Pieces in a row are the whole text, in valid UTF-8, whatever the tokens are.
void check_stream(const gguf::tokenizer& t, std::span<const token> tokens, bool special) {
  gguf::streaming_detokenizer stream{t, special};
  std::string streamed;
  std::string bytes;
  for (const token id : tokens) {
    streamed += stream.push(id);
    const auto kind = t.kind_of(id);
    if (special || (kind != gguf::token_kind::control && kind != gguf::token_kind::unknown)) bytes += t.piece(id);
  }
  streamed += stream.flush();
  fuzz::check(streamed == fuzz::repaired(bytes), "a stream gives the bytes of its tokens as valid UTF-8");
  const auto whole = t.decode(tokens, special);
  const bool cut = bytes.size() == whole.size() + 1 && bytes[0] == ' ';
  fuzz::check(whole == (cut ? bytes.substr(1) : bytes), "decoding gives the bytes of the tokens, but a leading space");
}

void check_text(const gguf::tokenizer& t, std::string_view text, bool parse_special) {
  const auto tokens = t.encode(text, {.add_special = false, .parse_special = parse_special});
  for (const token id : tokens) fuzz::check(t.find(t.piece(id)) || t.vocab_size() > 0, "a token is in the vocabulary");
  check_stream(t, tokens, true);
  check_stream(t, tokens, false);
  const auto added = t.encode(text, {.add_special = true, .parse_special = parse_special});
  fuzz::check(added.size() == tokens.size() + (t.adds_bos() ? 1 : 0) + (t.adds_eos() ? 1 : 0),
              "special tokens are added at the ends only");
  const auto back = t.decode(tokens, true);
  if (t.kind() == gguf::tokenizer_kind::byte_bpe) {
    fuzz::check(back == fuzz::repaired(text), "byte-level BPE gives a text back");
  } else if (!parse_special) {
    // SentencePiece writes spaces as U+2581 and cannot tell the two apart.
    fuzz::check(back == with_spaces(fuzz::repaired(text)), "SentencePiece gives a text back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<gguf::tokenizer> all{bpe("qwen2"), bpe("smollm"), spm(true), spm(false)};
  fuzz::byte_source in{data, size};
  const auto choice = in.byte();
  const auto& t = all[choice % all.size()];
  const bool parse_special = (choice & 0x10U) != 0;
  if ((choice & 0x20U) == 0) {
    check_text(t, in.rest(), parse_special);
    return 0;
  }
  std::vector<token> tokens;  // any ids in any order
  while (!in.empty()) tokens.push_back(static_cast<token>(in.number<std::uint16_t>() % t.vocab_size()));
  check_stream(t, tokens, parse_special);
  return 0;
}
