// Wishes about single tokens: biases, bans, a list that may be said, a least length.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

struct token_bias {
  token id;
  float bias;  ///< added to the logit; -inf: never
};

namespace detail {

inline void refuse_negative(token t, const char* who) {
  if (t < 0) raise(std::string{"hunch: "} + who + ": " + std::to_string(t) + " is no token");
}
/// Ids that the row has not are left alone: nothing can say them.
template <class P>
[[nodiscard]] bool has(std::span<P> row, token t) noexcept {
  return static_cast<std::size_t>(t) < row.size();
}
template <class P>
void ban(std::span<P> row, std::span<const token> tokens) noexcept {
  for (const token t : tokens)
    if (has(row, t)) row[static_cast<std::size_t>(t)] = minus_infinity<P>;
}
[[nodiscard]] inline std::vector<token> checked_tokens(std::vector<token> tokens, const char* who) {
  for (const token t : tokens) refuse_negative(t, who);
  return tokens;
}

}  // namespace detail

/// Adds to the logits of some tokens (OpenAI's logit_bias). Entries of one token add up.
/// Cost: O(entries) a row.
class bias : public warper_base {
 public:
  explicit bias(std::vector<token_bias> entries) : entries_{std::move(entries)} {
    for (const token_bias& e : entries_) {
      detail::refuse_negative(e.id, "bias");
      if (std::isnan(e.bias) || e.bias == std::numeric_limits<float>::infinity())
        raise("hunch: bias: the bias of token " + std::to_string(e.id) + " must be a number below infinity");
    }
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const noexcept {
    for (const token_bias& e : entries_)
      if (detail::has(row, e.id)) row[static_cast<std::size_t>(e.id)] += static_cast<P>(e.bias);
  }

 private:
  std::vector<token_bias> entries_;
};

/// Tokens that are never said. Cost: O(tokens listed) a row. A row of which everything is banned has no mass, and the
/// text ends with status::failed.
class banned : public warper_base {
 public:
  explicit banned(std::vector<token> tokens) : tokens_{detail::checked_tokens(std::move(tokens), "banned")} {}
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const noexcept {
    detail::ban(row, tokens_);
  }

 private:
  std::vector<token> tokens_;
};

/// The only tokens that may be said; list the end-of-text tokens too if the text may end. Cost: O(vocab) a row.
class only : public warper_base {
 public:
  explicit only(std::vector<token> tokens) : tokens_{detail::checked_tokens(std::move(tokens), "only")} {
    if (tokens_.empty()) raise("hunch: only: an empty list leaves nothing to say");
  }
  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const {
    thread_local std::vector<P> kept;
    kept.clear();
    for (const token t : tokens_) kept.push_back(detail::has(row, t) ? row[static_cast<std::size_t>(t)] : P{0});
    std::fill(row.begin(), row.end(), detail::minus_infinity<P>);
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (detail::has(row, tokens_[i])) row[static_cast<std::size_t>(tokens_[i])] = kept[i];
  }

 private:
  std::vector<token> tokens_;
};

struct min_length_options {
  std::size_t tokens;              ///< so many come before the text may end
  std::size_t after;               ///< tokens of the prompt
  std::vector<token> end_of_text;  ///< as in the request
};

/// End-of-text tokens stay impossible until enough tokens were said, counted at each drafted position.
/// Cost: O(end-of-text tokens) a row.
class min_length : public warper_base {
 public:
  explicit min_length(min_length_options o)
      : until_{o.after + o.tokens}, end_of_text_{detail::checked_tokens(std::move(o.end_of_text), "min_length")} {}
  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const noexcept {
    if (at.size() < until_) detail::ban(row, end_of_text_);
  }

 private:
  std::size_t until_;  // length of a text that may end
  std::vector<token> end_of_text_;
};

}  // namespace hunch
