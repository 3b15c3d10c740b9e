// How many tokens to draft, decided on the way: by confidence, by predicted acceptance, by what was accepted before.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>

namespace hunch {

/// Stops after a token that was less likely than `threshold` under the law it was drawn from. The token stays (D3).
struct confidence_stop {
  float threshold = 0.4f;
  std::uint32_t longest = 16;
  [[nodiscard]] bool keep_drafting(const draft_signal& s) const noexcept {
    return s.depth < longest && s.probability >= threshold;
  }
};

/// Stops after a token whose law had more than `nats` of entropy.
/// Source: Agrawal et al., AdaEDL (2024), with the entropy itself in place of their bound.
struct entropy_stop {
  static constexpr bool wants_probability = false;
  static constexpr bool wants_entropy = true;
  float nats = 2.0f;
  std::uint32_t longest = 16;
  [[nodiscard]] bool keep_drafting(const draft_signal& s) const noexcept {
    return s.depth < longest && s.entropy <= nats;
  }
};

/// The heuristic of Hugging Face's assisted generation: two tokens more after a round in which all were accepted, one
/// less after another. Only a round that drafted its full length counts as a success (an early end is none).
class plus_two_minus_one {
 public:
  static constexpr bool reads_depth_alone = true;

  explicit plus_two_minus_one(std::uint32_t start = 5, std::uint32_t longest = 20)
      : length_{start}, longest_{longest} {}

  [[nodiscard]] bool keep_drafting(const draft_signal& s) const noexcept { return s.depth < length_; }
  template <class P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& v) noexcept {
    if (tree.drafted() == 0) return;
    if (v.accepted() < tree.drafted())
      length_ = std::max(1u, length_ - 1);
    else if (tree.drafted() >= length_)
      length_ = std::min(longest_, length_ + 2);
  }
  [[nodiscard]] std::uint32_t length() const noexcept { return length_; }

 private:
  std::uint32_t length_;
  std::uint32_t longest_;
};

/// What drafting and checking cost, in passes of the target over one row.
struct draft_costs {
  double draft = 0.0;                   ///< a drafted token: T_draft(1) / T_target(1)
  std::vector<double> pass{1.0, 1.05};  ///< [drafted tokens n] T_target(n + 1) / T_target(1); goes on by its last step

  /// A round that drafts n tokens.
  [[nodiscard]] double round(std::size_t n) const noexcept {
    const std::size_t last = pass.size() - 1;
    const double beyond = n > last && last > 0 ? static_cast<double>(n - last) * (pass[last] - pass[last - 1]) : 0;
    return static_cast<double>(n) * draft + pass[std::min(n, last)] + beyond;
  }
};

/// Chooses the length that pays most: the largest expected tokens per cost, (1 + a_1 + a_1·a_2 + …) / (1 +
/// length·cost), where a_i is the acceptance at position i, an exponential moving average of what was tested there.
/// Where no length pays it drafts nothing, and tries one token again every `retry` steps, so that it comes back when
/// the text changes. Sources: Leviathan et al. (2023), section 3.5; SmartSpec (2024) for the goodput form.
class best_paying_length {
 public:
  static constexpr bool reads_depth_alone = true;

  explicit best_paying_length(draft_costs costs, std::uint32_t longest = 16, double memory = 0.95,
                              std::uint32_t retry = 16)
      : costs_{std::move(costs)}, memory_{memory}, retry_{retry}, rates_(longest, 0.7) {
    if (costs_.pass.empty()) raise("hunch: best_paying_length needs the cost of at least one pass");
    if (longest == 0) raise("hunch: best_paying_length needs a longest length of at least 1");
    choose();
  }

  [[nodiscard]] bool keep_drafting(const draft_signal& s) noexcept {
    if (s.depth == 0 && length_ == 0) return ++idle_ % retry_ == 0;
    return s.depth < length_;
  }
  template <class P>
  void observe(const basic_draft_tree<P>& tree, const basic_verdict<P>& v) {
    const std::size_t tested = std::min({v.accepted() + 1, tree.drafted(), rates_.size()});
    for (std::size_t i = 0; i < tested; ++i) rates_[i] = memory_ * rates_[i] + (i < v.accepted() ? 1 - memory_ : 0);
    if (tested > 0) choose();
  }
  /// The length of the next chain; 0: drafting does not pay.
  [[nodiscard]] std::uint32_t length() const noexcept { return length_; }

 private:
  void choose() noexcept {
    double reached = 1, tokens = 1, best = 1 / costs_.round(0);
    length_ = 0;
    for (std::uint32_t n = 1; n <= rates_.size(); ++n) {
      tokens += reached *= rates_[n - 1];
      const double pays = tokens / costs_.round(n);
      if (pays > best) {
        best = pays;
        length_ = n;
      }
    }
  }

  draft_costs costs_;
  double memory_;
  std::uint32_t retry_;
  std::uint32_t length_ = 0;
  std::uint32_t idle_ = 0;
  std::vector<double> rates_;  // [position] acceptance of the token drafted there, given those before it
};

/// Predicts from a signal how likely a drafted token is to be accepted, given that those before it are.
template <class A>
concept AcceptancePredictor = requires(A& a, const draft_signal& s) {
  { a.acceptance(s) } -> std::convertible_to<double>;
};

/// Draft confidence, calibrated online: a logistic regression of acceptance on the log-odds of the drawn token's
/// probability and on the depth, one step of gradient descent per tested token.
class calibrated_confidence {
 public:
  explicit calibrated_confidence(double rate = 0.05) : rate_{rate} {}

  [[nodiscard]] double acceptance(const draft_signal& s) const noexcept {
    const auto x = features(s);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weights_[i] * x[i];
    return 1 / (1 + std::exp(-sum));
  }
  /// A token with this signal was tested.
  void learn(const draft_signal& s, bool accepted) noexcept {
    const double error = (accepted ? 1.0 : 0.0) - acceptance(s);
    const auto x = features(s);
    for (std::size_t i = 0; i < x.size(); ++i) weights_[i] += rate_ * error * x[i];
  }

 private:
  [[nodiscard]] static std::array<double, 3> features(const draft_signal& s) noexcept {
    const double p = std::clamp(static_cast<double>(s.probability), 1e-4, 1 - 1e-4);
    return {1.0, std::log(p / (1 - p)), 0.1 * s.depth};
  }

  double rate_;
  std::array<double, 3> weights_{0.5, 0.5, 0.0};  // to begin with: between the confidence and one half
};

/// SpecDec++: stops when the probability that some drafted token is rejected, 1 - a_1·a_2·…·a_k, exceeds `threshold`.
/// That is the optimal rule for constant costs of a discarded draft and of a round. Between `shortest` and `longest`.
/// Source: Huang, Guo, Wang, "SpecDec++" (2024), where a trained head on the draft's hidden state predicts
/// (acceptance_head.hpp); any AcceptancePredictor stands here. One that has learn(signal, accepted) is told what was
/// tested; one that says `wants_hidden` reads signal.hidden.
template <AcceptancePredictor A = calibrated_confidence>
class specdec_pp {
 public:
  static constexpr bool wants_hidden = requires { A::wants_hidden; };

  explicit specdec_pp(A predictor = A{}, double threshold = 0.7, std::uint32_t shortest = 1, std::uint32_t longest = 20)
      : predictor_{std::move(predictor)}, threshold_{threshold}, shortest_{shortest}, longest_{longest} {
    static_assert(!(learns && wants_hidden),
                  "hunch: an AcceptancePredictor that learns cannot read hidden states: they are gone by then");
    if (!(threshold > 0 && threshold <= 1)) raise("hunch: specdec_pp needs a threshold in (0, 1]");
  }

  [[nodiscard]] bool keep_drafting(const draft_signal& s) {
    if (s.depth == 0) {
      signals_.clear();
      all_accepted_ = 1;
      return longest_ > 0;
    }
    if constexpr (learns) signals_.push_back(s);
    all_accepted_ *= static_cast<double>(predictor_.acceptance(s));
    return s.depth < longest_ && (s.depth < shortest_ || 1 - all_accepted_ <= threshold_);
  }
  template <class P>
  void observe(const basic_draft_tree<P>&, const basic_verdict<P>& v) {
    if constexpr (learns)
      for (std::size_t i = 0; i < signals_.size() && i <= v.accepted(); ++i)
        predictor_.learn(signals_[i], i < v.accepted());
    signals_.clear();
  }
  [[nodiscard]] const A& predictor() const noexcept { return predictor_; }

 private:
  static constexpr bool learns = requires(A & a, const draft_signal& s) { a.learn(s, true); };

  A predictor_;
  double threshold_;
  std::uint32_t shortest_;
  std::uint32_t longest_;
  double all_accepted_ = 1;
  std::vector<draft_signal> signals_;  // of the tokens of this round
};

}  // namespace hunch
