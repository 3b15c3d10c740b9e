// A toy engine as real ones are built: weights, a pool of KV slots that all texts share, batched passes over trees.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hunch/core.hpp>

namespace toy {

using hunch::node_id;
using hunch::token;

/// One text's cache: slots of the pool.
struct cache {
  std::vector<std::size_t> kept;     // by position
  std::vector<std::size_t> pending;  // by node of the tree that passes have run since the last plan
};

/// One text's part of a pass.
struct job {
  cache* of;
  hunch::tree_view tree;
};

class engine {
 public:
  engine(std::size_t vocab, std::size_t slots, float blur) : vocab_{vocab}, pool_(slots), blur_{blur} {
    for (std::size_t s = slots; s-- > 0;) free_.push_back(s);
  }

  /// Brings a cache into the state that a machine asks for. Keys and values of drafts stay where they are: their slots
  /// only change hands.
  void apply(cache& c, const hunch::kv_plan& plan) {
    while (c.kept.size() > plan.keep) give_back(c.kept);
    for (const node_id n : plan.move) {
      c.kept.push_back(c.pending[n]);
      c.pending[n] = none;
    }
    while (!c.pending.empty()) give_back(c.pending);
    for (const token t : plan.append) c.kept.push_back(write(t, c.kept.size()));  // prefill
  }
  void close(cache& c) { apply(c, {}); }

  /// One pass over the fresh nodes of all jobs: rows of logits [nodes of the first job, of the second, …][vocab].
  const std::vector<float>& run(std::span<const job> jobs) {
    ++passes_;
    logits_.clear();
    for (const job& j : jobs)
      for (std::size_t n = j.tree.first; n < j.tree.size(); ++n) {
        j.of->pending.push_back(write(j.tree.tokens[n], j.of->kept.size() + j.tree.depths[n]));
        attend(*j.of, j.tree, n);
      }
    return logits_;
  }

  [[nodiscard]] std::size_t vocab() const { return vocab_; }
  [[nodiscard]] std::size_t passes() const { return passes_; }
  [[nodiscard]] std::size_t free_slots() const { return free_.size(); }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  struct cell {  // stands for the keys and values of a token
    token t;
    std::size_t position;
  };

  std::size_t write(token t, std::size_t position) {
    if (free_.empty()) hunch::raise("engine: the pool of KV slots is empty; admit fewer texts");
    const std::size_t slot = free_.back();
    free_.pop_back();
    pool_[slot] = {t, position};
    return slot;
  }
  void give_back(std::vector<std::size_t>& slots) {
    if (slots.back() != none) free_.push_back(slots.back());
    slots.pop_back();
  }

  /// "Attention" of node n: what is kept, its ancestors and itself; near tokens count more. Siblings are not seen.
  void attend(const cache& c, hunch::tree_view tree, std::size_t n) {
    std::vector<float> row(vocab_, 0.0f);
    const std::size_t position = c.kept.size() + tree.depths[n];
    for (const std::size_t slot : c.kept) add(row, pool_[slot], position);
    for (auto at = static_cast<node_id>(n); at != hunch::no_node; at = tree.parents[at])
      add(row, pool_[c.pending[at]], position);
    logits_.insert(logits_.end(), row.begin(), row.end());
  }
  void add(std::vector<float>& row, const cell& seen, std::size_t position) const {
    const std::size_t distance = position - seen.position;
    if (distance > 3) return;
    const float weight = 4.0f / static_cast<float>(1u << (2 * distance));
    for (std::size_t v = 0; v < vocab_; ++v)
      row[v] += weight * (noise(seen.t, distance, v) + blur_ * noise(seen.t, distance + 8, v));
  }
  /// In [0, 1), the same everywhere.
  static float noise(token t, std::size_t distance, std::size_t v) {
    auto x = static_cast<std::uint32_t>(static_cast<std::size_t>(t) * 4096 + distance * 256 + v) + 1u;
    for (int i = 0; i < 3; ++i) {
      x ^= x >> 15;
      x *= 0x2c1b3c6du;
      x ^= x >> 12;
    }
    return static_cast<float>(x >> 8) * 0x1p-24f;
  }

  std::size_t vocab_;
  std::vector<cell> pool_;
  std::vector<std::size_t> free_;
  float blur_;  // 0: the target; more: a draft that agrees less often
  std::vector<float> logits_;
  std::size_t passes_ = 0;
};

}  // namespace toy
