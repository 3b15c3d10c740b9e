// Penalties on tokens that were said before: repetition, presence, frequency.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

struct penalty_options {
  float repeat = 1.0f;      ///< > 0; logits above 0 are divided by it, the others multiplied; 1: off
  float presence = 0.0f;    ///< taken off the logit of every token that was said
  float frequency = 0.0f;   ///< taken off once for each time that it was said
  std::size_t last_n = 64;  ///< of the tokens before the decided one, so many count; `penalties::all`: all of them
  std::size_t first = 0;    ///< tokens of the text before this position do not count; prompt.size(): only what is new
};

/// Makes tokens less likely that stand in the prefix: the text and the drafts on the path, so that a drafted position
/// sees the drafts before it, none beside it, and no token twice.
///
/// The defaults are llama.cpp's: 64 tokens, the prompt counts. OpenAI's presence and frequency penalties count what was
/// generated: {.presence = p, .frequency = f, .last_n = penalties::all, .first = prompt.size()}.
/// `repeat` comes first, then the other two. Place it before warpers that leave tokens out.
/// Cost: O(counted tokens) a row, and 4 bytes a token of the vocabulary once per thread.
/// Sources: Keskar et al., "CTRL" (2019), for `repeat`, in llama.cpp's form for negative logits.
class penalties : public warper_base {
 public:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  explicit penalties(penalty_options o) : options_{o} {
    if (!(o.repeat > 0) || !std::isfinite(o.repeat))
      raise("hunch: penalties: repeat must be positive and finite; 1 leaves logits as they are");
    if (!std::isfinite(o.presence) || !std::isfinite(o.frequency))
      raise("hunch: penalties: presence and frequency must be finite; 0 leaves logits as they are");
  }

  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const {
    if (options_.repeat == 1.0f && options_.presence == 0.0f && options_.frequency == 0.0f) return;
    thread_local std::vector<std::uint32_t> counts;  // [vocab]; zero between calls
    if (counts.size() < row.size()) counts.resize(row.size());
    for_each_counted(at, row.size(), [](std::size_t t) { ++counts[t]; });
    for_each_counted(at, row.size(), [&](std::size_t t) {
      if (counts[t] != 0) penalise(row[t], counts[t]);
      counts[t] = 0;  // the next time that the token comes up it is done
    });
  }

 private:
  /// f(token) for the last tokens that count, newest first. Ids that the row does not have are left out.
  template <class F>
  void for_each_counted(const prefix_view& at, std::size_t vocab, F f) const {
    std::size_t left = std::min(options_.last_n, at.size() - std::min(options_.first, at.size()));
    const auto visit = [&](token t) {
      if (left == 0) return;
      --left;
      if (t >= 0 && static_cast<std::size_t>(t) < vocab) f(static_cast<std::size_t>(t));
    };
    at.for_each_drafted(visit);
    for (const token t : at.text.last(std::min(left, at.text.size()))) visit(t);
  }

  template <class P>
  void penalise(P& logit, std::uint32_t count) const noexcept {
    const auto repeat = static_cast<P>(options_.repeat);
    logit = logit > P{0} ? logit / repeat : logit * repeat;
    logit -= static_cast<P>(options_.presence) + static_cast<P>(count) * static_cast<P>(options_.frequency);
  }

  penalty_options options_;
};

}  // namespace hunch
