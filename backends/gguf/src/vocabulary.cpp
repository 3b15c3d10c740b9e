#include "vocabulary.hpp"

#include <algorithm>
#include <hunch/core/error.hpp>
#include <limits>

#include "pretokenizer.hpp"

namespace hunch::gguf {
namespace {

constexpr std::string_view convert_again = "the file is damaged or was made by an unfit converter: convert it again";
constexpr std::string_view space_mark = "\xE2\x96\x81";  // U+2581, a space in SentencePiece texts

[[noreturn]] void refuse(const file& from, const std::string& what) {
  throw error("gguf: '" + from.name() + "': " + what + "; " + std::string(convert_again));
}

tokenizer_kind read_model(const file& from) {
  const auto name = from.require<std::string_view>("tokenizer.ggml.model");
  if (name == "gpt2") return tokenizer_kind::byte_bpe;
  if (name == "llama") return tokenizer_kind::sentencepiece;
  throw error("gguf: '" + from.name() + "' has a tokenizer of kind '" + std::string(name) +
              "', which is not supported; supported: gpt2 (byte-level BPE), llama (SentencePiece)");
}

std::string unescape_spaces(std::string_view text) {
  std::string out;
  while (true) {
    const auto at = text.find(space_mark);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += ' ';
    text.remove_prefix(at + space_mark.size());
  }
}

// The byte of "<0x0A>".
std::optional<char> byte_of(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  const int high = digit(text[3]);
  const int low = digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

// Texts that end an answer wherever they are tokens. Files name one or two of them; models use several.
constexpr std::string_view ends_by_text[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "[e~[",
};
// Texts of fill-in-the-middle tokens; the first group also ends an answer (padding, next file, next repository).
constexpr std::string_view fim_ends_by_text[] = {
    "<|fim_pad|>",   "<fim-pad>",  "<fim_pad>", "<PAD>",      "[PAD]",        "<|fim_repo|>",
    "<|repo_name|>", "<fim-repo>", "<REPO>",    "<reponame>", "<|file_sep|>",
};
constexpr std::string_view fim_by_text[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",   "<PRE>",        "<|fim_suffix|>", "<fim-suffix>",
    "<fim_suffix>",   "<SUF>",        "<|fim_middle|>", "<fim-middle>", "<fim_middle>",   "<MID>",
};

}  // namespace

vocabulary::vocabulary(const file& from) : model{read_model(from)} {
  read_tokens(from);
  read_special_ids(from);
  mark_by_text();
  make_pieces();
}

void vocabulary::read_tokens(const file& from) {
  const auto texts = from.require<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  if (texts.empty() || texts.size() > static_cast<std::size_t>(std::numeric_limits<token>::max()))
    refuse(from, "tokenizer.ggml.tokens has " + std::to_string(texts.size()) + " tokens");
  const auto check_length = [&](std::string_view key, std::size_t n) {
    if (n != texts.size())
      refuse(from, std::string(key) + " has " + std::to_string(n) + " entries for " + std::to_string(texts.size()) +
                       " tokens");
  };
  kinds_.assign(texts.size(), token_kind::normal);
  if (const auto kinds = from.get<std::vector<std::int32_t>>("tokenizer.ggml.token_type")) {
    check_length("tokenizer.ggml.token_type", kinds->size());
    std::transform(kinds->begin(), kinds->end(), kinds_.begin(), [](std::int32_t k) {
      return k >= 1 && k <= 6 ? static_cast<token_kind>(k) : token_kind::undefined;
    });
  }
  if (auto scores = from.get<std::vector<float>>("tokenizer.ggml.scores")) {
    check_length("tokenizer.ggml.scores", scores->size());
    scores_ = std::move(*scores);
    for (const float s : scores_)
      if (s != s) refuse(from, "tokenizer.ggml.scores has a NaN");  // would break the order of merges
  }
  std::size_t bytes = 0;
  for (const auto t : texts) bytes += t.size();
  pool_.reserve(bytes);  // views into it must stay
  texts_.reserve(texts.size());
  index_.reserve(texts.size());
  for (const auto t : texts) {
    const auto start = pool_.size();
    pool_ += t;
    texts_.push_back(std::string_view(pool_).substr(start));
    const auto id = static_cast<token>(texts_.size() - 1);
    if (t.empty()) continue;
    if (const auto other = index_.add(id, texts_); other != no_token)
      refuse(from, "token " + std::to_string(id) + " has the text of token " + std::to_string(other) + ", '" +
                       std::string(t) + "'");
  }
}

void vocabulary::read_special_ids(const file& from) {
  const auto id_of = [&](std::string_view key) -> std::optional<token> {
    const auto id = from.get<std::uint64_t>(key);
    if (!id) return std::nullopt;
    if (*id >= size())
      refuse(from, std::string(key) + " is " + std::to_string(*id) + ", the vocabulary has " + std::to_string(size()) +
                       " tokens");
    return static_cast<token>(*id);
  };
  bos = id_of("tokenizer.ggml.bos_token_id");
  eos = id_of("tokenizer.ggml.eos_token_id");
  unknown = id_of("tokenizer.ggml.unknown_token_id");
  const bool spm = model == tokenizer_kind::sentencepiece;
  const auto* pre = spm ? nullptr : find_pretokenizer(from.get<std::string_view>("tokenizer.ggml.pre").value_or(""));
  add_bos = from.get<bool>("tokenizer.ggml.add_bos_token").value_or(spm || (pre != nullptr && pre->adds_bos));
  add_eos = from.get<bool>("tokenizer.ggml.add_eos_token").value_or(false);
  add_space_prefix = spm && from.get<bool>("tokenizer.ggml.add_space_prefix").value_or(true);
  if (add_bos && !bos) refuse(from, "the tokenizer adds a begin-of-text, and tokenizer.ggml.bos_token_id is missing");
  if (add_eos && !eos) refuse(from, "the tokenizer adds an end-of-text, and tokenizer.ggml.eos_token_id is missing");
  for (const auto* name : {"eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"})
    if (const auto id = id_of("tokenizer.ggml." + std::string(name) + "_token_id")) end_of_generation.push_back(*id);
}

// Converters often leave these tokens as plain text; they are control tokens whatever the file says.
void vocabulary::mark_by_text() {
  const auto mark = [&](std::string_view text, bool ends) {
    const token id = find(text);
    if (id == no_token) return;
    kinds_[index(id)] = token_kind::control;
    if (ends) end_of_generation.push_back(id);
  };
  for (const auto t : ends_by_text) mark(t, true);
  for (const auto t : fim_ends_by_text) mark(t, true);
  for (const auto t : fim_by_text) mark(t, false);
  std::sort(end_of_generation.begin(), end_of_generation.end());
  end_of_generation.erase(std::unique(end_of_generation.begin(), end_of_generation.end()), end_of_generation.end());
}

std::string_view vocabulary::keep(std::string text) { return made_.emplace_back(std::move(text)); }

void vocabulary::make_pieces() {
  pieces_.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const auto text = texts_[i];
    switch (kinds_[i]) {
      case token_kind::unknown:
      case token_kind::control:
      case token_kind::user_defined:
        pieces_.push_back(text);
        break;
      case token_kind::byte: {
        const auto b = byte_of(text);
        pieces_.push_back(b ? keep(std::string(1, *b)) : text);
        break;
      }
      case token_kind::normal:
        if (model == tokenizer_kind::sentencepiece) {
          pieces_.push_back(text.find(space_mark) == std::string_view::npos ? text : keep(unescape_spaces(text)));
        } else {
          auto decoded = bytes_of_alphabet(text);
          pieces_.push_back(decoded && *decoded != text ? keep(std::move(*decoded)) : text);
        }
        break;
      case token_kind::unused:
      case token_kind::undefined:
        pieces_.emplace_back();
        break;
    }
  }
}

}  // namespace hunch::gguf
