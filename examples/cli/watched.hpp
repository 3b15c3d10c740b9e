// A view of a backend that notes what a decoder does with it: the rows of its last pass and the time of prefills. As a
// draft model it can leave sub-layers out.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/drafters/skip_search.hpp>

#include "device.hpp"

namespace hunch::cli {

/// Stays where it is made: sequences that follow a text point to it. Several may share one backend, each its sequences.
/// One that leaves sub-layers out has one sequence, and runs in full what it keeps (drafters/skipping.hpp).
class watched {
 public:
  using sequence = device_backend::sequence;

  explicit watched(device_backend& of, double skipped = 0)
      : of_{&of}, skipped_{spread_skips(of.layer_count(), skipped)} {}
  watched(const watched&) = delete;
  watched& operator=(const watched&) = delete;

  [[nodiscard]] std::size_t vocab_size() const { return of_->vocab_size(); }
  [[nodiscard]] sequence open() { return of_->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return of_->room(s); }
  void prefill(sequence& s, std::span<const token> tokens) {
    const auto begin = std::chrono::steady_clock::now();
    of_->prefill(s, tokens);
    of_->wait();
    prefill_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    prefilled_ += tokens.size();
  }
  device_rows forward(sequence& s, tree_view tree) {
    if (skipped_.size() == 0) return rows_ = of_->forward(s, tree);
    pending_.assign(tree.tokens.begin(), tree.tokens.end());
    return rows_ = of_->forward(s, tree, skipped_.mask());
  }
  void commit(sequence& s, std::span<const node_id> path) {
    if (skipped_.size() == 0) return of_->commit(s, path);
    of_->commit(s, {});
    std::vector<token> kept;
    for (const node_id n : path) kept.push_back(pending_[n]);
    if (!kept.empty()) of_->prefill(s, kept);
  }
  void rewind(sequence& s, std::size_t n) { of_->rewind(s, n); }
  [[nodiscard]] std::span<const float> hidden(const sequence& s, node_id n) const { return of_->hidden(s, n); }
  [[nodiscard]] sequence fork(const sequence& s) { return of_->fork(s); }
  [[nodiscard]] std::size_t layer_count() const { return of_->layer_count(); }
  device_rows forward(sequence& s, tree_view tree, layer_mask skipped) { return of_->forward(s, tree, skipped); }

  /// Raw logits of the last pass, one row per node; valid until the next pass.
  [[nodiscard]] device_rows rows() const noexcept { return rows_; }
  [[nodiscard]] double prefill_s() const noexcept { return prefill_s_; }
  [[nodiscard]] std::size_t prefilled() const noexcept { return prefilled_; }
  void forget_times() noexcept {
    prefill_s_ = 0;
    prefilled_ = 0;
  }

 private:
  device_backend* of_;
  skip_set skipped_;
  std::vector<token> pending_;
  device_rows rows_;
  double prefill_s_ = 0;
  std::size_t prefilled_ = 0;
};

static_assert(Rewindable<watched> && Forkable<watched> && LayerSkippable<watched> && HiddenStates<watched>);

}  // namespace hunch::cli
