// Rows of logits and probabilities: argmax, softmax.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <hunch/core/types.hpp>
#include <limits>
#include <span>

namespace hunch {

/// Index of the largest logit, the lowest one among equals. No_token if the row is empty, holds a NaN or +inf, or
/// nothing but -inf. Cost: O(vocab), one pass.
template <class P>
[[nodiscard]] token argmax(std::span<const P> row) noexcept {
  P best = -std::numeric_limits<P>::infinity();
  token winner = no_token;
  bool broken = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    broken |= std::isnan(row[i]);
    if (row[i] > best) {
      best = row[i];
      winner = static_cast<token>(i);
    }
  }
  return broken || std::isinf(best) ? no_token : winner;
}

/// Logits to probabilities in place; -inf becomes exactly 0. The sum is taken in double.
/// Returns false, with the row unspecified, if it holds a NaN or +inf, or nothing but -inf.
template <class P>
[[nodiscard]] bool softmax(std::span<P> row) noexcept {
  P top = -std::numeric_limits<P>::infinity();
  for (const P x : row) top = std::max(top, x);
  if (!std::isfinite(top)) return false;
  double sum = 0;
  for (P& x : row) {
    x = std::exp(x - top);
    sum += static_cast<double>(x);
  }
  if (!(sum >= 1)) return false;  // a NaN: the largest logit alone gives 1
  const double scale = 1.0 / sum;
  for (P& x : row) x = static_cast<P>(static_cast<double>(x) * scale);
  return true;
}

}  // namespace hunch
