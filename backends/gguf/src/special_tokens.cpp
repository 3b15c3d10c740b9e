#include "special_tokens.hpp"

#include <algorithm>

namespace hunch::gguf {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); }

bool is_special(token_kind kind, bool parse_special) noexcept {
  return kind == token_kind::user_defined ||
         (parse_special && (kind == token_kind::control || kind == token_kind::unknown));
}

struct match {
  std::size_t at;
  std::size_t length;
  token id;
};

}  // namespace

special_tokens::special_tokens(const vocabulary& vocab) : vocab_{vocab} {
  for (token id = 0; vocab.contains(id); ++id) {
    const auto text = vocab.text(id);
    if (text.empty() || !is_special(vocab.kind(id), true)) continue;
    const auto same = [&](const length_group& g) { return g.length == text.size(); };
    auto group = std::find_if(groups_.begin(), groups_.end(), same);
    if (group == groups_.end()) group = groups_.insert(groups_.end(), length_group{text.size(), {}});
    group->first[byte_at(text, 0)] = true;
    if (text.size() == 1)
      single_[byte_at(text, 0)] = true;
    else
      second_[byte_at(text, 0)][byte_at(text, 1)] = true;
  }
  std::sort(groups_.begin(), groups_.end(), [](const auto& a, const auto& b) { return a.length > b.length; });
}

std::vector<std::size_t> special_tokens::candidates(std::string_view text) const {
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto b = byte_at(text, at);
    if (single_[b] || (at + 1 < text.size() && second_[b][byte_at(text, at + 1)])) out.push_back(at);
  }
  return out;
}

void special_tokens::split(std::string_view text, bool parse_special, std::vector<fragment>& out) const {
  const auto places = candidates(text);
  std::vector<match> found;
  std::vector<bool> taken(places.empty() ? 0 : text.size());
  for (const auto& group : groups_)
    for (const auto at : places) {
      if (!group.first[byte_at(text, at)] || group.length > text.size() - at) continue;
      // What is taken belongs to tokens at least as long, so that an overlap shows at one of the two ends.
      if (taken[at] || taken[at + group.length - 1]) continue;
      const token id = vocab_.find(text.substr(at, group.length));
      if (id == no_token || !is_special(vocab_.kind(id), parse_special)) continue;
      found.push_back({at, group.length, id});
      const auto begin = taken.begin() + static_cast<std::ptrdiff_t>(at);
      std::fill(begin, begin + static_cast<std::ptrdiff_t>(group.length), true);
    }
  std::sort(found.begin(), found.end(), [](const match& a, const match& b) { return a.at < b.at; });
  std::size_t done = 0;
  for (const auto& m : found) {
    if (m.at > done) out.push_back({text.substr(done, m.at - done), no_token});
    out.push_back({text.substr(m.at, m.length), m.id});
    done = m.at + m.length;
  }
  if (done < text.size()) out.push_back({text.substr(done), no_token});
}

}  // namespace hunch::gguf
