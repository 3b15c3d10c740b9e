// The deterministic automaton of an automaton, made state by state as texts reach them.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "automaton.hpp"

namespace hunch::constraints::detail {

/// A state is a set of nodes; equal sets are one state. State 0 is the empty set: no text goes on from there.
class determinised {
 public:
  /// `usable`: bytes that can always be said. `most_bytes` bounds the memory of all states; what goes beyond it leads
  /// to state 0 and sets exhausted().
  determinised(automaton from, const std::bitset<256>& usable, std::size_t most_bytes);

  [[nodiscard]] std::uint32_t start() const noexcept { return start_; }
  [[nodiscard]] std::uint32_t next(std::uint32_t state, std::uint8_t byte) {
    const std::uint32_t known = next_[state * columns_ + column_[byte]];
    return known != unknown ? known : make(state, byte);
  }
  [[nodiscard]] bool accepts(std::uint32_t state) const noexcept { return accepts_[state]; }
  /// Some text of usable bytes leads on from here to an end.
  [[nodiscard]] bool live(std::uint32_t state) const noexcept { return live_[state]; }
  [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }
  [[nodiscard]] std::size_t states() const noexcept { return sets_.size(); }

 private:
  static constexpr std::uint32_t unknown = 0xFFFFFFFF;

  std::uint32_t make(std::uint32_t state, std::uint8_t byte);
  void reach(std::uint32_t node);
  std::uint32_t state_of_reached();

  automaton from_;
  std::vector<bool> node_live_;
  std::array<std::uint16_t, 256> column_{};  // bytes that no edge tells apart share one
  std::size_t columns_ = 0;
  std::size_t bytes_left_;
  std::uint32_t start_ = 0;
  bool exhausted_ = false;
  std::vector<std::uint32_t> next_;   // [state, column]
  std::vector<bool> accepts_;         // [state]
  std::vector<bool> live_;            // [state]
  std::vector<std::u32string> sets_;  // [state] nodes, ascending; those without edges left out
  std::unordered_map<std::u32string, std::uint32_t> of_set_;
  std::vector<std::uint32_t> seen_;  // [node] equal to round_: reached in this round
  std::vector<std::uint32_t> todo_;
  std::uint32_t round_ = 0;
  std::u32string reached_;
};

}  // namespace hunch::constraints::detail
