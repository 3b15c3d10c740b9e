// One text in two vocabularies: the tokens of one model's text as another model reads it.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/text/utf8.hpp>

namespace hunch {

/// Tokens and the bytes that they stand for. A token is text (`bytes`), or a mark that steers the model and is known by
/// its name (`mark`: "<|im_end|>"), or padding (both empty). Views are valid as long as the vocabulary.
template <class V>
concept Vocabulary = requires(const V& v, token t, std::string_view text, std::vector<token>& out) {
  { v.size() } -> std::convertible_to<std::size_t>;
  { v.bytes(t) } -> std::convertible_to<std::string_view>;
  { v.mark(t) } -> std::convertible_to<std::string_view>;
  { v.encode(text, out) } -> std::same_as<void>;  // appends the tokens of whole characters; makes no marks
};

namespace detail {

/// Marks of one vocabulary in another, by name; a mark that the other one lacks is no_token.
class mark_map {
 public:
  template <Vocabulary From, Vocabulary To>
  mark_map(const From& from, const To& to) {
    std::vector<std::pair<std::string_view, token>> names;
    each_mark(to, [&](token t, std::string_view name) { names.emplace_back(name, t); });
    std::ranges::sort(names);
    each_mark(from, [&](token t, std::string_view name) {
      const auto at = std::ranges::lower_bound(names, std::pair{name, token{0}});
      known_.emplace_back(t, at != names.end() && at->first == name ? at->second : no_token);
    });
  }

  /// Cost: O(log marks).
  [[nodiscard]] token operator()(token t) const noexcept {
    const auto at = std::ranges::lower_bound(known_, std::pair{t, no_token});
    return at != known_.end() && at->first == t ? at->second : no_token;
  }

 private:
  template <class V, class F>
  static void each_mark(const V& v, F f) {
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto t = static_cast<token>(i);
      if (const std::string_view name = v.mark(t); !name.empty()) f(t, name);
    }
  }

  std::vector<std::pair<token, token>> known_;  // ascending
};

}  // namespace detail

/// Follows a text in tokens of `From` and gives it in tokens of `To`.
///
/// The bytes are cut into segments at places that depend on the bytes around them alone, each segment is encoded by
/// itself, and marks are carried over by name (those that `To` lacks are left out). So the result is a function of the
/// text, however it grew or was edited, and what grows at the end costs the last segment only. Cuts are where the usual
/// pre-tokenizers cut too: before a single space inside of a line, behind a single line break. A text without such
/// places is cut after `longest` bytes.
/// Bytes of an unfinished character at the end are held back until it is whole.
///
/// Cost of a round: comparison with the old text where `run` does not say that it grew, encoding of the new bytes and
/// of one segment. No allocation once warm but those of To::encode.
template <Vocabulary From, Vocabulary To>
class retokeniser {
 public:
  static constexpr std::size_t longest = 1024;  // bytes of a segment

  /// Both vocabularies outlive this. `first`: a token that `To` wants at the begin of every text, where the text's own
  /// tokens do not bring it; no_token: none.
  retokeniser(const From& from, const To& to, token first = no_token) : from_{&from}, to_{&to}, marks_{from, to} {
    if (first != no_token) tokens_.push_back(first);
    firsts_ = tokens_.size();
  }

  /// After: tokens() are those of `text`. Equal non-zero runs say that the text has only grown since.
  void follow(std::span<const token> text, std::uint64_t run) {
    const bool grew = run != 0 && run == text_run_ && text.size() >= text_.size();
    const std::size_t known = grew ? text_.size() : common(text);
    text_run_ = run;
    const std::size_t same = known == 0 ? 0 : ends_[known - 1];
    text_.resize(known);
    ends_.resize(known);
    bytes_.resize(same);
    while (!placed_.empty() && placed_.back().at >= same) placed_.pop_back();
    for (const token t : text.subspan(known)) append(t);
    held_back_ = detail::unfinished_character(bytes_);
    encode_behind(same);
  }

  [[nodiscard]] std::span<const token> tokens() const noexcept { return tokens_; }
  /// Equal runs: tokens() has only grown since.
  [[nodiscard]] std::uint64_t run() const noexcept { return run_; }
  /// A mark of `From` in `To`, or no_token.
  [[nodiscard]] token mark(token t) const noexcept { return marks_(t); }
  /// Bytes at the end of the text that tokens() lacks.
  [[nodiscard]] std::string_view held_back() const noexcept {
    return std::string_view{bytes_}.substr(bytes_.size() - held_back_);
  }

 private:
  struct placed_mark {
    std::size_t at;  // in bytes_, where a zero byte keeps its place
    token as;        // of To
  };
  struct segment_end {
    std::size_t byte;   // in bytes_
    std::size_t token;  // in tokens_
  };

  [[nodiscard]] std::size_t common(std::span<const token> text) const noexcept {
    return static_cast<std::size_t>(std::ranges::mismatch(text_, text).in1 - text_.begin());
  }
  void append(token t) {
    if (const token as = marks_(t); as != no_token) {
      placed_.push_back({bytes_.size(), as});
      bytes_.push_back('\0');
    } else if (static_cast<std::size_t>(t) < from_->size()) {  // models may have more rows than there are tokens
      bytes_ += from_->bytes(t);
    }
    text_.push_back(t);
    ends_.push_back(bytes_.size());
  }

  /// The first `same` bytes are those of the call before: segments that they settle stay.
  void encode_behind(std::size_t same) {
    const std::size_t end = bytes_.size() - held_back_;
    if (!segments_.empty()) segments_.pop_back();  // it ended where the text did, at no cut
    while (!segments_.empty() && segments_.back().byte + 2 > std::min(same, end)) segments_.pop_back();
    const segment_end begin = segments_.empty() ? segment_end{0, firsts_} : segments_.back();
    const auto changed = tokens_.begin() + static_cast<std::ptrdiff_t>(begin.token);
    replaced_.assign(changed, tokens_.end());
    tokens_.resize(begin.token);
    for (std::size_t at = begin.byte; at < end; at = segments_.back().byte) encode_segment(at, end);
    const auto fresh = tokens().subspan(begin.token);
    if (fresh.size() < replaced_.size() || !std::ranges::equal(fresh.first(replaced_.size()), replaced_)) ++run_;
  }
  void encode_segment(std::size_t begin, std::size_t end) {
    const auto mark = std::ranges::lower_bound(placed_, begin, {}, &placed_mark::at);
    std::size_t cut = begin + 1;
    if (mark != placed_.end() && mark->at == begin) {
      tokens_.push_back(mark->as);
    } else {
      if (mark != placed_.end()) end = std::min(end, mark->at);
      while (cut < end && !cut_at(begin, cut, end)) ++cut;
      to_->encode(std::string_view{bytes_}.substr(begin, cut - begin), tokens_);
    }
    segments_.push_back({cut, tokens_.size()});
  }
  /// Whether a segment ends before byte i > begin. Reads no byte behind i + 1, so `same` settles cuts up to same - 2.
  [[nodiscard]] bool cut_at(std::size_t begin, std::size_t i, std::size_t end) const noexcept {
    const auto white = [this](std::size_t at) {
      const char c = bytes_[at];
      return c == ' ' || (c >= '\t' && c <= '\r');
    };
    if (bytes_[i] == ' ' && !white(i - 1) && i + 1 < end && !white(i + 1)) return true;
    if (bytes_[i - 1] == '\n' && !white(i) && (i - 1 == begin || !white(i - 2))) return true;
    return i - begin >= longest && (static_cast<unsigned char>(bytes_[i]) & 0xC0u) != 0x80u;
  }

  const From* from_;
  const To* to_;
  detail::mark_map marks_;
  std::size_t firsts_ = 0;  // tokens before those of the text
  std::vector<token> text_;
  std::vector<std::size_t> ends_;  // [token of text_] end in bytes_
  std::uint64_t text_run_ = 0;
  std::string bytes_;  // of text_; marks are one zero byte each
  std::vector<placed_mark> placed_;
  std::size_t held_back_ = 0;
  std::vector<segment_end> segments_;
  std::vector<token> tokens_;
  std::uint64_t run_ = 1;
  std::vector<token> replaced_;  // scratch
};

}  // namespace hunch
