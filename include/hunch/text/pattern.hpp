// Follows a sequence until a pattern in it is complete.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>

namespace hunch {

/// Knuth, Morris, Pratt: all that is known of a sequence is how many elements at its end begin the pattern.
/// Cost: O(1) an element, amortised. The pattern is not empty.
template <class T>
class pattern {
 public:
  explicit pattern(std::vector<T> elements) : elements_{std::move(elements)}, border_(elements_.size() + 1, 0) {
    HUNCH_EXPECTS(!elements_.empty(), "an empty pattern is everywhere");
    for (std::size_t i = 1; i < elements_.size(); ++i) border_[i + 1] = next(border_[i], elements_[i]);
  }

  [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }
  /// Elements at the end of the sequence that begin the pattern, after one more; size(): it is complete.
  [[nodiscard]] std::size_t next(std::size_t matched, const T& x) const noexcept {
    if (matched == elements_.size()) matched = border_[matched];
    while (matched > 0 && !(elements_[matched] == x)) matched = border_[matched];
    return matched + (elements_[matched] == x ? 1 : 0);
  }

 private:
  std::vector<T> elements_;
  std::vector<std::size_t> border_;  // [matched] longest proper prefix of the pattern that ends what matched
};

}  // namespace hunch
