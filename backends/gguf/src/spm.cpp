#include "spm.hpp"

#include <algorithm>
#include <string>

#include <hunch/core/error.hpp>

#include "merge_queue.hpp"
#include "utf8.hpp"

namespace hunch::gguf {

spm::spm(const file& from, const vocabulary& vocab) : vocab_{vocab} {
  if (!vocab.has_scores())
    throw error("gguf: '" + from.name() +
                "' has a SentencePiece tokenizer without tokenizer.ggml.scores; convert the model again");
  for (token id = 0; vocab.contains(id); ++id) longest_ = std::max(longest_, vocab.text(id).size());
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (std::size_t b = 0; b < 256; ++b) {
    const char name[] = {'<', '0', 'x', digits[b >> 4], digits[b & 15], '>'};
    const char raw[] = {static_cast<char>(b)};
    const token* id = vocab.find({name, sizeof name});
    if (id == nullptr) id = vocab.find({raw, sizeof raw});
    if (id == nullptr && vocab.unknown) id = &*vocab.unknown;
    if (id == nullptr)
      throw error("gguf: '" + from.name() + "' has no token for byte " + std::to_string(b) +
                  " and no unknown token; convert the model again");
    token_of_byte_[b] = *id;
  }
}

void spm::encode(std::string_view text, bool space_first, std::vector<token>& out) const {
  std::string marked;  // the text with spaces as U+2581
  marked.reserve(text.size() + text.size() / 2 + 3);
  if (space_first) marked += "\xE2\x96\x81";
  for (const char c : text) {
    if (c == ' ')
      marked += "\xE2\x96\x81";
    else
      marked += c;
  }
  constexpr std::int32_t no_token_yet = -1;
  const auto rule = [this](const symbol& left, const symbol& right, candidate<float>& c) {
    const std::string_view both{left.text.data(), left.text.size() + right.text.size()};
    if (both.size() > longest_) return false;
    const token* id = vocab_.find(both);
    if (id == nullptr) return false;
    c.key = vocab_.score(*id);
    c.merged = *id;
    return true;
  };
  merge_queue<float, decltype(rule)> queue{rule};
  for (std::string_view rest = marked; !rest.empty();) {
    const auto length = utf8_at(rest).length;
    queue.add(rest.substr(0, length), no_token_yet);
    rest.remove_prefix(length);
  }
  queue.run();
  queue.for_each([&](const symbol& s) {
    // A symbol that no merge made is a character, and may be a token on its own.
    const token* id = s.id == no_token_yet ? vocab_.find(s.text) : &s.id;
    if (id != nullptr) {
      out.push_back(*id);
      return;
    }
    for (const char c : s.text) out.push_back(token_of_byte_[static_cast<unsigned char>(c)]);
  });
}

}  // namespace hunch::gguf
