// What kernels are asked about laws: plain data, for host and device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pass.hpp"

namespace hunch::cuda {

inline constexpr unsigned sum_block = 1024;  // hunch::row_block

/// Blocks of a row whose sums are taken apart.
[[nodiscard]] constexpr std::size_t sum_blocks(std::size_t vocab) noexcept {
  return (vocab + sum_block - 1) / sum_block;
}

/// A token that was drawn; -1: the row is not usable.
struct drawn_token {
  std::int32_t token;
  float probability;
};

/// Of one row: its law, and a token drawn from it.
struct draw_question {
  const float* logits;  // [vocab]
  std::uint32_t vocab;
  float temperature;
  double uniform;
  float* law;    // [vocab]
  double* sums;  // [sum_blocks(vocab)]
  drawn_token* drawn;
};

/// What changes from chain to chain, for all its draws. It lies behind the pass, where other passes have tails: a chain
/// has none.
struct chain_block {
  struct draw {
    double uniform;
    float* law;  // [vocab]
  };
  std::uint64_t seed;
  std::uint64_t position;  // of the first token
  float temperature;
  std::uint32_t unused;
  draw draws[max_rows];  // of tokens that are drawn from their laws
};
static_assert(sizeof(pass_block) % alignof(chain_block) == 0);

/// One draw of a chain: what does not change, so that it can be recorded.
struct chain_link {
  std::uint32_t index;
  std::uint32_t vocab;
  std::uint32_t width;   // of a hidden state
  bool greedy;           // of tokens that are not drawn from their laws
  std::int32_t* tokens;  // [tokens of the chain]
  float* probabilities;  // [tokens of the chain], of those that are
  double* sums;          // [sum_blocks(vocab)]
};

inline constexpr unsigned most_children = 16;  // that one question can ask for

/// A child, and the perturbed log-probability that won it its place. -1: there is no further one.
struct drawn_child {
  double score;
  std::int32_t token;
};

/// Of up to max_rows rows: their laws, and children drawn from them without replacement.
struct children_question {
  const float* logits;  // [rows, vocab]
  std::uint32_t vocab;
  float temperature;
  std::uint32_t k;
  std::uint32_t round, node, last;  // words of the noise's counters; the node is that of the first row
  std::uint64_t key;
  float* laws[max_rows];  // [vocab] each
  drawn_child* children;  // [rows, k]
};

inline constexpr std::uint32_t none_left = 0xffffffffu;  // hunch::no_node

/// A node of the draft tree.
struct judged_node {
  const float* logits;  // [vocab] of the target after it
  const float* q;       // [vocab] law that its children were drawn from, or null: chosen
  double accept;        // draw that decides about it
  double next;          // draw of the token that follows if the path ends here
  std::int32_t token;
  std::uint32_t first_child;
  std::uint32_t next_sibling;
  std::uint32_t usable;  // set on the device: whether its row is
};

/// Of a tree: what hunch::rejection says.
struct verdict_question {
  judged_node* nodes;
  std::uint32_t vocab;
  float temperature;
  float* laws;           // [nodes, vocab]
  float* residual;       // [vocab]
  float* draft_law;      // [vocab]
  double* sums;          // [sum_blocks(vocab)]
  std::int32_t* answer;  // the next token, drafts tested, nodes of the path, then the path: [3 + nodes]
};

}  // namespace hunch::cuda
