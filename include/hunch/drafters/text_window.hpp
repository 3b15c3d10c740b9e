// Following a text: what drafters that learn from the text itself share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// Tokens that drafters look back by default: a text is learned from whole up to this length.
inline constexpr std::size_t default_window = std::size_t{1} << 17;

/// A copy of the text's end that says how much of it is old: what a drafter has learned of that part still holds.
///
/// Memory is bounded: a text of up to `most` tokens is kept whole, of a longer one its last most/2 to most tokens.
/// Where the window begins depends on the length of the text alone, so what is learned from it is a function of the
/// text (law D1), however the text grew.
class text_window {
 public:
  explicit text_window(std::size_t most = default_window) : most_{most} {
    if (most < 2 || most > (std::size_t{1} << 30))
      raise("hunch: text_window keeps 2 to 2^30 tokens, not " + std::to_string(most));
  }

  /// After: tokens() is the window of `text`. Returns how many of the tokens before the call are still there, at the
  /// same places; what came after them is new.
  /// Cost: O(new tokens) where ctx.run says that the text only grew; otherwise a comparison with the old ones. Each
  /// most/2 tokens of a text longer than the window everything is new.
  std::size_t follow(std::span<const token> text, std::uint64_t run) {
    const std::size_t first = begin_of(text.size());
    const std::span<const token> window = text.subspan(first);
    const bool grew = run != 0 && run == run_ && window.size() >= tokens_.size();
    const std::size_t kept = first != first_ ? 0 : grew ? tokens_.size() : common(window);
    run_ = run;
    first_ = first;
    tokens_.resize(kept);
    tokens_.insert(tokens_.end(), window.begin() + static_cast<std::ptrdiff_t>(kept), window.end());
    return kept;
  }

  [[nodiscard]] std::span<const token> tokens() const noexcept { return tokens_; }

 private:
  [[nodiscard]] std::size_t begin_of(std::size_t length) const noexcept {
    const std::size_t half = most_ / 2;
    return length <= most_ ? 0 : (length - most_ + half - 1) / half * half;
  }
  [[nodiscard]] std::size_t common(std::span<const token> window) const noexcept {
    const std::size_t n = std::min(window.size(), tokens_.size());
    std::size_t same = 0;  // by blocks first: equality of a block is one memcmp
    for (constexpr std::size_t block = 256; same + block <= n; same += block)
      if (!std::ranges::equal(window.subspan(same, block), tokens().subspan(same, block))) break;
    while (same < n && window[same] == tokens_[same]) ++same;
    return same;
  }

  std::size_t most_;
  std::size_t first_ = 0;  // of the window in the text
  std::uint64_t run_ = 0;
  std::vector<token> tokens_;
};

/// The guess of number `g` where a text goes on as it did from `place` on; past its end the guesses repeat, so a text
/// of a short period is followed for as long as one likes.
[[nodiscard]] inline token copied_guess(std::span<const token> text, std::size_t place, std::size_t g) noexcept {
  return text[place + g % (text.size() - place)];
}

}  // namespace hunch
