// Tokenizers and chat formats made from hostile metadata, then used.
//
// An input is lines; the first character says what a line is, so that mutations keep to the point:
//   m MODEL  p PRE-TOKENIZER  tKTEXT token of kind K  sNUMBER score of the last token  gTEXT merge  bRANGE byte tokens
//   iNAME=NUMBER a special id or flag  kNAME a key of the wrong type  cTEXT chat template  xTEXT text to encode
#include <charconv>
#include <cstdlib>
#include <set>
#include <vector>

#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/detokenizer.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "fuzz.hpp"
#include "gguf/tiny_tokenizers.hpp"

using namespace hunch;

namespace {

struct script {
  test::tiny_vocabulary vocabulary;
  std::vector<std::string> merges;
  std::vector<std::string> texts{"Hello  world\n", ""};
  test::gguf_writer keys;
  std::set<std::string, std::less<>> named;  // keys that are there: a file must not have one twice

  bool fresh(std::string name) { return named.insert(std::move(name)).second; }
};

std::string full_name(std::string_view name) {
  return name.find('.') == std::string_view::npos ? "tokenizer.ggml." + std::string(name) : std::string(name);
}

long number_of(std::string_view text) {
  long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void add_bytes(script& s, bool spm) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (unsigned b = 0; b < 256; ++b)
    s.vocabulary.add(spm ? std::string("<0x") + digits[b >> 4] + digits[b & 15] + ">" : test::printable(b),
                     spm ? test::byte_kind : test::normal);
}

void set_id(script& s, std::string_view rest) {
  const auto equals = rest.find('=');
  const auto name = full_name(rest.substr(0, equals));
  if (equals == std::string_view::npos || !s.fresh(name)) return;
  const long value = number_of(rest.substr(equals + 1));
  const bool flag = name.find(".add_") != std::string::npos;
  if (flag)
    s.keys.key(name, value != 0);
  else
    s.keys.key(name, static_cast<std::int64_t>(value));
}

void add_line(script& s, char what, std::string_view rest) {
  const std::string text{rest};
  auto& v = s.vocabulary;
  if (what == 'm' && s.fresh("tokenizer.ggml.model")) s.keys.key("tokenizer.ggml.model", text);
  if (what == 'p' && s.fresh("tokenizer.ggml.pre")) s.keys.key("tokenizer.ggml.pre", text);
  if (what == 'c' && s.fresh("tokenizer.chat_template")) s.keys.key("tokenizer.chat_template", text);
  if (what == 'k' && s.fresh(full_name(rest))) s.keys.key(full_name(rest), std::vector<std::int32_t>{1, 2});
  if (what == 't' && !rest.empty()) v.add(text.substr(1), rest[0] - '0');
  if (what == 's' && !v.scores.empty()) v.scores.back() = std::strtof(text.c_str(), nullptr);
  if (what == 'g') s.merges.push_back(text);
  if (what == 'b' && v.texts.size() < 1024) add_bytes(s, rest == "spm");
  if (what == 'i') set_id(s, rest);
  if (what == 'x') s.texts.push_back(text);
}

test::bytes build(script& s) {
  const auto& v = s.vocabulary;
  if (s.fresh("tokenizer.ggml.tokens")) s.keys.key("tokenizer.ggml.tokens", v.texts);
  if (s.fresh("tokenizer.ggml.token_type")) s.keys.key("tokenizer.ggml.token_type", v.kinds);
  if (s.fresh("tokenizer.ggml.scores")) s.keys.key("tokenizer.ggml.scores", v.scores);
  if (s.fresh("tokenizer.ggml.merges")) s.keys.key("tokenizer.ggml.merges", s.merges);
  return s.keys.build();
}

void use(const gguf::tokenizer& t, std::string_view text) {
  for (const bool special : {false, true}) {
    const auto tokens = t.encode(text, {.add_special = special, .parse_special = special});
    gguf::streaming_detokenizer stream{t, special};
    std::string streamed;
    std::string bytes;
    for (const token id : tokens) {
      fuzz::check(id >= 0 && static_cast<std::size_t>(id) < t.vocab_size(), "an encoded token is in the vocabulary");
      const auto kind = t.kind_of(id);
      if (special || (kind != gguf::token_kind::control && kind != gguf::token_kind::unknown)) bytes += t.piece(id);
      streamed += stream.push(id);
      (void)t.is_end_of_generation(id);
    }
    streamed += stream.flush();
    fuzz::check(streamed == fuzz::repaired(bytes), "a stream gives the bytes of its tokens as valid UTF-8");
    fuzz::check(t.decode(tokens, special).size() + 1 >= bytes.size(), "decoding drops one space at most");
  }
}

void chat(const gguf::file& f, const std::vector<std::string>& texts) {
  const gguf::chat_format format{f};
  const std::vector<gguf::chat_message> turns{{"system", texts[0]}, {"user", texts.back()}, {"assistant", texts[1]}};
  const auto whole = format.render(turns, true);
  fuzz::check(whole.find("user\n") != std::string::npos, "a chat names its turns");
  fuzz::check(format.render(std::span(turns).subspan(1), false).size() < whole.size() + 4096 + whole.size(),
              "a chat is no longer than its parts");
  fuzz::check(!fuzz::accepted([&] { (void)format.render({}, true); }), "an empty chat is refused");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::byte_source in{data, size};
  script s;
  while (!in.empty()) {
    const auto line = in.until('\n');
    if (!line.empty()) add_line(s, line[0], line.substr(1));
  }
  const auto bytes = build(s);
  const fuzz::exact_copy copy{bytes};
  const auto f = gguf::file::from_bytes(copy.bytes(), "fuzz");  // the writer makes no bad files
  fuzz::accepted([&] {
    const gguf::tokenizer t{f};
    for (const auto& text : s.texts) use(t, text);
    for (const token id : t.end_of_generation()) (void)t.piece(id);
  });
  fuzz::accepted([&] { chat(f, s.texts); });
  return 0;
}
