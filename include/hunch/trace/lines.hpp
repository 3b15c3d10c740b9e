// A trace is lines of JSON; this writes them into one buffer that is used again and again.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core/random.hpp>
#include <hunch/core/types.hpp>

namespace hunch::detail {

/// One line of JSON. Numbers are the shortest that read back as the same (at most 9 digits a float). Allocates only
/// while lines grow longer than any before.
class json_line {
 public:
  void clear() noexcept { text_.clear(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  json_line& raw(std::string_view s) {
    text_.append(s);
    return *this;
  }
  template <class T>
  json_line& number(T x) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
    text_.append(digits, end);
    return *this;
  }
  template <class T>
  json_line& numbers(std::span<const T> all) {
    char before = '[';
    for (const T& x : all) {
      text_.push_back(before);
      number(x);
      before = ',';
    }
    if (all.empty()) text_.push_back('[');
    text_.push_back(']');
    return *this;
  }
  /// Quoted; bytes are taken to be UTF-8.
  json_line& string(std::string_view s) {
    text_.push_back('"');
    for (const char c : s) {
      if (static_cast<unsigned char>(c) >= 0x20) {
        if (c == '"' || c == '\\') text_.push_back('\\');
        text_.push_back(c);
      } else {
        constexpr std::string_view hex = "0123456789abcdef";
        text_.append("\\u00");
        text_.push_back(hex[static_cast<unsigned char>(c) >> 4]);
        text_.push_back(hex[static_cast<unsigned char>(c) & 15]);
      }
    }
    text_.push_back('"');
    return *this;
  }

 private:
  std::string text_;
};

/// The part of a row that a trace keeps: `wanted` tokens, and the `top` largest (0: all). What is not finite is left
/// out. Ids rise. Cost: one pass over the row.
class short_row {
 public:
  template <class P>
  void pick(std::span<const P> row, std::size_t top, std::span<const token> wanted) {
    ids_.clear();
    values_.clear();
    best_.clear();
    if (top == 0) {
      for (std::size_t i = 0; i < row.size(); ++i) ids_.push_back(static_cast<token>(i));
    } else {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto x = static_cast<double>(row[i]);
        if (std::isfinite(x) && (best_.size() < top || x > best_.back().score))
          keep_largest({static_cast<token>(i), x}, top, best_);
      }
      for (const candidate& c : best_) ids_.push_back(c.index);
      ids_.insert(ids_.end(), wanted.begin(), wanted.end());
      std::ranges::sort(ids_);
      ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    }
    std::erase_if(ids_, [&](token t) {
      return t < 0 || static_cast<std::size_t>(t) >= row.size() || !std::isfinite(row[static_cast<std::size_t>(t)]);
    });
    for (const token t : ids_) values_.push_back(static_cast<float>(row[static_cast<std::size_t>(t)]));
  }
  /// "[ids],[values]"
  void write(json_line& out) const {
    out.numbers(std::span<const token>{ids_}).raw(",").numbers(std::span<const float>{values_});
  }

 private:
  std::vector<token> ids_;
  std::vector<float> values_;
  std::vector<candidate> best_;
};

}  // namespace hunch::detail
