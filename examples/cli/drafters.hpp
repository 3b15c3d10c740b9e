// From a spec to a drafter.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <hunch/any.hpp>
#include <hunch/gguf/text_vocabulary.hpp>
#include <hunch/sampling/warp.hpp>

#include "engine.hpp"
#include "options.hpp"
#include "spec.hpp"
#include "watched.hpp"

namespace hunch::cli {

/// Calls f with the warper of the options: what the text wishes, then the filters in the order of the help.
template <class F>
auto by_warper(const sampling_options& o, F f) {
  if (o.greedy()) return o.wishes ? f(*o.wishes | greedy{}) : f(greedy{});
  return f(o.wishes.value_or(any_warper{}) | top_k{static_cast<std::size_t>(o.top_k)} | top_p{o.top_p} |
           min_p{o.min_p} | temperature{o.temperature});
}

/// Makes drafters, and keeps what they refer to: views of draft models, corpora.
class drafter_maker {
 public:
  drafter_maker(engine& models, const sampling_options& sampling) : models_{&models}, sampling_{sampling} {}

  /// The drafter of a spec; where a model draws, by the law that the chosen verifier judges. Throws usage_error for
  /// specs that this verifier cannot judge, hunch::error for files that do not fit.
  [[nodiscard]] any_drafter make(const spec& s);

  /// Views of the draft models, for times.
  [[nodiscard]] const std::vector<std::unique_ptr<watched>>& drafts() const noexcept { return drafts_; }

 private:
  [[nodiscard]] watched& view_of(const spec& s);
  [[nodiscard]] any_drafter make_lookup(const spec& s);
  [[nodiscard]] any_drafter make_chain(const spec& s);
  [[nodiscard]] any_drafter make_translated(const spec& s);
  [[nodiscard]] any_drafter make_tree(const spec& s);
  [[nodiscard]] any_drafter make_joined(const spec& s);
  [[nodiscard]] any_drafter make_staged(watched& mid, any_drafter inner, std::uint32_t length);
  template <class D>
  [[nodiscard]] any_drafter with_adapted_length(D drafter, const spec& s, device_backend* draft);
  template <class D>
  [[nodiscard]] any_drafter with_policy(D drafter, const spec& s);
  template <class D>
  [[nodiscard]] any_drafter with_head(D drafter, const spec& s);

  /// A draft model's words and the target's.
  struct dictionary {
    gguf::text_vocabulary draft;
    gguf::text_vocabulary target;
  };

  engine* models_;
  sampling_options sampling_;
  std::vector<std::unique_ptr<watched>> drafts_;
  std::vector<std::vector<std::byte>> corpora_;
  std::vector<std::unique_ptr<dictionary>> dictionaries_;
};

}  // namespace hunch::cli
