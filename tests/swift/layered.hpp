// A toy model of several layers, each sub-layer of which is missed in a way of its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/drafters/swift.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "swift/mutants.hpp"

namespace hunch::test {

/// The toy backend with `harm.size() / 2 + 2` layers: leaving out the sub-layer at place i moves harm[i] of every
/// token's probability to the token after it (.9 at most in all). Nothing is kept of a pass that left something out:
/// the toy backend raises where its nodes are committed, and where a full pass goes on from them.
template <class P>
class layered {
 public:
  using sequence = typename testing::basic_toy_backend<P>::sequence;

  layered(testing::basic_toy_backend<P>& inner, std::vector<double> harm) : inner_{&inner}, harm_{std::move(harm)} {}

  [[nodiscard]] std::size_t vocab_size() const { return inner_->vocab_size(); }
  [[nodiscard]] sequence open() { return inner_->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return inner_->room(s); }
  void prefill(sequence& s, std::span<const token> tokens) { inner_->prefill(s, tokens); }
  basic_matrix_view<P> forward(sequence& s, tree_view tree) { return inner_->forward(s, tree); }
  void commit(sequence& s, std::span<const node_id> path) { inner_->commit(s, path); }
  void rewind(sequence& s, std::size_t n) { inner_->rewind(s, n); }
  [[nodiscard]] sequence fork(const sequence& s) { return inner_->fork(s); }

  [[nodiscard]] std::size_t layer_count() const { return harm_.size() / 2 + 2; }
  basic_matrix_view<P> forward(sequence& s, tree_view tree, layer_mask mask) {
    if (!mask.empty() && mask.size() != layer_count()) raise("layered: one entry a layer");
    if (!mask.empty() && (mask.front() != skip::none || mask.back() != skip::none))
      raise("layered: the first and the last layer are never left out");
    double moved = 0;
    bool any = false;
    for (std::size_t i = 0; !mask.empty() && i < harm_.size(); ++i) {
      if (!skips(mask[1 + i / 2], i % 2 == 0 ? skip::attention : skip::mlp)) continue;
      moved += harm_[i];
      any = true;
    }
    if (!any) return inner_->forward(s, tree);
    moved = std::min(moved, 0.9);
    ++partial_passes_;
    constexpr skip half[] = {skip::both, skip::none};  // law / 2 + uniform / 2, with the nodes marked
    inner_->forward(s, tree, half);
    for (std::size_t i = 0; i < tree.fresh(); ++i) move({s.rows.data() + i * vocab_size(), vocab_size()}, moved);
    return {s.rows.data(), tree.fresh(), vocab_size()};
  }
  [[nodiscard]] std::size_t partial_passes() const noexcept { return partial_passes_; }
  [[nodiscard]] testing::basic_toy_backend<P>& inner() const noexcept { return *inner_; }

 private:
  void move(std::span<P> row, double part) {
    const auto n = row.size();
    law_.resize(n);
    for (std::size_t i = 0; i < n; ++i)
      law_[i] = std::max(0.0, 2 * std::exp(static_cast<double>(row[i])) - 1.0 / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i)
      row[i] = static_cast<P>(std::log((1 - part) * law_[i] + part * law_[(i + n - 1) % n]));
  }

  testing::basic_toy_backend<P>* inner_;
  std::vector<double> harm_;  // [places]
  std::vector<double> law_;
  std::size_t partial_passes_ = 0;
};

static_assert(LayerSkippable<layered<float>> && Forkable<layered<float>> && Rewindable<layered<float>>);

/// The same without fork: what scores a set goes back in the sequence itself.
template <class P>
class unforkable : public layered<P> {
 public:
  using layered<P>::layered;
  typename layered<P>::sequence fork(const typename layered<P>::sequence&) = delete;
};

}  // namespace hunch::test
