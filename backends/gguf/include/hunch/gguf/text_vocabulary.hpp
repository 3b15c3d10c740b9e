// A model file's tokenizer as a vocabulary that texts are translated by (hunch/text/retokenise.hpp).
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/gguf/tokenizer.hpp>

namespace hunch::gguf {

/// Models hunch::Vocabulary. Marks are control tokens, by their name in the file; unused tokens have no text.
/// A tokenizer that puts a space before each text (older SentencePiece files) cannot say how a word goes on: as a
/// target's, drafts that begin inside of a word are lost. Cost of encode: that of the tokenizer, and its allocations.
class text_vocabulary {
 public:
  explicit text_vocabulary(tokenizer of) : of_{std::move(of)} {
    const auto probe = of_.encode("a", plain);
    adds_space_ = !probe.empty() && of_.piece(probe.front()).starts_with(' ');
  }

  [[nodiscard]] std::size_t size() const noexcept { return of_.vocab_size(); }
  [[nodiscard]] std::string_view bytes(token t) const { return is_text(t) ? of_.piece(t) : std::string_view{}; }
  [[nodiscard]] std::string_view mark(token t) const {
    return of_.kind_of(t) == token_kind::control ? of_.piece(t) : std::string_view{};
  }
  /// Where the tokenizer puts a space before each text, one at the begin of `text` is left to it.
  void encode(std::string_view text, std::vector<token>& out) const {
    if (adds_space_ && text.starts_with(' ')) text.remove_prefix(1);
    const auto tokens = of_.encode(text, plain);
    out.insert(out.end(), tokens.begin(), tokens.end());
  }

 private:
  static constexpr encode_options plain{.add_special = false, .parse_special = false};

  [[nodiscard]] bool is_text(token t) const {
    const token_kind kind = of_.kind_of(t);
    return kind == token_kind::normal || kind == token_kind::user_defined || kind == token_kind::byte;
  }

  tokenizer of_;
  bool adds_space_ = false;
};

}  // namespace hunch::gguf
