// Tokens of rows of logits: the largest logit, or the largest with the noise of its position.
#pragma once

#include <cstdint>

#include "noise.hpp"
#include "pass.hpp"
#include "simt.hpp"

namespace hunch::cuda {

inline constexpr unsigned answer_threads = 512;

/// What is asked about the rows of one launch.
struct row_question {
  const float* logits;  // [rows, vocab]
  std::uint32_t vocab;
  bool greedy;
  float temperature;
  std::uint64_t seed;
  std::uint64_t position[max_rows];  // of what each row decides
  std::int32_t* tokens;              // [rows]
};

struct answer_memory {
  static constexpr unsigned warps = answer_threads / warp_lanes;
  float top[warps];
  double score[warps];
  std::uint32_t at[warps];
  std::uint32_t broken[warps];
};

/// The better of two scores; of equals the lower index.
template <class T>
__device__ __forceinline__ void keep_better(T& score, std::uint32_t& at, T other, std::uint32_t other_at) {
  if (!(other > score || (other == score && other_at < at))) return;
  score = other;
  at = other_at;
}

/// The best of all threads of the block, known to all of them afterwards. `slot` [warps] is shared memory.
template <class T>
__device__ __forceinline__ void best_of_block(T& score, std::uint32_t& at, T* slot, std::uint32_t* slot_at) {
  for (int step = 16; step > 0; step /= 2) {
    const T other = lane_xor(score, step);
    const std::uint32_t other_at = lane_xor(at, step);
    keep_better(score, at, other, other_at);
  }
  const unsigned warp = threadIdx.x / warp_lanes;
  if (threadIdx.x % warp_lanes == 0) {
    slot[warp] = score;
    slot_at[warp] = at;
  }
  sync_block();
  for (unsigned w = 0; w < answer_memory::warps; ++w) keep_better(score, at, slot[w], slot_at[w]);
  sync_block();
}

/// hunch::peak_of, known to all threads of the block. False if the row is not usable: it holds a NaN or +inf, or
/// nothing but -inf.
__device__ __forceinline__ bool peak_of_row(const float* x, std::uint32_t n, float& top, std::uint32_t& at) {
  auto& memory = shared<answer_memory>();
  std::uint32_t broken = 0;
  top = -__builtin_huge_valf();
  at = 0xffffffffu;
  for (std::uint32_t i = threadIdx.x; i < n; i += answer_threads) {
    const float v = x[i];
    if (!(v == v)) broken = 1;
    if (v > top) {
      top = v;
      at = i;
    }
  }
  for (int step = 16; step > 0; step /= 2) broken |= lane_xor(broken, step);
  if (threadIdx.x % warp_lanes == 0) memory.broken[threadIdx.x / warp_lanes] = broken;
  best_of_block(top, at, memory.top, memory.at);
  for (unsigned w = 0; w < answer_memory::warps; ++w) broken |= memory.broken[w];
  return broken == 0 && top > -__builtin_huge_valf() && top < __builtin_huge_valf();
}

/// The largest logit of x [n], or the largest with the noise of its position, known to all threads of the block; -1 if
/// the row is not usable.
__device__ __forceinline__ std::int32_t token_of_row(const float* x, std::uint32_t n, bool greedy, float temperature,
                                                     std::uint64_t seed, std::uint64_t position) {
  float top = 0;
  std::uint32_t at = 0;
  if (!peak_of_row(x, n, top, at)) return -1;
  if (greedy) return static_cast<std::int32_t>(at);
  // Noise lies between log(-log(2^-33)) > -4 and 23: a token that far below the largest logit cannot win.
  const double floor = static_cast<double>(top / temperature) - 4.0 - 23.0;
  double best = -__builtin_huge_val();
  at = 0xffffffffu;
  for (std::uint32_t group = threadIdx.x; 4 * group < n; group += answer_threads) {
    bool in_reach = false;
    for (std::uint32_t i = 4 * group; i < 4 * group + 4 && i < n; ++i)
      in_reach = in_reach || static_cast<double>(x[i] / temperature) >= floor;
    if (!in_reach) continue;
    constexpr std::uint32_t target_purpose = 4;  // hunch::purpose::target
    std::uint32_t words[4] = {static_cast<std::uint32_t>(position), 0, group,
                              target_purpose | static_cast<std::uint32_t>(position >> 32) << 16};
    philox_words(words, seed);
#pragma unroll
    for (std::uint32_t j = 0; j < 4; ++j)
      if (4 * group + j < n)
        keep_better(best, at, static_cast<double>(x[4 * group + j] / temperature) + device_gumbel(words[j]),
                    4 * group + j);
  }
  auto& memory = shared<answer_memory>();
  best_of_block(best, at, memory.score, memory.at);
  return static_cast<std::int32_t>(at);
}

/// Grid: rows. A row that is not usable gives -1.
template <int = 0>
__global__ void __launch_bounds__(answer_threads) answer_rows(row_question ask) {
  const std::int32_t x = token_of_row(ask.logits + std::size_t{blockIdx.x} * ask.vocab, ask.vocab, ask.greedy,
                                      ask.temperature, ask.seed, ask.position[blockIdx.x]);
  if (threadIdx.x == 0) ask.tokens[blockIdx.x] = x;
}

}  // namespace hunch::cuda
