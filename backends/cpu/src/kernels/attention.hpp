// Attention of a few rows over the keys they see. A row's result depends on its own keys in logical order only:
// a score is one chain over head_dim, the softmax sums 16 lanes (index i in lane i mod 16) by the fixed tree, and an
// output is one chain over the keys. Rows share the reading of keys and values, nothing else.
#pragma once

#include "attention_task.hpp"
#include "lanes.hpp"
#include "rowwise.hpp"

namespace hunch::cpu::HUNCH_ISA {

/// Scratch of one call: queries as [head_dim / 16, queries, 16], scores as [block of keys, queries, 16].
struct attention_space {
  std::size_t queries;
  std::size_t low_block;   // of slots; scores begin there
  std::size_t high_block;  // one past the last
  float* packed;
  float* scores;

  float* block(std::size_t b, std::size_t query) const { return scores + ((b - low_block) * queries + query) * 16; }
  float& at(std::size_t i, std::size_t query) const { return block(i / 16, query)[i % 16]; }
};

inline const unsigned char* bytes_at(const std::uint16_t* halves) {
  return reinterpret_cast<const unsigned char*>(halves);
}

/// Vectors of keys or values that a tile of queries works on at once: enough sums to hide the latency of an fma, and
/// not more than the registers hold.
constexpr std::size_t vectors_of(std::size_t queries) {
  return 2 * queries <= query_tile ? 2 * tile_vectors : tile_vectors;
}

/// Scores of `Queries` queries from `query` on against `Vectors` blocks of keys.
template <std::size_t Queries, std::size_t Vectors>
inline void score_blocks(const attention& a, const attention_space& s, std::size_t query, std::size_t b) {
  f32x16 acc[Vectors][Queries];
  for (std::size_t c = 0; c < Vectors; ++c)
    for (std::size_t t = 0; t < Queries; ++t) acc[c][t] = broadcast(0.0f);
  const std::size_t block_values = 16 * a.head_dim;
  const std::uint16_t* keys = a.k + b * block_values;
  for (std::size_t d = 0; d < a.head_dim; d += 16) {
    const float* q = s.packed + (d * s.queries) + 16 * query;
#pragma GCC unroll 4
    for (std::size_t l = 0; l < 16; ++l, keys += 16) {
      f32x16 key[Vectors];
      for (std::size_t c = 0; c < Vectors; ++c) {
        key[c] = load_halves(bytes_at(keys + c * block_values));
        if (l % 2 == 0) __builtin_prefetch(keys + (Vectors + c) * block_values);
      }
      for (std::size_t t = 0; t < Queries; ++t) {
        const f32x16 x = broadcast(q[16 * t + l]);
        for (std::size_t c = 0; c < Vectors; ++c) acc[c][t] = fma(x, key[c], acc[c][t]);
      }
    }
  }
  const f32x16 scale = broadcast(a.scale);
  for (std::size_t c = 0; c < Vectors; ++c)
    for (std::size_t t = 0; t < Queries; ++t) store(s.block(b + c, query + t), mul(acc[c][t], scale));
}

/// Keys in logical order; those of several rows are such that all agree on their slots.
struct key_range {
  std::size_t begin;
  std::size_t end;
  const attention_row* row;
};

/// sums[t, 0..16 Vectors) += p_t,i * v_i[d..] over the keys of a range, one key after another.
template <std::size_t Queries, std::size_t Vectors>
inline void add_values(const attention& a, const attention_space& s, std::size_t query, std::size_t d,
                       const key_range& keys, float* const* sums) {
  f32x16 acc[Queries][Vectors];
  for (std::size_t t = 0; t < Queries; ++t)
    for (std::size_t c = 0; c < Vectors; ++c) acc[t][c] = load(sums[t] + d + 16 * c);
  for (std::size_t i = keys.begin; i < keys.end; ++i) {
    const std::size_t slot = i < keys.row->run ? i : keys.row->tail[i - keys.row->run];
    const std::uint16_t* v = a.v + slot * a.head_dim + d;
    const float* p = &s.at(i, query);
    f32x16 value[Vectors];
    for (std::size_t c = 0; c < Vectors; ++c) value[c] = load_halves(bytes_at(v + 16 * c));
    for (std::size_t c = 0; c < Vectors; c += 2) __builtin_prefetch(v + 8 * a.head_dim + 16 * c);
    for (std::size_t t = 0; t < Queries; ++t) {
      const f32x16 weight = broadcast(p[16 * t]);
      for (std::size_t c = 0; c < Vectors; ++c) acc[t][c] = fma(weight, value[c], acc[t][c]);
    }
  }
  for (std::size_t t = 0; t < Queries; ++t)
    for (std::size_t c = 0; c < Vectors; ++c) store(sums[t] + d + 16 * c, acc[t][c]);
}

template <std::size_t Queries>
inline void score_tile(const attention& a, const attention_space& s, std::size_t query) {
  constexpr std::size_t vectors = vectors_of(Queries);
  std::size_t b = s.low_block;
  for (; b + vectors <= s.high_block; b += vectors) score_blocks<Queries, vectors>(a, s, query, b);
  for (; b < s.high_block; ++b) score_blocks<Queries, 1>(a, s, query, b);
}

template <std::size_t Queries>
inline void value_tile(const attention& a, const attention_space& s, std::size_t query, const key_range& keys,
                       float* const* sums) {
  constexpr std::size_t vectors = vectors_of(Queries);
  std::size_t d = 0;
  for (; d + 16 * vectors <= a.head_dim; d += 16 * vectors) add_values<Queries, vectors>(a, s, query, d, keys, sums);
  for (; d < a.head_dim; d += 16) add_values<Queries, 1>(a, s, query, d, keys, sums);
}

/// Scores were computed by slot: those of the tail go to their logical places, and what the row does not see becomes
/// -infinity.
inline void arrange(const attention_row& row, const attention_space& s, std::size_t query) {
  for (std::size_t i = row.run > row.first ? row.run : row.first; i < row.count; ++i)
    s.at(i, query) = s.at(row.tail[i - row.run], query);
  for (std::size_t i = 16 * s.low_block; i < row.first; ++i) s.at(i, query) = -__builtin_inff();
  for (std::size_t i = row.count; i < 16 * s.high_block; ++i) s.at(i, query) = -__builtin_inff();
}

/// Turns scores into e^(s - max), inverse[t] = 1 / sum, for `Queries` queries from `query` on. Keys that a row does not
/// see add exact zeros.
template <std::size_t Queries>
inline void softmax(const attention_space& s, std::size_t query, float* inverse) {
  f32x16 top[Queries];
  for (std::size_t t = 0; t < Queries; ++t) top[t] = broadcast(-__builtin_inff());
  for (std::size_t b = s.low_block; b < s.high_block; ++b)
    for (std::size_t t = 0; t < Queries; ++t) top[t] = max(load(s.block(b, query + t)), top[t]);
  f32x16 sum[Queries];
  for (std::size_t t = 0; t < Queries; ++t) {
    top[t] = broadcast(max_of(top[t]));
    sum[t] = broadcast(0.0f);
  }
  for (std::size_t b = s.low_block; b < s.high_block; ++b) {
    for (std::size_t t = 0; t < Queries; ++t) {
      float* const at = s.block(b, query + t);
      const f32x16 p = exponential_below_zero(sub(load(at), top[t]));
      store(at, p);
      sum[t] = add(sum[t], p);
    }
  }
  for (std::size_t t = 0; t < Queries; ++t) inverse[t] = 1.0f / sum_of(sum[t]);
}

struct scores_of {
  const attention& a;
  const attention_space& s;
  std::size_t query;
  template <std::size_t Queries>
  void run() const {
    score_tile<Queries>(a, s, query);
  }
};
struct softmax_of {
  const attention_space& s;
  std::size_t query;
  float* inverse;
  template <std::size_t Queries>
  void run() const {
    softmax<Queries>(s, query, inverse + query);
  }
};
struct values_of {
  const attention& a;
  const attention_space& s;
  std::size_t query;
  const key_range& keys;
  float* const* sums;
  template <std::size_t Queries>
  void run() const {
    value_tile<Queries>(a, s, query, keys, sums + query);
  }
};

/// Calls f.run<Queries>() on tiles of queries, the largest sizes first, `count` queries from f.query on. Few sizes keep
/// the program small; which of them a query falls into changes no bit of it.
template <std::size_t Queries = query_tile, class F>
inline void each_tile(std::size_t count, F f) {
  if constexpr (Queries > 0) {
    for (; count >= Queries; count -= Queries, f.query += Queries) f.template run<Queries>();
    each_tile<(Queries > 6 ? 6 : Queries > 4 ? 4 : Queries - 1)>(count, f);
  }
}

inline void pack_queries(const attention& a, const attention_space& s) {
  for (std::size_t r = 0; r < a.row_count; ++r)
    for (std::size_t h = 0; h < a.heads; ++h)
      for (std::size_t d = 0; d < a.head_dim; d += 16)
        store(s.packed + d * s.queries + 16 * (r * a.heads + h), load(a.rows[r].q + h * a.head_dim + d));
}

inline std::size_t least(std::size_t x, std::size_t y) { return x < y ? x : y; }
inline std::size_t most(std::size_t x, std::size_t y) { return x > y ? x : y; }

/// Sums of values into the rows' outputs: what only one row sees, what all see, what only one sees.
inline void sum_values(const attention& a, const attention_space& s, const key_range& shared) {
  float* sums[most_queries];
  for (std::size_t query = 0; query < s.queries; ++query) {
    sums[query] = a.rows[query / a.heads].out + query % a.heads * a.head_dim;
    for (std::size_t d = 0; d < a.head_dim; d += 16) store(sums[query] + d, broadcast(0.0f));
  }
  const auto own = [&](std::size_t r, std::size_t begin, std::size_t end) {
    const key_range keys{begin, end, &a.rows[r]};
    if (begin < end) each_tile(a.heads, values_of{a, s, r * a.heads, keys, sums});
  };
  for (std::size_t r = 0; r < a.row_count; ++r) own(r, a.rows[r].first, least(shared.begin, a.rows[r].count));
  if (shared.begin < shared.end) each_tile(s.queries, values_of{a, s, 0, shared, sums});
  for (std::size_t r = 0; r < a.row_count; ++r) own(r, shared.end, a.rows[r].count);
}

inline void attend(const attention& a) {
  attention_space s{a.row_count * a.heads, a.rows[0].first, 0, a.scratch, nullptr};
  s.scores = a.scratch + s.queries * a.head_dim;
  key_range shared{0, a.rows[0].run, &a.rows[0]};  // keys that all rows see, in slots of their own number
  for (std::size_t r = 0; r < a.row_count; ++r) {
    const attention_row& row = a.rows[r];
    shared.begin = most(shared.begin, row.first);
    shared.end = least(shared.end, least(row.run, row.count));
    s.low_block = least(s.low_block, row.first);
    s.high_block = most(s.high_block, row.slots());
  }
  shared.end = most(shared.end, shared.begin);
  s.low_block /= 16;
  s.high_block = (s.high_block + 15) / 16;

  pack_queries(a, s);
  each_tile(s.queries, scores_of{a, s, 0});
  for (std::size_t query = 0; query < s.queries; ++query) arrange(a.rows[query / a.heads], s, query);
  float inverse[most_queries];
  each_tile(s.queries, softmax_of{s, 0, inverse});
  sum_values(a, s, shared);
  for (std::size_t query = 0; query < s.queries; ++query) {
    float* const out = a.rows[query / a.heads].out + query % a.heads * a.head_dim;
    for (std::size_t d = 0; d < a.head_dim; d += 16) store(out + d, mul(load(out + d), broadcast(inverse[query])));
  }
}

/// One key into its lane of a block, and one value.
inline void store_key(const float* k, std::size_t head_dim, std::uint16_t* lane) {
  for (std::size_t d = 0; d < head_dim; d += 16) {
    std::uint16_t halves[16];
    store_halves(halves, load(k + d));
    for (std::size_t l = 0; l < 16; ++l) lane[16 * (d + l)] = halves[l];
  }
}
inline void store_value(const float* v, std::size_t head_dim, std::uint16_t* out) {
  for (std::size_t d = 0; d < head_dim; d += 16) store_halves(out + d, load(v + d));
}

}  // namespace hunch::cpu::HUNCH_ISA
