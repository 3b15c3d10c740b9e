// One row's attention over the keys it sees, in logical order: the result depends on nothing else in the pass.
#pragma once

#include "rowwise.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Row of `base` for logical index i.
inline const float* key_row(const attention& a, const float* base, std::size_t i) {
  const std::size_t slot = i < a.run ? i : a.tail[i - a.run];
  return base + slot * a.head_dim;
}

/// Asks for the row that lies 4 KiB ahead; keys and values are read once a pass and lie in small pages.
inline void fetch_ahead_row(const float* row, std::size_t floats) {
  for (std::size_t d = 0; d < floats; d += 16) __builtin_prefetch(row + 1024 + d);
}

/// scores[h, i - first] = scale * (q_h . k_i), each product in 16 lanes added by the fixed tree.
template <std::size_t Heads>
inline void score_keys(const attention& a, std::size_t head, std::size_t stride) {
  const float* q = a.q + head * a.head_dim;
  float* scores = a.scores + head * stride;
  for (std::size_t i = a.first; i < a.count; ++i) {
    const float* k = key_row(a, a.k, i);
    fetch_ahead_row(k, a.head_dim);
    f32x16 acc[Heads];
    for (std::size_t h = 0; h < Heads; ++h) acc[h] = broadcast(0.0f);
    for (std::size_t d = 0; d < a.head_dim; d += 16) {
      const f32x16 key = load(k + d);
      for (std::size_t h = 0; h < Heads; ++h) acc[h] = fma(load(q + h * a.head_dim + d), key, acc[h]);
    }
    for (std::size_t h = 0; h < Heads; ++h) scores[h * stride + i - a.first] = sum_of(acc[h]) * a.scale;
  }
}

/// Turns scores into e^(s - max); returns 1 / sum. Entries up to a multiple of 16 become 0.
inline float exponentials(float* s, std::size_t n) {
  const std::size_t padded = (n + 15) / 16 * 16;
  for (std::size_t i = n; i < padded; ++i) s[i] = -__builtin_inff();
  f32x16 top = load(s);
  for (std::size_t i = 16; i < padded; i += 16) top = max(load(s + i), top);
  const float highest = max_of(top);
  for (std::size_t i = 0; i < padded; ++i) s[i] = exponential(s[i] - highest);
  f32x16 sum = broadcast(0.0f);
  for (std::size_t i = 0; i < padded; i += 16) sum = add(sum, load(s + i));
  return 1.0f / sum_of(sum);
}

/// out[h, d..] = inverse_h * sum over keys in order of p_h,i * v_i[d..].
template <std::size_t Heads, std::size_t Vectors>
inline void sum_values(const attention& a, std::size_t head, std::size_t stride, std::size_t d, const float* inverse) {
  const float* p = a.scores + head * stride;
  f32x16 acc[Heads][Vectors];
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t c = 0; c < Vectors; ++c) acc[h][c] = broadcast(0.0f);
  for (std::size_t i = a.first; i < a.count; ++i) {
    const float* v = key_row(a, a.v, i) + d;
    fetch_ahead_row(v, 16 * Vectors);
    f32x16 weight[Heads];
    for (std::size_t h = 0; h < Heads; ++h) weight[h] = broadcast(p[h * stride + i - a.first]);
    for (std::size_t c = 0; c < Vectors; ++c) {
      const f32x16 value = load(v + 16 * c);
      for (std::size_t h = 0; h < Heads; ++h) acc[h][c] = fma(weight[h], value, acc[h][c]);
    }
  }
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t c = 0; c < Vectors; ++c)
      store(a.out + (head + h) * a.head_dim + d + 16 * c, mul(acc[h][c], broadcast(inverse[h])));
}

template <std::size_t Heads>
inline void attend_heads(const attention& a, std::size_t head, std::size_t stride) {
  score_keys<Heads>(a, head, stride);
  float inverse[Heads];
  for (std::size_t h = 0; h < Heads; ++h) inverse[h] = exponentials(a.scores + (head + h) * stride, a.count - a.first);
  std::size_t d = 0;
  for (; d + 16 * value_tile <= a.head_dim; d += 16 * value_tile)
    sum_values<Heads, value_tile>(a, head, stride, d, inverse);
  for (; d < a.head_dim; d += 16) sum_values<Heads, 1>(a, head, stride, d, inverse);
}

template <std::size_t Heads>
inline void attend_rest(const attention& a, std::size_t head, std::size_t stride) {
  if constexpr (Heads > 0) {
    if (a.heads - head == Heads)
      attend_heads<Heads>(a, head, stride);
    else
      attend_rest<Heads - 1>(a, head, stride);
  }
}

inline void attend(const attention& a) {
  const std::size_t stride = (a.count - a.first + 15) / 16 * 16;
  std::size_t head = 0;
  for (; head + head_tile <= a.heads; head += head_tile) attend_heads<head_tile>(a, head, stride);
  attend_rest<head_tile - 1>(a, head, stride);
}

}  // namespace hunch::cpu::HUNCH_ISA
