// Which sub-layers self-speculation leaves out, and the search for a better choice while texts are written.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/core/random.hpp>
#include <hunch/core/types.hpp>

namespace hunch {

/// Attention and MLP sub-layers of a model that a pass leaves out. The first and the last layer are always whole, so
/// there are 2·(layers - 2) places: place 2i is the attention of layer i + 1, place 2i + 1 its MLP.
class skip_set {
 public:
  /// Nothing is left out.
  explicit skip_set(std::size_t layers) : mask_(layers, skip::none) {}

  [[nodiscard]] std::size_t layers() const noexcept { return mask_.size(); }
  [[nodiscard]] std::size_t places() const noexcept { return mask_.size() < 2 ? 0 : 2 * (mask_.size() - 2); }
  /// Sub-layers that are left out.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

  [[nodiscard]] bool contains(std::size_t place) const noexcept {
    HUNCH_EXPECTS(place < places(), "no such sub-layer, or one of the first or last layer");
    return skips(mask_[1 + place / 2], part(place));
  }
  void flip(std::size_t place) noexcept {
    count_ = contains(place) ? count_ - 1 : count_ + 1;
    skip& layer = mask_[1 + place / 2];
    layer = static_cast<skip>(static_cast<unsigned>(layer) ^ static_cast<unsigned>(part(place)));
  }

  /// What a backend takes; empty where nothing is left out. Valid as long as the set.
  [[nodiscard]] layer_mask mask() const noexcept { return count_ == 0 ? layer_mask{} : layer_mask{mask_}; }
  [[nodiscard]] friend bool operator==(const skip_set&, const skip_set&) = default;

 private:
  [[nodiscard]] static constexpr skip part(std::size_t place) noexcept {
    return place % 2 == 0 ? skip::attention : skip::mlp;
  }

  std::vector<skip> mask_;  // [layers]
  std::size_t count_ = 0;
};

/// Leaves out `ratio` of the sub-layers between the first and the last layer, rounded down: whole layers, spread evenly
/// from half a step in; where the number is odd, the last of them keeps its MLP. At one half these are every second
/// layer from the third one on. (The paper's first set has the second layer too, which some models cannot miss.)
[[nodiscard]] inline skip_set spread_skips(std::size_t layers, double ratio) {
  if (!(ratio >= 0 && ratio <= 1)) raise("hunch: the share of sub-layers to leave out must be in [0, 1]");
  skip_set out{layers};
  // A little more than the ratio, so that 0.3 of 10 is 3 in spite of rounding.
  const auto wanted = static_cast<std::size_t>(static_cast<double>(out.places()) * ratio + 1e-9);
  const std::size_t inner = out.places() / 2;
  const std::size_t touched = (wanted + 1) / 2;
  for (std::size_t i = 0; i < touched; ++i) {
    const std::size_t layer = (2 * i + 1) * inner / (2 * touched);
    out.flip(2 * layer);
    if (out.size() < wanted) out.flip(2 * layer + 1);
  }
  return out;
}

struct skip_search_options {
  std::size_t window = 32;     ///< tokens that a set is scored on
  std::size_t proposals = 16;  ///< scored on one window before the next one is taken
  std::size_t interval = 1;    ///< rounds of a text per scoring pass
  double good_enough = 0.95;   ///< ends the search for good
  std::size_t patience = 300;  ///< proposals in a row that were no better, after which it ends
  std::size_t most = 1000;     ///< proposals, after which it ends; 0: no search
  std::uint64_t seed = 0;
};

/// Looks for a skip set of the same size with a higher score, one proposal after another; knows nothing of models,
/// texts and drafts.
///
///   while (!search.done()) search.judge(score_of(search.wanted()));
///
/// A proposal is the best set so far with one sub-layer exchanged for another: one pass to score each. Scores are
/// compared on one window only; on a new one the best set is scored again before anything is proposed, so that a set
/// cannot stay because it once met an easy text. Deterministic for a seed and the scores. What was found stays until
/// `restart`.
/// Source: Xia et al., "SWIFT" (2025), with another proposal (docs/decisions/0007-searching-skip-sets.md).
class skip_search {
 public:
  explicit skip_search(skip_set start, const skip_search_options& options = {})
      : best_{std::move(start)}, candidate_{best_}, options_{options} {
    if (options_.window == 0 || options_.proposals == 0 || options_.interval == 0)
      raise("hunch: skip_search needs a window, proposals and an interval of at least 1");
  }

  [[nodiscard]] const skip_set& best() const noexcept { return best_; }
  /// Of the best set, on the newest window; 0 before any.
  [[nodiscard]] double best_score() const noexcept { return best_score_; }
  [[nodiscard]] const skip_search_options& options() const noexcept { return options_; }

  /// Nothing is left to try: the search ended, or no set has a neighbour.
  [[nodiscard]] bool done() const noexcept {
    return tried_ >= options_.most || since_better_ >= options_.patience || best_score_ > options_.good_enough ||
           best_.size() == 0 || best_.size() == best_.places();
  }
  /// Whether the newest window has served: the next score should be of another one.
  [[nodiscard]] bool wants_window() const noexcept { return on_window_ >= options_.proposals; }
  /// From now on scores are of a new window.
  void open_window() noexcept {
    on_window_ = 0;
    candidate_ = best_;
    scores_best_ = true;
  }
  /// The set whose score comes next: the best one first, then proposals. Stays until it is judged.
  [[nodiscard]] const skip_set& wanted() const noexcept { return candidate_; }
  /// `score` is that of `wanted`.
  void judge(double score) {
    if (scores_best_) {
      best_score_ = score;
    } else {
      ++tried_;
      ++on_window_;
      ++since_better_;
      if (score > best_score_) adopt(score);
    }
    scores_best_ = false;
    propose();
  }

  /// Forgets what was found.
  void restart(skip_set start) { *this = skip_search{std::move(start), options_}; }

  [[nodiscard]] std::size_t tried() const noexcept { return tried_; }      ///< proposals that were scored
  [[nodiscard]] std::size_t adopted() const noexcept { return adopted_; }  ///< of those, the ones that were better

 private:
  void adopt(double score) {
    best_ = candidate_;
    best_score_ = score;
    since_better_ = 0;
    ++adopted_;
  }
  void propose() {
    candidate_ = best_;
    if (done()) return;
    const auto words = philox4x32({static_cast<std::uint32_t>(tried_), 0, 0, 0}, options_.seed);
    candidate_.flip(pick(words[0], true));
    candidate_.flip(pick(words[1], false));
  }
  /// A place that the best set leaves out, or one that it does not; all equally likely.
  [[nodiscard]] std::size_t pick(std::uint32_t word, bool left_out) const noexcept {
    const std::size_t choices = left_out ? best_.size() : best_.places() - best_.size();
    auto nth = static_cast<std::size_t>(std::uint64_t{word} * choices >> 32);
    std::size_t place = 0;
    while (best_.contains(place) != left_out || nth-- != 0) ++place;
    return place;
  }

  skip_set best_;
  skip_set candidate_;
  skip_search_options options_;
  double best_score_ = 0;
  bool scores_best_ = true;  // the candidate is the best set itself, on a new window
  std::size_t on_window_ = 0;
  std::size_t tried_ = 0;
  std::size_t since_better_ = 0;
  std::size_t adopted_ = 0;
};

}  // namespace hunch
