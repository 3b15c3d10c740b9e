// The draws of a chain: between two passes that the host has queued, the token of the second is found.
#pragma once

#include <cstdint>

#include "answers.hpp"
#include "laws.hpp"
#include "questions.hpp"
#include "simt.hpp"

namespace hunch::cuda {

/// One thread. Makes the only row of `pass` that of the next token: a place further in everything but its logits.
__device__ __forceinline__ void go_on(pass_block& pass, std::int32_t x, unsigned width) {
  pass_row& r = pass.row[0];
  r.token = x < 0 ? 0 : x;  // a row that was not usable: the passes behind it run over something, nobody reads them
  ++r.slot;
  ++r.run;
  ++r.count;
  r.hidden += width;
}

/// One block, after a pass of a chain.
template <int = 0>
__global__ void __launch_bounds__(answer_threads) answer_link(pass_block* pass, chain_link link) {
  const chain_block& chain = *reinterpret_cast<const chain_block*>(pass + 1);
  const std::int32_t x = token_of_row(pass->row[0].logits, link.vocab, link.greedy, chain.temperature, chain.seed,
                                      chain.position + link.index);
  if (threadIdx.x != 0) return;
  link.tokens[link.index] = x;
  go_on(*pass, x, link.width);
}

/// One block, after a pass of a chain.
template <int = 0>
__global__ void __launch_bounds__(law_threads) draw_link(pass_block* pass, chain_link link) {
  const chain_block& chain = *reinterpret_cast<const chain_block*>(pass + 1);
  const chain_block::draw& by = chain.draws[link.index];
  const drawn_token x =
      draw_from_row(pass->row[0].logits, link.vocab, chain.temperature, by.uniform, by.law, link.sums);
  if (threadIdx.x != 0) return;
  link.tokens[link.index] = x.token;
  link.probabilities[link.index] = x.probability;
  go_on(*pass, x.token, link.width);
}

/// One block, before a pass over a chain that another model drew: row 0 of all is the root, row i the token `drawn[i -
/// 1]`. `first`: of the rows, that of this pass.
template <int = 0>
__global__ void take_tokens(pass_block* pass, const std::int32_t* drawn, unsigned first) {
  const unsigned i = first + threadIdx.x;
  if (threadIdx.x >= pass->rows || i == 0) return;
  const std::int32_t x = drawn[i - 1];
  pass->row[threadIdx.x].token = x < 0 ? 0 : x;  // as go_on: nobody reads what comes of it
}

}  // namespace hunch::cuda
