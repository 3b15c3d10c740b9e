// A source of randomness whose every decision branches: runs the production templates over all outcomes, with their
// exact probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hunch/core/random.hpp>

namespace hunch::testing {

/// Drives one function through all its outcomes, depth first: each run replays the choices of the run before up to
/// the last one that has another outcome.
///
/// Remembers by counter what a run has learned about each uniform, as philox would return the same bits: an interval
/// [lo, hi) that every comparison narrows. Asked twice at one counter it gives one consistent answer, so the bias of a
/// reused counter shows as it would in production.
class branch_explorer {
 public:
  /// The identity of one uniform; equal to philox's counter.
  struct counter {
    std::uint64_t round;
    node_id node;
    purpose why;
    std::uint32_t stage;
    std::uint32_t lane = 0;
    friend bool operator==(const counter&, const counter&) = default;
  };

  void begin_run() {
    depth_ = 0;
    weight_ = 1;
    uniforms_.clear();
    orders_.clear();
    positions_.clear();
  }
  /// Goes to the next outcome; false when all were visited.
  bool advance() {
    while (!choices_.empty()) {
      choice& last = choices_.back();
      if (++last.taken < last.odds.size()) return true;
      choices_.pop_back();
    }
    return false;
  }
  /// Probability of the run so far.
  [[nodiscard]] double weight() const noexcept { return weight_; }

  /// True with probability `threshold`, given what is known about the uniform.
  bool below(const counter& c, double threshold) {
    const double cuts[] = {threshold, 1.0};
    return locate(c, cuts) == 0;
  }
  /// The index of the piece [cuts[i - 1], cuts[i]) that the uniform lies in.
  std::size_t locate(const counter& c, std::span<const double> cuts) {
    refuse(same_site(orders_, c), "a draw reads the counter of an ordered draw");
    auto known = find(uniforms_, c);
    if (known == uniforms_.end()) known = uniforms_.insert(known, {c, 0.0, 1.0});
    odds_.clear();
    pieces_.clear();
    double from = 0;
    for (std::size_t i = 0; i < cuts.size(); from = std::max(from, cuts[i++])) {
      const double low = std::max(from, known->low);
      const double high = std::min(cuts[i], known->high);
      if (high - low <= rounding) continue;
      odds_.push_back((high - low) / (known->high - known->low));
      pieces_.push_back({i, low, high});
    }
    const piece& p = pieces_[choose()];
    known->low = p.low;
    known->high = p.high;
    return p.index;
  }
  /// The first k of the order in which indices are drawn without replacement.
  void order(const counter& c, std::span<const double> q, std::size_t k, std::vector<candidate>& out) {
    refuse(same_site(uniforms_, c), "an ordered draw reads the counter of another draw");
    auto known = find(orders_, c);
    if (known == orders_.end()) known = orders_.insert(known, {c, {q.begin(), q.end()}, {}});
    refuse(!std::equal(q.begin(), q.end(), known->q.begin(), known->q.end()),
           "one site's noise is used for two laws; nodes need noise of their own");
    while (known->drawn.size() < k && draw_another(*known)) {
    }
    out.clear();
    for (std::size_t i = 0; i < std::min(k, known->drawn.size()); ++i) out.push_back({known->drawn[i], 0.0});
  }
  /// The token of an absolute position.
  token at(std::uint64_t position, std::span<const double> law) {
    for (const auto& p : positions_)
      if (p.position == position) {
        refuse(!std::equal(law.begin(), law.end(), p.law.begin(), p.law.end()),
               "the noise of one position is used for two laws (coupled drafters need a Monte Carlo test)");
        return p.drawn;
      }
    const auto t = static_cast<token>(pick(law));
    positions_.push_back({position, {law.begin(), law.end()}, t});
    return t;
  }

 private:
  static constexpr double rounding = 1e-15;  // thinner pieces come from rounding, not from the law

  struct choice {
    std::vector<double> odds;
    std::size_t taken = 0;
  };
  struct piece {
    std::size_t index;
    double low, high;
  };
  struct uniform {
    counter key;
    double low, high;
  };
  struct ordered {
    counter key;
    std::vector<double> q;
    std::vector<token> drawn;
  };
  struct positioned {
    std::uint64_t position;
    std::vector<double> law;
    token drawn;
  };

  static void refuse(bool bad, const char* what) {
    if (bad) raise(std::string{"branching: "} + what);
  }
  template <class T>
  static typename std::vector<T>::iterator find(std::vector<T>& all, const counter& c) {
    return std::find_if(all.begin(), all.end(), [&](const T& x) { return x.key == c; });
  }
  /// An ordered draw reads every lane of its site.
  template <class T>
  static bool same_site(const std::vector<T>& all, counter c) {
    return std::any_of(all.begin(), all.end(), [&](const T& x) {
      c.lane = x.key.lane;
      return x.key == c;
    });
  }
  /// Takes one of odds_ (they sum to 1).
  std::size_t choose() {
    refuse(odds_.empty(), "a draw without mass");
    if (odds_.size() == 1) return 0;
    if (depth_ == choices_.size()) choices_.push_back({odds_, 0});
    const choice& here = choices_[depth_++];
    refuse(here.odds.size() != odds_.size(), "the function under test depends on more than its random source");
    weight_ *= here.odds[here.taken];
    return here.taken;
  }
  /// An index in proportion to w.
  std::size_t pick(std::span<const double> w) {
    double mass = 0;
    for (const double x : w) mass += x;
    odds_.clear();
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!(w[i] > 0)) continue;
      odds_.push_back(w[i] / mass);
      index.push_back(i);
    }
    return index[choose()];
  }
  bool draw_another(ordered& known) {
    std::vector<double> left = known.q;
    for (const token t : known.drawn) left[static_cast<std::size_t>(t)] = 0;
    if (std::none_of(left.begin(), left.end(), [](double x) { return x > 0; })) return false;
    known.drawn.push_back(static_cast<token>(pick(left)));
    return true;
  }

  std::vector<choice> choices_;
  std::size_t depth_ = 0;
  double weight_ = 1;
  std::vector<double> odds_;
  std::vector<piece> pieces_;
  std::vector<uniform> uniforms_;
  std::vector<ordered> orders_;
  std::vector<positioned> positions_;
};

/// The RandomSource over a branch_explorer; a copy asks the same explorer. For P = double.
class branching {
 public:
  branching() = default;
  explicit branching(branch_explorer& explorer, std::uint32_t stage = 0) : explorer_{&explorer}, stage_{stage} {}

  [[nodiscard]] branching split(std::uint32_t stage) const {
    branching inner = *this;
    inner.stage_ = stage_ * 8 + stage + 1;
    return inner;
  }
  [[nodiscard]] bool accept(draw_site at, double p, double q, std::uint32_t lane = 0) const {
    return explorer_->below(key(at, purpose::accept, lane), q > 0 ? std::min(1.0, p / q) : p > 0 ? 1.0 : 0.0);
  }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const double> w, std::uint32_t lane = 0) const {
    double mass = 0;
    for (const double x : w) mass += x;
    if (!(mass > 0)) return no_token;
    std::vector<double> cuts(w.size());
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i) cuts[i] = (sum += w[i]) / mass;
    for (std::size_t i = w.size(); i-- > 0 && !(w[i] > 0);) cuts[i] = 0;  // nothing lies behind the last positive one
    for (double& c : cuts)
      if (c == sum / mass) c = 1.0;
    return static_cast<token>(explorer_->locate(key(at, why, lane), cuts));
  }
  void ordered_without_replacement(draw_site at, std::span<const double> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    explorer_->order(key(at, purpose::draft), q, k, out);
  }
  [[nodiscard]] token at_position(std::uint64_t position, std::span<const double> logits) const {
    std::vector<double> law(logits.begin(), logits.end());
    const double top = *std::max_element(law.begin(), law.end());
    double sum = 0;
    for (double& x : law) sum += x = std::exp(x - top);
    for (double& x : law) x /= sum;
    return explorer_->at(position, law);
  }
  void ordered_at_position(std::uint64_t, std::span<const double>, std::size_t, std::vector<candidate>&) const {
    raise("branching: the noise of positions is shared by two laws (coupled drafters need a Monte Carlo test)");
  }

 private:
  [[nodiscard]] branch_explorer::counter key(draw_site at, purpose why, std::uint32_t lane = 0) const {
    return {at.round, at.node, why, stage_, lane};
  }

  branch_explorer* explorer_ = nullptr;
  std::uint32_t stage_ = 0;
};

static_assert(RandomSource<branching, double>);

/// Calls sink(run(source), probability) for every outcome of `run`; returns the sum of probabilities, which is 1.
template <class Run, class Sink>
double explore(Run run, Sink sink) {
  branch_explorer explorer;
  double total = 0;
  do {
    explorer.begin_run();
    auto result = run(branching{explorer});
    sink(std::move(result), explorer.weight());
    total += explorer.weight();
  } while (explorer.advance());
  return total;
}

/// Expected value of a function of the outcome.
template <class Run>
[[nodiscard]] double expectation(Run run) {
  double sum = 0;
  explore(run, [&sum](double value, double probability) { sum += value * probability; });
  return sum;
}

}  // namespace hunch::testing
