// llama.cpp's draft flags, old and new spellings, as a spec.
#pragma once

#include <optional>
#include <string>

namespace hunch::cli {

struct draft_flags {
  std::optional<std::string> model;   // -md
  std::optional<std::string> type;    // --spec-type: none, draft-simple, ngram-simple; a list is a priority
  std::optional<long> longest;        // --draft-max, --spec-draft-n-max
  std::optional<long> shortest;       // --draft-min, --spec-draft-n-min
  std::optional<double> probability;  // --draft-p-min, --spec-draft-p-min
  std::optional<long> ngram;          // --spec-ngram-size-n
  std::optional<long> ngram_longest;  // --spec-ngram-size-m

  [[nodiscard]] bool any() const noexcept {
    return model || type || longest || shortest || probability || ngram || ngram_longest;
  }
};

/// The spec that the flags mean. Throws usage_error for combinations without a meaning here.
[[nodiscard]] std::string to_spec(const draft_flags& flags);

}  // namespace hunch::cli
