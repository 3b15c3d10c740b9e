// hunch::rejection on the device: the same walk, the same decisions. The host has drawn the uniform numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "laws.hpp"
#include "simt.hpp"

namespace hunch::cuda {

/// Grid: nodes. The target's law after each.
template <int = 0>
__global__ void __launch_bounds__(law_threads) laws_of_nodes(verdict_question ask) {
  judged_node& node = ask.nodes[blockIdx.x];
  const bool usable =
      softmax_row(node.logits, ask.vocab, ask.temperature, ask.laws + std::size_t{blockIdx.x} * ask.vocab);
  if (threadIdx.x == 0) node.usable = usable ? 1 : 0;
}

/// rejection::judge_children: the accepted child, or none_left and the next token.
__device__ __forceinline__ std::uint32_t judge_children(const verdict_question& ask, const judged_node& at,
                                                        const float* law, std::int32_t& tested, std::int32_t& next) {
  const float* left = law;
  const float* q = at.q;
  double mass = 1;
  double q_mass = 1;
  for (std::uint32_t c = at.first_child; c != none_left; c = ask.nodes[c].next_sibling) {
    const auto x = static_cast<std::uint32_t>(ask.nodes[c].token);
    const auto px = static_cast<float>(static_cast<double>(left[x]) / mass);
    const float qx = q == nullptr ? 1.0f : static_cast<float>(static_cast<double>(q[x]) / q_mass);
    ++tested;
    if (ask.nodes[c].accept * static_cast<double>(qx) < static_cast<double>(px)) return c;
    sync_block();  // all threads have read x of both laws, which may change now
    const double up = 1 / mass, down = 1 / q_mass;
    for (std::uint32_t i = threadIdx.x; i < ask.vocab; i += law_threads) {
      float rest = i == x ? 0.0f : left[i];
      if (q != nullptr) {
        const auto d = static_cast<float>(up * static_cast<double>(left[i]) - down * static_cast<double>(q[i]));
        rest = d > 0.0f ? d : 0.0f;
      }
      ask.residual[i] = rest;
    }
    sync_block();
    left = ask.residual;
    mass = sum_row(left, ask.vocab, ask.sums);
    if (!(mass > 0)) {
      left = law;
      break;
    }
    if (q == nullptr || ask.nodes[c].next_sibling == none_left) continue;
    for (std::uint32_t i = threadIdx.x; i < ask.vocab; i += law_threads) ask.draft_law[i] = i == x ? 0.0f : q[i];
    sync_block();
    q = ask.draft_law;
    q_mass = sum_row(q, ask.vocab, ask.sums);
    if (!(q_mass > 0)) break;
  }
  const double all = sum_row(left, ask.vocab, ask.sums);
  next = where_row_passes(left, ask.vocab, at.next * all, ask.sums);
  return none_left;
}

/// One block, after laws_of_nodes: walks down from the root.
template <int = 0>
__global__ void __launch_bounds__(law_threads) judge_tree(verdict_question ask) {
  std::int32_t next = -1, tested = 0, length = 0;
  for (std::uint32_t at = 0; at != none_left;) {
    const judged_node& node = ask.nodes[at];
    if (threadIdx.x == 0) ask.answer[3 + length] = static_cast<std::int32_t>(at);
    ++length;
    if (node.usable == 0) break;
    at = judge_children(ask, node, ask.laws + std::size_t{at} * ask.vocab, tested, next);
  }
  if (threadIdx.x == 0) {
    ask.answer[0] = next;
    ask.answer[1] = tested;
    ask.answer[2] = length;
  }
}

}  // namespace hunch::cuda
