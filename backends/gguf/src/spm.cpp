#include "spm.hpp"

#include <algorithm>
#include <hunch/core/error.hpp>
#include <string>

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
    token id = vocab.find({name, sizeof name});
    if (id == no_token) id = vocab.find({raw, sizeof raw});
    if (id == no_token) id = vocab.unknown.value_or(no_token);
    if (id == no_token)
      throw error("gguf: '" + from.name() + "' has no token for byte " + std::to_string(b) +
                  " and no unknown token; convert the model again");
    token_of_byte_[b] = id;
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
  const auto rule = [this](const symbol& left, const symbol& right, candidate<float>& c) {
    const std::string_view both{left.text.data(), left.text.size() + right.text.size()};
    if (both.size() > longest_) return false;
    c.merged = vocab_.find(both);
    if (c.merged == no_token) return false;
    c.key = vocab_.score(c.merged);
    return true;
  };
  merge_queue<float, decltype(rule)> queue{rule};
  for (std::string_view rest = marked; !rest.empty();) {
    const auto length = utf8_at(rest).length;
    queue.add(rest.substr(0, length), no_token);
    rest.remove_prefix(length);
  }
  queue.run();
  queue.for_each([&](const symbol& s) {
    // A symbol that no merge made is a character, and may be a token on its own.
    const token id = s.id == no_token ? vocab_.find(s.text) : s.id;
    if (id != no_token) {
      out.push_back(id);
      return;
    }
    for (const char c : s.text) out.push_back(token_of_byte_[static_cast<unsigned char>(c)]);
  });
}

}  // namespace hunch::gguf
