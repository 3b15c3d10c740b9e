#include "determinised.hpp"

#include <algorithm>
#include <utility>

namespace hunch::constraints::detail {

determinised::determinised(automaton from, const std::bitset<256>& usable, std::size_t most_bytes)
    : from_{std::move(from)}, node_live_{from_.live(usable)}, bytes_left_{most_bytes}, seen_(from_.nodes.size(), 0) {
  std::bitset<257> begins;
  for (const automaton::edge& e : from_.edges) {
    begins.set(e.first);
    begins.set(e.last + std::size_t{1});
  }
  std::uint16_t column = 0;
  for (std::size_t b = 0; b < 256; ++b) column_[b] = column = static_cast<std::uint16_t>(column + (begins[b] ? 1 : 0));
  columns_ = column + std::size_t{1};
  ++round_;
  (void)state_of_reached();  // nothing was reached: state 0
  std::fill(next_.begin(), next_.end(), 0u);
  ++round_;
  reach(from_.start);
  start_ = state_of_reached();
}

/// Adds a node and what it leads to for free.
void determinised::reach(std::uint32_t node) {
  todo_.push_back(node);
  while (!todo_.empty()) {
    const std::uint32_t n = todo_.back();
    todo_.pop_back();
    if (n == automaton::none || seen_[n] == round_) continue;
    seen_[n] = round_;
    const automaton::node& at = from_.nodes[n];
    if (n == 0 || at.edges != at.edges_end) reached_.push_back(static_cast<char32_t>(n));
    todo_.push_back(at.free);
    todo_.push_back(at.other_free);
  }
}

/// The state of the nodes in reached_, which it empties.
std::uint32_t determinised::state_of_reached() {
  std::sort(reached_.begin(), reached_.end());
  std::u32string set = std::exchange(reached_, {});
  if (const auto known = of_set_.find(set); known != of_set_.end()) return known->second;
  const std::size_t cost = 2 * sizeof(char32_t) * set.size() + columns_ * sizeof(std::uint32_t) + 128;
  if (cost > bytes_left_ && !sets_.empty()) {
    exhausted_ = true;
    return 0;
  }
  bytes_left_ -= std::min(cost, bytes_left_);
  const auto id = static_cast<std::uint32_t>(sets_.size());
  next_.resize(next_.size() + columns_, unknown);
  accepts_.push_back(!set.empty() && set.front() == 0);
  live_.push_back(std::any_of(set.begin(), set.end(), [&](char32_t n) { return node_live_[n]; }));
  of_set_.emplace(set, id);
  sets_.push_back(std::move(set));
  return id;
}

std::uint32_t determinised::make(std::uint32_t state, std::uint8_t byte) {
  ++round_;
  if (round_ == 0) {  // wrapped around: marks of old rounds could be taken for this one's
    std::fill(seen_.begin(), seen_.end(), 0u);
    round_ = 1;
  }
  for (const char32_t n : sets_[state]) {
    const automaton::node& at = from_.nodes[n];
    for (std::uint32_t e = at.edges; e < at.edges_end; ++e)
      if (from_.edges[e].first <= byte && byte <= from_.edges[e].last) reach(from_.edges[e].to);
  }
  const std::uint32_t id = state_of_reached();
  next_[state * columns_ + column_[byte]] = id;
  return id;
}

}  // namespace hunch::constraints::detail
