// SAM decoding: copy what followed the longest end of the text that stood in it, or in a corpus, before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/suffix_corpus.hpp>
#include <hunch/drafters/suffix_index.hpp>
#include <hunch/drafters/text_window.hpp>

namespace hunch {

struct suffix_options {
  std::size_t min_match = 2;  ///< shortest match that is copied from; longer ones when another drafter waits
  std::size_t window = default_window;
};

/// Finds the longest end of the text, of any length, that stood in it before, and copies what came after its first
/// place, past the end of the text its own guesses; with a corpus, the longer of that match and the corpus' (equal: the
/// text's).
///
/// Cost: O(1) amortised a new token, O(1) a drafted one, whatever the length of the text and of the match. A text that
/// lost up to 256 tokens of its end costs what was lost; after any other edit it is read anew. Memory: about 75 bytes a
/// token of the window, 8 more with a corpus.
/// Source: Hu et al., "SAM Decoding: Speculative Decoding via Suffix Automaton" (2024).
class suffix_automaton {
 public:
  static constexpr laws sibling_laws = deterministic;

  explicit suffix_automaton(suffix_options options = {}) : options_{options}, window_{options.window} {
    if (options_.min_match == 0) raise("hunch: suffix_automaton needs min_match of at least 1");
  }
  /// `corpus` refers to bytes that must outlive the drafter.
  explicit suffix_automaton(suffix_corpus corpus, suffix_options options = {}) : suffix_automaton{options} {
    corpus_ = corpus;
  }

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      follow(ctx.text, ctx.run);
      choose();
    }
    const token t = guess(guessed_++);
    // A corpus may have been made for another vocabulary, and its documents end.
    if (t < 0 || static_cast<std::size_t>(t) >= tree.vocab()) return std::nullopt;
    const node_id child = tree.add(tip, t);
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

  /// Tokens at the end of the text that the last drafts were found by; 0: nothing was long enough.
  [[nodiscard]] std::size_t match_length() const noexcept { return matched_; }

 private:
  enum class source { nothing, text, corpus };

  void follow(std::span<const token> text, std::uint64_t run) {
    const std::size_t kept = window_.follow(text, run);
    if (kept < index_.size() && !index_.withdraw(kept)) index_.clear();
    const std::span<const token> tokens = window_.tokens();
    while (index_.size() < tokens.size()) index_.extend(tokens);
    if (corpus_) follow_in_corpus(kept);
  }
  void follow_in_corpus(std::size_t kept) {
    const std::span<const token> tokens = window_.tokens();
    in_corpus_.resize(std::min(kept, in_corpus_.size()));
    while (in_corpus_.size() < tokens.size()) {
      suffix_corpus::match at = in_corpus_.empty() ? suffix_corpus::match{} : in_corpus_.back();
      corpus_->advance(at, tokens[in_corpus_.size()]);
      in_corpus_.push_back(at);
    }
  }
  void choose() {
    const suffix_index::state& repeated = index_.repeated();
    guessed_ = 0;
    place_ = repeated.end + 1;
    const bool own = !corpus_ || repeated.length >= in_corpus_.back().length;
    matched_ = own ? repeated.length : in_corpus_.back().length;
    source_ = own ? source::text : source::corpus;
    if (matched_ >= options_.min_match) return;
    matched_ = 0;
    source_ = source::nothing;
  }
  [[nodiscard]] token guess(std::size_t g) const noexcept {
    if (source_ == source::nothing) return no_token;
    if (source_ == source::corpus) return corpus_->following(in_corpus_.back(), g);
    return copied_guess(window_.tokens(), place_, g);
  }

  suffix_options options_;
  text_window window_;
  suffix_index index_;
  std::optional<suffix_corpus> corpus_;
  std::vector<suffix_corpus::match> in_corpus_;  // [token of the window]
  source source_ = source::nothing;
  std::size_t place_ = 0;  // in the window, if the text is copied from
  std::size_t matched_ = 0;
  std::size_t guessed_ = 0;  // tokens, in this round
};

}  // namespace hunch
