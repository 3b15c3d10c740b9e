// Tokenizers of a few hundred tokens whose results can be worked out by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/gguf/tokenizer.hpp>

#include "gguf/gguf_writer.hpp"

namespace hunch::test {

inline constexpr std::int32_t normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte_kind = 6;

/// A vocabulary under construction; ids are given in order.
struct tiny_vocabulary {
  std::vector<std::string> texts;
  std::vector<std::int32_t> kinds;
  std::vector<float> scores;

  token add(std::string text, std::int32_t kind = normal, float score = 0) {
    texts.push_back(std::move(text));
    kinds.push_back(kind);
    scores.push_back(score);
    return static_cast<token>(texts.size() - 1);
  }
  [[nodiscard]] gguf_writer writer(std::string_view model) const {
    gguf_writer w;
    w.key("tokenizer.ggml.model", model).key("tokenizer.ggml.tokens", texts).key("tokenizer.ggml.token_type", kinds);
    if (model == "llama") w.key("tokenizer.ggml.scores", scores);
    return w;
  }
};

/// The printable character of a byte in byte-level BPE: GPT-2's table, written out as ranges.
[[nodiscard]] inline std::string printable(unsigned byte) {
  unsigned c = byte;
  if (byte <= 0x20) c = 0x100 + byte;                         // Ā … Ġ
  if (byte >= 0x7F && byte <= 0xA0) c = 0x121 + byte - 0x7F;  // ġ … ł
  if (byte == 0xAD) c = 0x143;                                // Ń
  if (c < 0x80) return {static_cast<char>(c)};
  return {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
}

/// Byte-level BPE: token b is byte b, then one token for each merge ("h e"), then what `extra` holds.
[[nodiscard]] inline gguf_writer byte_bpe(const std::vector<std::string>& merges, std::string_view pre = "qwen2",
                                          const std::vector<std::pair<std::string, std::int32_t>>& extra = {}) {
  tiny_vocabulary v;
  for (unsigned b = 0; b < 256; ++b) v.add(printable(b));
  for (auto m : merges) {
    m.erase(m.find(' '), 1);
    v.add(std::move(m));
  }
  for (const auto& [text, kind] : extra) v.add(text, kind);
  auto w = v.writer("gpt2");
  w.key("tokenizer.ggml.pre", pre).key("tokenizer.ggml.merges", merges);
  return w;
}

/// SentencePiece: 0 <unk>, 1 <s>, 2 </s>, 3 … 258 the bytes, then what `extra` holds with scores.
[[nodiscard]] inline gguf_writer sentencepiece(const std::vector<std::pair<std::string, float>>& extra) {
  tiny_vocabulary v;
  v.add("<unk>", unknown);
  v.add("<s>", control);
  v.add("</s>", control);
  for (unsigned b = 0; b < 256; ++b) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    v.add(std::string("<0x") + digits[b >> 4] + digits[b & 15] + ">", byte_kind);
  }
  for (const auto& [text, score] : extra) v.add(text, normal, score);
  auto w = v.writer("llama");
  w.key("tokenizer.ggml.bos_token_id", std::uint32_t{1}).key("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  w.key("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  return w;
}

[[nodiscard]] inline gguf::tokenizer tokenizer_of(const gguf_writer& w) {
  const auto content = w.build();  // the tokenizer keeps nothing of the file
  return gguf::tokenizer{gguf::file::from_bytes(content, "tiny")};
}

inline constexpr gguf::encode_options plain{.add_special = false, .parse_special = false};
inline constexpr gguf::encode_options with_control{.add_special = false, .parse_special = true};

using tokens = std::vector<token>;

}  // namespace hunch::test
