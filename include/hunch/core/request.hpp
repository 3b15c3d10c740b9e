// What one text may ask for, and where it stands.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include <hunch/core/random.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// What one text may ask for.
template <class R>
struct basic_request {
  R random{};                                                        ///< philox{seed}
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< most tokens to add to the text
  std::vector<token> end_of_text{};  ///< the first of these ends the text; it is emitted
  /// Asked once a step with the text, whose last `fresh` tokens are new: how many tokens stay. Fewer than all end the
  /// text there (a stop string may have begun in an earlier step); none of `fresh` past it was ever in the text.
  std::function<std::size_t(std::span<const token> text, std::size_t fresh)> stop{};
};
using request = basic_request<philox>;

/// Where a text stands. Everything but `running` ends it, for good but for `failed`: a step that failed emitted nothing
/// and left the text at its last commit, and the next one tries again. (An empty text fails every time.)
enum class status { running, end_of_text, stopped, length, context, failed };

[[nodiscard]] constexpr const char* name_of(status s) noexcept {
  constexpr const char* names[] = {"running", "end_of_text", "stopped", "length", "context", "failed"};
  return names[static_cast<std::size_t>(s)];
}

/// Why a step failed. Those that begin with `draft` are bugs of a drafter that law D2 names (testing/drafter_laws.hpp
/// finds them).
enum class fault { none, empty_text, pass, rows, draft_budget, draft_depth, draft_token, draft_law };

[[nodiscard]] constexpr const char* message_of(fault f) noexcept {
  constexpr const char* messages[] = {"",
                                      "the text is empty: start with at least one token",
                                      "the target's pass failed: fewer rows than nodes, or rows of another length",
                                      "the target's logits are not usable (NaN, +inf, or no token is possible)",
                                      "the drafter added more nodes than ctx.budget",
                                      "the drafter added nodes below ctx.max_depth",
                                      "the drafter added a token outside of the target's vocabulary",
                                      "the drafter's q is not positive and finite at a token that it drew"};
  return messages[static_cast<std::size_t>(f)];
}

/// What a step did. `emitted` is valid until the next step.
struct step_result {
  hunch::status status;
  std::span<const token> emitted;
  std::size_t withdrawn = 0;  ///< tokens of earlier steps that a stop rule took back from the end of the text
};

}  // namespace hunch
