// Laws of rows and draws from them, with the bits of hunch/sampling/row.hpp and hunch/core/row_scan.hpp: every sum is
// taken in the order that those headers keep, by one block a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "answers.hpp"
#include "questions.hpp"
#include "simt.hpp"

namespace hunch::cuda {

inline constexpr unsigned law_threads = answer_threads;
inline constexpr unsigned law_warps = law_threads / warp_lanes;  // a lane adds what hunch::row_lanes says
struct law_memory {
  double lanes[law_warps][warp_lanes];
  double of_block[law_warps];
  float values[sum_block];
  std::uint32_t block;
  std::int32_t found;
};

/// hunch::exp_of_negative.
__device__ __forceinline__ float device_exp(float x) {
  const std::int32_t magnitude = __builtin_bit_cast(std::int32_t, x) & 0x7fffffff;
  const std::int32_t most = __builtin_bit_cast(std::int32_t, 88.03f);
  const float bounded = -__builtin_bit_cast(float, magnitude < most ? magnitude : most);
  const auto n = static_cast<std::int32_t>(bounded * 1.44269504f - 0.5f);
  const auto k = static_cast<float>(n);
  const float r = (bounded - k * 0.693145752f) - k * 1.42860677e-6f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * __builtin_bit_cast(float, (n + 127) << 23);
}

/// hunch::softmax of x / t into `law`. All threads learn whether the row is usable.
__device__ __forceinline__ bool softmax_row(const float* x, std::uint32_t n, float t, float* law) {
  float top = 0;
  std::uint32_t at = 0;
  if (!peak_of_row(x, n, top, at)) return false;
  const float by = 1.0f / t;
  for (std::uint32_t i = threadIdx.x; i < n; i += law_threads) law[i] = device_exp((x[i] - top) * by);
  sync_block();
  auto& memory = shared<law_memory>();
  if (threadIdx.x < warp_lanes) {
    double sum = 0;
#pragma unroll 8
    for (std::uint32_t i = threadIdx.x; i < n; i += warp_lanes) sum += static_cast<double>(law[i]);
    memory.lanes[0][threadIdx.x] = sum;
  }
  sync_block();
  double sum = 0;
  for (int l = 0; l < warp_lanes; ++l) sum += memory.lanes[0][l];
  const auto scale = static_cast<float>(1.0 / sum);
  for (std::uint32_t i = threadIdx.x; i < n; i += law_threads) law[i] *= scale;
  sync_block();
  return true;
}

/// hunch::sum_of, known to all threads. What the sum is after each block of values stays in `sums` [sum_blocks(n)].
__device__ __forceinline__ double sum_row(const float* w, std::uint32_t n, double* sums) {
  auto& memory = shared<law_memory>();
  const std::uint32_t warp = threadIdx.x / warp_lanes, lane = threadIdx.x % warp_lanes;
  double total = 0;
  for (std::uint32_t first = 0; first * sum_block < n; first += law_warps) {
    const std::uint32_t begin = (first + warp) * sum_block;
    const std::uint32_t end = begin + sum_block < n ? begin + sum_block : n;
    double sum = 0;
    for (std::uint32_t i = begin + lane; i < end; i += warp_lanes) sum += static_cast<double>(w[i]);
    memory.lanes[warp][lane] = sum;
    sync_block();
    if (threadIdx.x < law_warps) {
      double all = 0;
      for (int l = 0; l < warp_lanes; ++l) all += memory.lanes[threadIdx.x][l];
      memory.of_block[threadIdx.x] = all;
    }
    sync_block();
    for (std::uint32_t b = 0; b < law_warps && (first + b) * sum_block < n; ++b) {
      total += memory.of_block[b];
      if (threadIdx.x == 0) sums[first + b] = total;
    }
  }
  sync_block();
  return total;
}

/// hunch::where_sum_passes, known to all threads; `sums` are those of sum_row.
__device__ __forceinline__ std::int32_t where_row_passes(const float* w, std::uint32_t n, double goal,
                                                         const double* sums) {
  auto& memory = shared<law_memory>();
  if (threadIdx.x == 0) {
    std::uint32_t block = 0;
    while (block * sum_block < n && !(goal < sums[block])) ++block;
    memory.block = block;
  }
  sync_block();
  const std::uint32_t block = memory.block;
  const std::uint32_t first = block * sum_block < n ? block * sum_block : n;
  const std::uint32_t count = n - first < sum_block ? n - first : sum_block;
  for (std::uint32_t i = threadIdx.x; i < count; i += law_threads) memory.values[i] = w[first + i];
  sync_block();
  if (threadIdx.x == 0) {
    double sum = block == 0 ? 0 : sums[block - 1];
    std::int32_t last = -1;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!(memory.values[i] > 0)) continue;
      sum += static_cast<double>(memory.values[i]);
      last = static_cast<std::int32_t>(first + i);
      if (goal < sum) break;
    }
    for (std::uint32_t i = n; last < 0 && i-- > 0;)
      if (w[i] > 0) last = static_cast<std::int32_t>(i);
    memory.found = last;
  }
  sync_block();
  return memory.found;
}

/// The token of philox::categorical where its uniform draw is `uniform`, known to all threads of the block, and the
/// row's law.
__device__ __forceinline__ drawn_token draw_from_row(const float* x, std::uint32_t n, float t, double uniform,
                                                     float* law, double* sums) {
  if (!softmax_row(x, n, t, law)) return {-1, 0.0f};
  const double mass = sum_row(law, n, sums);
  const std::int32_t drawn = where_row_passes(law, n, uniform * mass, sums);
  return {drawn, drawn < 0 ? 0.0f : law[drawn]};
}

/// One block.
template <int = 0>
__global__ void __launch_bounds__(law_threads) draw_token(draw_question ask) {
  const drawn_token x = draw_from_row(ask.logits, ask.vocab, ask.temperature, ask.uniform, ask.law, ask.sums);
  if (threadIdx.x == 0) *ask.drawn = x;
}

/// The children that a thread has found, best first.
struct best_children {
  double score[most_children];
  std::uint32_t at[most_children];
  std::uint32_t count;

  __device__ __forceinline__ void enter(double s, std::uint32_t i, std::uint32_t k) {
    if (count == k && !(s > score[k - 1])) return;  // of equals the first: i only grows
    std::uint32_t place = count < k ? count++ : k - 1;
    for (; place > 0 && s > score[place - 1]; --place) {
      score[place] = score[place - 1];
      at[place] = at[place - 1];
    }
    score[place] = s;
    at[place] = i;
  }
};

/// Never below log x, for normal x > 0: hunch::detail::log_ceiling.
__device__ __forceinline__ double device_log_ceiling(double x) {
  constexpr double ln2_up = 0x1.62e42fefa39fp-1;
  return ln2_up * static_cast<double>(static_cast<std::int64_t>(__builtin_bit_cast(std::uint64_t, x) >> 52) - 1022);
}

/// Grid: rows. What philox::ordered_without_replacement gives for the law of each; none where the row is not usable.
template <int = 0>
__global__ void __launch_bounds__(law_threads) draw_children(children_question ask) {
  constexpr double noise_bound = 23.0;
  const std::uint32_t row = blockIdx.x;
  float* const law = ask.laws[row];
  const bool usable = softmax_row(ask.logits + std::size_t{row} * ask.vocab, ask.vocab, ask.temperature, law);
  best_children mine;
  mine.count = 0;
  for (std::uint32_t group = threadIdx.x; usable && 4 * group < ask.vocab; group += law_threads) {
    float top = 0;
    for (std::uint32_t i = 4 * group; i < 4 * group + 4 && i < ask.vocab; ++i) top = law[i] > top ? law[i] : top;
    if (!(top > 0)) continue;
    if (mine.count == ask.k && device_log_ceiling(top) + noise_bound < mine.score[ask.k - 1]) continue;
    std::uint32_t words[4] = {ask.round, ask.node + row, group, ask.last};
    philox_words(words, ask.key);
    for (std::uint32_t i = 4 * group; i < 4 * group + 4 && i < ask.vocab; ++i)
      if (law[i] > 0) mine.enter(device_log(static_cast<double>(law[i])) + device_gumbel(words[i % 4]), i, ask.k);
  }
  auto& memory = shared<answer_memory>();
  for (std::uint32_t c = 0, head = 0; c < ask.k; ++c) {
    double best = head < mine.count ? mine.score[head] : -__builtin_huge_val();
    std::uint32_t at = head < mine.count ? mine.at[head] : none_left;
    best_of_block(best, at, memory.score, memory.at);
    if (head < mine.count && mine.at[head] == at) ++head;
    if (threadIdx.x == 0) ask.children[row * ask.k + c] = {best, static_cast<std::int32_t>(at)};
  }
}

}  // namespace hunch::cuda
