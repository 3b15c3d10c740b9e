// Two small vocabularies over one alphabet, with different merges.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/drafters/shared_tokens.hpp>
#include <hunch/drafters/translated.hpp>
#include <hunch/text/retokenise.hpp>

namespace hunch::test {

/// Encodes by the longest token that fits. Names in angle brackets are marks, an empty name is padding.
class toy_vocabulary {
 public:
  explicit toy_vocabulary(std::vector<std::string> names) : names_{std::move(names)} {}

  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  [[nodiscard]] std::string_view bytes(token t) const { return is_mark(name(t)) ? std::string_view{} : name(t); }
  [[nodiscard]] std::string_view mark(token t) const { return is_mark(name(t)) ? name(t) : std::string_view{}; }
  void encode(std::string_view text, std::vector<token>& out) const {
    while (!text.empty()) {
      std::size_t best = 0;
      token found = no_token;
      for (std::size_t i = 0; i < names_.size(); ++i)
        if (const std::string_view piece = bytes(static_cast<token>(i));
            piece.size() > best && text.starts_with(piece)) {
          best = piece.size();
          found = static_cast<token>(i);
        }
      if (found != no_token) out.push_back(found);
      text.remove_prefix(std::max<std::size_t>(best, 1));
    }
  }
  [[nodiscard]] std::string text_of(std::span<const token> tokens) const {
    std::string out;
    for (const token t : tokens) out += name(t);
    return out;
  }
  [[nodiscard]] std::string_view name(token t) const { return names_[static_cast<std::size_t>(t)]; }

 private:
  static bool is_mark(std::string_view name) { return name.size() > 1 && name[0] == '<'; }
  std::vector<std::string> names_;
};

static_assert(Vocabulary<toy_vocabulary>);

// Shared: "a", "b", " " and "<e>". The target reads "ab" where the draft reads "ba".
inline const toy_vocabulary target_words{{"a", "b", " ", "ab", "<e>"}};
inline const toy_vocabulary draft_words{{"<e>", "ba", " ", "b", "a", " a"}};

}  // namespace hunch::test
