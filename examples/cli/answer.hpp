// The text that grows: tokens, what of them may be shown, stop strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch::cli {

/// Tokens with the text that they complete. Text that could be the start of a stop string is held back until it is
/// certain; a stop string itself is in neither the text nor the tokens.
class answer {
 public:
  explicit answer(std::vector<std::string> stops = {}) : stops_{std::move(stops)} {}

  /// Adds a token and the text that is complete with it. True when a stop string is complete: then text and tokens end
  /// before it, and nothing more may be added.
  bool add(token t, std::string_view text, bool drafted);
  /// Adds text without a token (an unfinished character at the end), unless a stop string ended the text.
  void finish(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] const std::vector<token>& tokens() const noexcept { return tokens_; }
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

  /// A stretch of text of which every token was, or was not, a draft that the target accepted.
  struct piece {
    std::string_view text;
    bool drafted;
  };
  /// The next stretch that may be shown and was not; empty text: none.
  [[nodiscard]] piece next_piece();

 private:
  [[nodiscard]] std::size_t held_back() const noexcept;
  void cut(std::size_t begin);

  std::vector<std::string> stops_;
  std::string text_;
  std::vector<token> tokens_;
  std::vector<std::size_t> ends_;  // [token] bytes of text up to and with it
  std::vector<bool> drafted_;      // [token]
  std::size_t shown_ = 0;          // bytes
  std::size_t safe_ = 0;           // bytes that may be shown
  std::size_t at_ = 0;             // token that the next shown byte belongs to
  bool stopped_ = false;
};

}  // namespace hunch::cli
