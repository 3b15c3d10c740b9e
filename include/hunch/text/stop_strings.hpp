// Strings that end a text, and how much of a text may be shown while it grows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/text/pattern.hpp>
#include <hunch/text/utf8.hpp>

namespace hunch {

/// Bytes of a token; empty for tokens that show nothing (end of text, control tokens). Valid during the call.
using token_bytes = std::function<std::string_view(token)>;

/// Follows the bytes of what a decoder writes, and ends the text where one of some strings is complete.
///
///   stop_strings stops({"\n\n", "User:"}, bytes_of);
///   decoder.start(prompt, request{.max_tokens = 200, .stop = std::ref(stops)});
///   while (decoder.status() == status::running) { decoder.step(); print(stops.take()); }
///   stops.finish(); print(stops.take());
///
/// Strings are found wherever they lie: across tokens and steps, in the middle of a token or of a UTF-8 character; in
/// what is generated, not in the prompt. The one that is complete first ends the text, of several at the same byte
/// the longest. Neither text() nor the tokens of the decoder hold it; the token in which it begins is cut, while the
/// bytes of that token before the string stay in text().
/// One object follows one text at a time. A call whose older tokens are not those that it left begins a new text (they
/// are told by their number alone: restart() where a new prompt may be as long as the text before).
/// Cost: O(bytes × strings).
class stop_strings {
 public:
  stop_strings(const std::vector<std::string>& strings, token_bytes bytes) : bytes_{std::move(bytes)} {
    for (const std::string& s : strings) {
      if (s.empty()) raise("hunch: a stop string is empty; it would end every text at once");
      strings_.emplace_back(std::vector<char>(s.begin(), s.end()));
    }
    restart();
  }

  /// The request's stop rule: how many tokens of `text` stay, of which the last `fresh` are new.
  std::size_t operator()(std::span<const token> text, std::size_t fresh) {
    const std::size_t older = text.size() - fresh;
    if (begun_ && (stopped_ || older != first_ + ends_.size())) restart();
    if (!begun_) first_ = older;
    begun_ = true;
    for (const token t : text.last(fresh))
      if (add(bytes_(t))) break;
    return first_ + ends_.size();
  }

  /// What was generated, without the string that ended it.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  /// Bytes of text() that no later token can take back and that end no UTF-8 character in its middle.
  [[nodiscard]] std::size_t safe() const noexcept { return safe_; }
  /// Bytes that may be shown and were not taken before. Valid until the next call.
  [[nodiscard]] std::string_view take() noexcept {
    const std::size_t from = std::exchange(taken_, safe_);
    return std::string_view{text_}.substr(from, safe_ - from);
  }
  /// Nothing more comes: all that is left may be shown.
  void finish() noexcept { safe_ = text_.size(); }
  /// Forgets the text.
  void restart() {
    text_.clear();
    ends_.clear();
    matched_.assign(strings_.size(), 0);
    taken_ = safe_ = first_ = 0;
    begun_ = stopped_ = false;
  }

 private:
  /// True once a string is complete; then the text ends before it.
  bool add(std::string_view bytes) {
    for (const char c : bytes) {
      text_ += c;
      std::size_t longest = 0;
      for (std::size_t i = 0; i < strings_.size(); ++i) {
        matched_[i] = strings_[i].next(matched_[i], c);
        if (matched_[i] == strings_[i].size()) longest = std::max(longest, matched_[i]);
      }
      if (longest > 0) {
        cut(text_.size() - longest);
        return true;
      }
    }
    ends_.push_back(text_.size());
    const std::size_t certain = text_.size() - begun_string();
    safe_ = std::max(safe_, certain - detail::unfinished_character(std::string_view{text_}.substr(0, certain)));
    return false;
  }
  void cut(std::size_t end) {
    text_.resize(end);
    ends_.resize(static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), end) - ends_.begin()));
    safe_ = end;
    stopped_ = true;
  }
  [[nodiscard]] std::size_t begun_string() const noexcept {
    return matched_.empty() ? 0 : *std::max_element(matched_.begin(), matched_.end());
  }

  token_bytes bytes_;
  std::vector<pattern<char>> strings_;
  std::vector<std::size_t> matched_;  // [string] bytes at the end of the text that begin it
  std::string text_;
  std::vector<std::size_t> ends_;  // [generated token] bytes of the text up to and with it
  std::size_t first_ = 0;          // tokens of the prompt
  std::size_t taken_ = 0;          // bytes
  std::size_t safe_ = 0;           // bytes
  bool begun_ = false;
  bool stopped_ = false;
};

}  // namespace hunch
