#include "answer.hpp"

#include <algorithm>

namespace hunch::cli {

bool answer::add(token t, std::string_view text, bool drafted) {
  const std::size_t before = text_.size();
  text_ += text;
  tokens_.push_back(t);
  ends_.push_back(text_.size());
  drafted_.push_back(drafted);
  std::size_t begin = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t from = before < stop.size() ? 0 : before - stop.size() + 1;
    begin = std::min(begin, text_.find(stop, from));
  }
  if (begin != std::string::npos) cut(begin);
  safe_ = stopped_ ? text_.size() : text_.size() - held_back();
  return stopped_;
}

void answer::finish(std::string_view text) {
  if (!stopped_) {
    text_ += text;
    if (!ends_.empty()) ends_.back() = text_.size();
  }
  safe_ = text_.size();
}

answer::piece answer::next_piece() {
  while (at_ < ends_.size() && ends_[at_] <= shown_) ++at_;
  if (shown_ >= safe_) return {{}, false};
  const bool drafted = at_ < drafted_.size() && drafted_[at_];
  const std::size_t end = at_ < ends_.size() ? std::min(ends_[at_], safe_) : safe_;
  const std::string_view out = std::string_view{text_}.substr(shown_, end - shown_);
  shown_ = end;
  return {out, drafted};
}

/// Bytes at the end of the text that may still become a stop string.
std::size_t answer::held_back() const noexcept {
  std::size_t most = 0;
  for (const std::string& stop : stops_)
    for (std::size_t n = std::min(stop.size() - 1, text_.size()); n > most; --n)
      if (std::string_view{text_}.substr(text_.size() - n) == std::string_view{stop}.substr(0, n)) most = n;
  return most;
}

/// Ends the text at `begin`, and the tokens before the one that begins the stop string.
void answer::cut(std::size_t begin) {
  stopped_ = true;
  text_.resize(begin);
  const auto first = std::upper_bound(ends_.begin(), ends_.end(), begin) - ends_.begin();
  tokens_.resize(static_cast<std::size_t>(first));
  ends_.resize(tokens_.size());
  // The token that begins the stop string may show text before it: its tint is still needed.
}

}  // namespace hunch::cli
