#include "bpe.hpp"

#include <bit>
#include <hunch/core/error.hpp>
#include <string>
#include <unordered_map>

#include "merge_queue.hpp"

namespace hunch::gguf {

pair_table::pair_table(std::size_t pairs) {
  const auto slots = std::bit_ceil(pairs * 2 + 2);
  entries_.assign(slots, {empty, 0, 0});
  shift_ = 64U - static_cast<unsigned>(std::countr_zero(slots));
}

void pair_table::insert(std::int32_t left, std::int32_t right, std::int32_t rank, std::int32_t merged) {
  const auto key = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  std::size_t i = start(key);
  while (entries_[i].key != empty) {
    if (entries_[i].key == key) return;
    i = (i + 1) & (entries_.size() - 1);
  }
  entries_[i] = {key, rank, merged};
}

const pair_table::entry* pair_table::find(std::int32_t left, std::int32_t right) const noexcept {
  const auto key = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  for (std::size_t i = start(key);; i = (i + 1) & (entries_.size() - 1)) {
    if (entries_[i].key == key) return &entries_[i];
    if (entries_[i].key == empty) return nullptr;
  }
}

namespace {

std::string_view pre_of(const file& from) {
  if (const auto name = from.get<std::string_view>("tokenizer.ggml.pre")) return *name;
  throw error("gguf: '" + from.name() +
              "' names no pre-tokenizer (key tokenizer.ggml.pre); convert the model again with a current converter");
}

// Gives each text a symbol: its token, or a number behind the vocabulary.
class symbol_names {
 public:
  explicit symbol_names(const vocabulary& vocab) : vocab_{vocab} {}
  std::int32_t of(std::string_view text) {
    if (const token id = vocab_.find(text); id != no_token) return id;
    const auto next = static_cast<std::int32_t>(vocab_.size() + made_.size());
    return made_.try_emplace(std::string(text), next).first->second;
  }

 private:
  const vocabulary& vocab_;
  std::unordered_map<std::string, std::int32_t> made_;
};

}  // namespace

bpe::bpe(const file& from, const vocabulary& vocab) : vocab_{vocab}, words_{pre_of(from)} {
  symbol_names names{vocab};
  for (std::size_t b = 0; b < 256; ++b) symbol_of_byte_[b] = names.of(byte_alphabet()[b]);
  const auto pairs = from.require<std::vector<std::string_view>>("tokenizer.ggml.merges");
  merges_ = pair_table{pairs.size()};
  std::int32_t rank = 0;
  std::string merged;
  for (const auto pair : pairs) {
    const auto space = pair.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == pair.size())
      throw error("gguf: '" + from.name() + "': merge " + std::to_string(rank) + ", '" + std::string(pair) +
                  "', is no pair; the file is damaged: get or convert it again");
    const auto left = pair.substr(0, space);
    const auto right = pair.substr(space + 1);
    merged.assign(left).append(right);
    merges_.insert(names.of(left), names.of(right), rank++, names.of(merged));
  }
}

token bpe::whole_word(std::string_view word, std::string& printed) const {
  printed.clear();
  for (const char c : word) printed += byte_alphabet()[static_cast<unsigned char>(c)];
  return vocab_.find(printed);
}

void bpe::encode(std::string_view text, std::vector<token>& out) const {
  const auto rule = [this](const symbol& left, const symbol& right, candidate<std::int32_t>& c) {
    const auto* m = merges_.find(left.id, right.id);
    if (m == nullptr) return false;
    c.key = -m->rank;
    c.merged = m->merged;
    return true;
  };
  const auto is_token = [this](std::int32_t id) { return static_cast<std::size_t>(id) < vocab_.size(); };
  const auto emit = [&](const symbol& s) {
    if (is_token(s.id)) {
      out.push_back(s.id);
      return;
    }
    for (const char c : s.text)
      if (const auto id = symbol_of_byte_[static_cast<unsigned char>(c)]; is_token(id)) out.push_back(id);
  };
  merge_queue<std::int32_t, decltype(rule)> queue{rule};
  pretokenizer::cursor words{words_};
  std::string printed;
  while (!text.empty()) {
    const auto length = words.next(text);
    if (words_.keeps_whole_words()) {
      if (const token id = whole_word(text.substr(0, length), printed); id != no_token) {
        out.push_back(id);
        text.remove_prefix(length);
        continue;
      }
    }
    queue.clear();
    for (std::size_t i = 0; i < length; ++i)
      queue.add(text.substr(i, 1), symbol_of_byte_[static_cast<unsigned char>(text[i])]);
    queue.run();
    queue.for_each(emit);
    text.remove_prefix(length);
  }
}

}  // namespace hunch::gguf
