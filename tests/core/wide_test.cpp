// Rows at full width: the wide copies of the loops, blocks, lanes and skipping, against values found one at a time.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

#include <hunch/core/random.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/match.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
using row = std::vector<float>;

std::span<const float> view(const row& r) { return r; }

/// Logits of many scales; some are -inf. Equal values occur often.
row some_logits(std::size_t n, std::uint32_t seed) {
  row r(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto w = philox4x32({static_cast<std::uint32_t>(i), seed, 0, 0}, 77);
    const float spread = seed % 3 == 0 ? 2.0f : seed % 3 == 1 ? 9.0f : 0.25f;
    r[i] = w[1] % 11 == 0 ? -inf : std::round(static_cast<float>(gumbel(w[0])) * 64) / 64 * spread;
  }
  return r;
}

/// Runs f with the loops as the program was compiled, and with the widest ones that the processor has; those between
/// must give what the widest give.
template <class F>
auto both(F f) {
  const int widest = detail::wide_loops;
  detail::wide_loops = 0;
  auto plain = f();
  for (detail::wide_loops = 1; detail::wide_loops < widest; ++detail::wide_loops) REQUIRE(f() == plain);
  detail::wide_loops = widest;
  return std::pair{std::move(plain), f()};
}

constexpr std::size_t lengths[] = {1, 3, 31, 32, 33, 127, 128, 1023, 1024, 1025, 5000, 49152};

token slow_at_position(std::uint64_t seed, std::uint64_t position, const row& logits, float t) {
  double best = -std::numeric_limits<double>::infinity();
  token winner = no_token;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto words = philox4x32({static_cast<std::uint32_t>(position), 0, static_cast<std::uint32_t>(i / 4),
                                   static_cast<std::uint32_t>(purpose::target)},
                                  seed);
    const double score = static_cast<double>(logits[i] / t) + gumbel(words[i % 4]);
    if (!(score > best)) continue;
    best = score;
    winner = static_cast<token>(i);
  }
  return winner;
}

}  // namespace

TEST_CASE("philox16: the words of sixteen counters, wide or not, are those of each alone", "[wide]") {
  for (std::uint32_t n = 0; n < 50; ++n) {
    const detail::philox_counters of{n, 0xfffffff0u + n, 3 * n, 0x299f31d0a4093822ull * n};
    const std::uint32_t first = n * 0x9E3779B9u % 0xfffffff0u;
    const auto words = both([&] {
      std::vector<std::uint32_t> w(64);
      detail::philox16(of, first, w.data());
      return w;
    });
    for (std::uint32_t i = 0; i < 64; ++i) {
      const auto expected = philox4x32({of.c0, of.c1, first + i / 4, of.c3}, of.key)[i % 4];
      REQUIRE(words.first[i] == expected);
      REQUIRE(words.second[i] == expected);
    }
  }
}

TEST_CASE("noise: bits above the last that reach d give less noise than d, and not far below they reach it", "[wide]") {
  for (double d = -1; d < 24; d += 0.01) {
    const std::uint32_t last = detail::last_bits_reaching(d);
    if (last != ~0u) REQUIRE(gumbel(last + 1) < d);
    if (d > 0.7 && d < 20) REQUIRE(gumbel(last / 4) > d);
  }
}

TEST_CASE("rows: laws, sums, differences and filters have the same bits wide or not", "[wide]") {
  for (const std::size_t n : lengths)
    for (std::uint32_t seed = 0; seed < 3; ++seed) {
      row logits = some_logits(n, seed);
      logits[n / 2] = 1.0f;
      const auto results = both([&] {
        row all;
        row law(n), rest(n);
        all.push_back(softmax(view(logits), 0.8f, std::span<float>{law}) ? 1.0f : 0.0f);
        all.insert(all.end(), law.begin(), law.end());
        row other = logits;
        all.push_back(softmax(std::span<float>{other}) ? 1.0f : 0.0f);
        all.insert(all.end(), other.begin(), other.end());
        all.push_back(static_cast<float>(subtract(0.9, view(law), 1.1, view(other), std::span<float>{rest})));
        all.insert(all.end(), rest.begin(), rest.end());
        all.push_back(static_cast<float>(sum_of(view(law)) * 1e6));
        row warped = logits;
        (top_k(7) | temperature(0.7f) | top_p(0.9f) | min_p(0.01f))(std::span<float>{warped}, prefix_view{});
        all.insert(all.end(), warped.begin(), warped.end());
        return all;
      });
      REQUIRE(results.first == results.second);
    }
}

TEST_CASE("softmax: of logits divided by t, into another row, is the law within its stated error", "[wide]") {
  for (const std::uint32_t seed : {0u, 1u, 2u}) {
    const row logits = some_logits(3000, seed);
    const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    for (const float t : {0.5f, 0.8f, 1.0f, 3.0f}) {
      row law(logits.size());
      REQUIRE(softmax(view(logits), t, std::span<float>{law}));
      const auto nats = [&](std::size_t i) { return (top - static_cast<double>(logits[i])) / static_cast<double>(t); };
      double mass = 0;
      for (std::size_t i = 0; i < logits.size(); ++i) mass += std::exp(-nats(i));
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double p = std::exp(-nats(i)) / mass;
        if (nats(i) > 80) continue;  // from about 87 on, 0
        REQUIRE(std::abs(static_cast<double>(law[i]) - p) <= p * (4e-7 + 2e-7 * nats(i)));
      }
    }
  }
}

TEST_CASE("argmax: the lowest of equals, wherever they lie; no token for a NaN, +inf or nothing but -inf", "[wide]") {
  for (const std::size_t n : lengths)
    for (const std::size_t at : {std::size_t{0}, n / 3, n / 2, n - 1}) {
      row r(n, -4.0f);
      r[at] = 2.0f;
      if (at + 1 < n) r[n - 1] = 2.0f;
      const auto found = both([&] { return argmax(view(r)); });
      REQUIRE(found.first == static_cast<token>(at));
      REQUIRE(found.second == static_cast<token>(at));
      for (const float broken : {std::numeric_limits<float>::quiet_NaN(), inf}) {
        r[at] = broken;
        const auto none = both([&] { return std::pair{argmax(view(r)), philox{1}.at_position(0, view(r))}; });
        REQUIRE(none.first == std::pair{no_token, no_token});
        REQUIRE(none.second == std::pair{no_token, no_token});
      }
    }
  const row nothing(2000, -inf);
  CHECK(argmax(view(nothing)) == no_token);
  CHECK(philox{1}.at_position(0, view(nothing)) == no_token);
}

TEST_CASE("at_position: the winner among all tokens, whatever was skipped and in which order", "[wide]") {
  for (const std::size_t n : lengths) {
    const int draws = n > 10000 ? 3 : 20;
    for (int i = 0; i < draws; ++i) {
      const auto seed = static_cast<std::uint32_t>(i);
      row logits = some_logits(n, seed);
      logits[n / 2] = 1.0f;
      for (const float t : {1.0f, 0.8f, 0.1f, 30.0f}) {
        const token expected = slow_at_position(seed, 1000u + seed, logits, t);
        const auto drawn = both([&] { return philox{seed}.at_position(1000u + seed, view(logits), t); });
        REQUIRE(drawn.first == expected);
        REQUIRE(drawn.second == expected);
      }
    }
  }
}

TEST_CASE("at_position: extreme logits and temperatures change no winner", "[wide]") {
  row logits = some_logits(3000, 1);
  for (const float scale : {1e-30f, 1e6f, 1e30f})
    for (const float t : {1.0f, 1e-6f, 1e6f}) {
      row scaled = logits;
      for (float& x : scaled) x *= scale;
      if (std::isinf(40 * scale / t)) continue;
      for (std::uint64_t position = 0; position < 5; ++position)
        CHECK(philox{9}.at_position(position, view(scaled), t) == slow_at_position(9, position, scaled, t));
    }
}

TEST_CASE("ordered draws: the k of largest score of the whole row, in order", "[wide]") {
  for (const std::size_t n : {std::size_t{100}, std::size_t{3000}, std::size_t{49152}})
    for (std::uint32_t seed = 0; seed < 3; ++seed) {
      const row logits = some_logits(n, seed);
      row law(n);
      REQUIRE(softmax(view(logits), 1.0f, std::span<float>{law}));
      std::vector<candidate> by_logit, by_law;
      for (std::size_t i = 0; i < n; ++i) {
        const auto bits = [&](purpose why, std::uint32_t node) {
          return philox4x32({5, node, static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(why)}, seed)[i % 4];
        };
        if (logits[i] > -inf)
          by_logit.push_back(
              {static_cast<token>(i), static_cast<double>(logits[i]) + gumbel(bits(purpose::target, 0))});
        if (law[i] > 0)
          by_law.push_back(
              {static_cast<token>(i), portable_log(static_cast<double>(law[i])) + gumbel(bits(purpose::draft, 2))});
      }
      for (auto* all : {&by_logit, &by_law})
        std::stable_sort(all->begin(), all->end(), [](auto& a, auto& b) { return a.score > b.score; });
      const auto found = both([&] {
        std::vector<candidate> a, b;
        philox{seed}.ordered_at_position(5, view(logits), 9, a);
        philox{seed}.ordered_without_replacement({5, 2}, view(law), 9, b);
        a.insert(a.end(), b.begin(), b.end());
        std::vector<std::pair<token, double>> all;
        for (const candidate& c : a) all.emplace_back(c.index, c.score);
        return all;
      });
      for (const auto* all : {&found.first, &found.second}) {
        REQUIRE(all->size() == 18);
        for (std::size_t i = 0; i < 18; ++i) {
          const candidate& expected = i < 9 ? by_logit[i] : by_law[i - 9];
          REQUIRE((*all)[i] == std::pair{expected.index, expected.score});
        }
      }
    }
}

TEST_CASE("categorical: the index where the running sum passes the uniform draw", "[wide]") {
  for (const std::size_t n : lengths) {
    row w(n);
    for (std::size_t i = 0; i < n; ++i) w[i] = i % 3 == 1 ? 0.0f : static_cast<float>(i % 7 + 1);  // sums are exact
    for (std::uint64_t round = 0; round < 40; ++round) {
      double mass = 0;
      for (const float x : w) mass += static_cast<double>(x);
      const double goal = philox{4}.uniform({round, 1}, purpose::bonus) * mass;
      std::size_t expected = 0;
      for (double sum = static_cast<double>(w[0]); !(goal < sum);) sum += static_cast<double>(w[++expected]);
      const auto drawn = both([&] { return philox{4}.categorical({round, 1}, purpose::bonus, view(w)); });
      REQUIRE(drawn.first == static_cast<token>(expected));
      REQUIRE(drawn.second == static_cast<token>(expected));
    }
  }
}

TEST_CASE("top_k: what a sort of the whole row keeps, equals of the k-th included", "[wide]") {
  for (const std::size_t n : lengths)
    for (std::uint32_t seed = 0; seed < 3; ++seed)
      for (const std::size_t k : std::initializer_list<std::size_t>{1, 5, 40, 700}) {
        const row before = some_logits(n, seed);
        row sorted = before;
        std::sort(sorted.begin(), sorted.end(), std::greater<>{});
        const float cut = k < n ? sorted[k - 1] : -inf;
        row after = before;
        top_k{k}(std::span<float>{after}, prefix_view{});
        for (std::size_t i = 0; i < n; ++i) REQUIRE(after[i] == (before[i] >= cut ? before[i] : -inf));
      }
}

TEST_CASE("top_p: what a sort of the whole row keeps, in flat rows and in steep ones", "[wide]") {
  for (const std::size_t n : lengths)
    for (std::uint32_t seed = 0; seed < 3; ++seed)
      for (const double p : {0.1, 0.5, 0.95, 0.999}) {
        const row before = some_logits(n, seed);
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < n; ++i)
          if (before[i] > -inf) order.push_back(i);
        if (order.empty()) continue;
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return before[a] > before[b]; });
        const auto weight = [&](std::size_t i) { return std::exp(static_cast<double>(before[i] - before[order[0]])); };
        double mass = 0;
        for (const std::size_t i : order) mass += weight(i);
        // exponentials of floats are exact to 2e-7, so sums that close to the goal may fall on either side
        const auto reach = [&](double goal) {
          double sum = 0;
          std::size_t kept = 0;
          while (kept < order.size() && sum < goal) sum += weight(order[kept++]);
          return kept;
        };
        row after = before;
        top_p{static_cast<float>(p)}(std::span<float>{after}, prefix_view{});
        const auto kept =
            static_cast<std::size_t>(std::count_if(after.begin(), after.end(), [](float x) { return x > -inf; }));
        const double exact_p = static_cast<double>(static_cast<float>(p));
        REQUIRE(kept >= reach(exact_p * mass * (1 - 1e-6)));
        REQUIRE(kept <= reach(exact_p * mass * (1 + 1e-6)));
        for (std::size_t i = 0; i < order.size(); ++i) REQUIRE((after[order[i]] > -inf) == (i < kept));
      }
}

namespace {

/// Rows that count how often they are asked for.
struct counted_rows {
  matrix_view rows;
  std::vector<int>* asked;
  [[nodiscard]] std::size_t size() const { return rows.size(); }
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const {
    ++(*asked)[i];
    return rows[i];
  }
};

}  // namespace

TEST_CASE("match: greedy or with a temperature, a row of the path is asked for once and never copied", "[wide]") {
  constexpr std::size_t vocab = 2000;
  row data(4 * vocab, 0.0f);
  draft_tree tree{vocab};
  const std::vector<token> text{1, 2, 3};
  tree.reset(3);
  for (node_id n = 0; n < 3; ++n) {
    data[n * vocab + 7 + n] = 90;  // sure of token 7 + n
    tree.add(n, n == 2 ? 1 : static_cast<token>(7 + n));
  }
  std::vector<int> asked(4);
  const counted_rows rows{{data.data(), 4, vocab}, &asked};
  const decode_context ctx{.text = text, .budget = 64, .max_depth = 64, .random = philox{1}};
  verdict out;
  match(greedy{}).verify(tree, rows, ctx, out);
  CHECK(out.accepted() == 2);
  CHECK(asked == std::vector<int>{1, 1, 1, 0});
  match(temperature(0.8f)).verify(tree, rows, ctx, out);
  CHECK(out.accepted() == 2);
  CHECK(asked == std::vector<int>{2, 2, 2, 0});
  CHECK(out.residual.empty());
  CHECK(out.laws.empty());
}
