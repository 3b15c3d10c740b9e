// Kernels on rows: the bits of the scalar ones, and the numbers that they stand for.
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "dispatch.hpp"
#include "noise.hpp"
#include "passes.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

std::vector<const cpu::kernel_table*> vector_tables() {
  std::vector<const cpu::kernel_table*> out;
  for (const auto which : {cpu::isa::avx2, cpu::isa::avx512})
    if (cpu::available(which)) out.push_back(&cpu::kernels_for(which));
  return out;
}
const cpu::kernel_table& scalar() { return cpu::kernels_for(cpu::isa::scalar); }

struct quantised {
  std::vector<signed char> q;
  std::vector<float> scale, scaled_sum;
  std::vector<std::int32_t> sum, offset;
  std::vector<std::int16_t> sum_256;

  explicit quantised(std::size_t n)
      : q(n), scale(n / 32), scaled_sum(n / 32), sum(n / 32), offset(n / 16), sum_256(n / 32) {}
  cpu::quantised_row row() {
    return {q.data(), scale.data(), scaled_sum.data(), sum.data(), offset.data(), sum_256.data()};
  }
  bool operator==(const quantised&) const = default;
};

// Runs f with every table and compares the row that it leaves with the scalar one's.
void check_bits(std::size_t n, const std::function<void(const cpu::kernel_table&, row&)>& f) {
  noise from{n};
  const row x = from.floats(n, -12, 12);
  row expected = x;
  f(scalar(), expected);
  for (const auto* table : vector_tables()) {
    row got = x;
    f(*table, got);
    INFO(table->name << " n=" << n);
    CHECK(same_bits(std::span<const float>(got), std::span<const float>(expected)));
  }
}

struct attention_case {
  std::size_t heads, head_dim, first, count, run;
};

// Attention over slots that run backwards from `run` on.
row attend(const cpu::kernel_table& with, const attention_case& c, bool scattered) {
  noise from{77};
  const row q = from.floats(c.heads * c.head_dim, -3, 3);
  const row k = from.floats(c.count * c.head_dim);
  const row v = from.floats(c.count * c.head_dim);
  row placed_k = k;
  row placed_v = v;
  std::vector<std::uint32_t> tail;
  for (std::size_t i = c.run; i < c.count; ++i) {
    const std::size_t slot = scattered ? c.count - 1 - (i - c.run) : i;
    tail.push_back(static_cast<std::uint32_t>(slot));
    for (std::size_t d = 0; d < c.head_dim; ++d) {
      placed_k[slot * c.head_dim + d] = k[i * c.head_dim + d];
      placed_v[slot * c.head_dim + d] = v[i * c.head_dim + d];
    }
  }
  row out(c.heads * c.head_dim);
  std::vector<float> scores(c.heads * (c.count - c.first + 15));
  with.attend({.q = q.data(),
               .k = placed_k.data(),
               .v = placed_v.data(),
               .out = out.data(),
               .scores = scores.data(),
               .tail = tail.data(),
               .heads = c.heads,
               .head_dim = c.head_dim,
               .first = c.first,
               .count = c.count,
               .run = c.run,
               .scale = 0.25F});
  return out;
}

}  // namespace

TEST_CASE("kernels: quantised rows are the same on every instruction set", "[kernels]") {
  noise from{3};
  row x = from.floats(1024, -5, 5);
  x[100] = 1000;
  for (std::size_t i = 256; i < 512; ++i) x[i] = 0;
  for (std::size_t i = 0; i < 32; ++i) x[768 + i] = 1e-42F * static_cast<float>(i);  // subnormal
  for (const auto member : {&cpu::kernel_table::quantise_32, &cpu::kernel_table::quantise_256}) {
    quantised expected{x.size()};
    (scalar().*member)(x.data(), x.size(), expected.row());
    for (const auto* table : vector_tables()) {
      quantised got{x.size()};
      (table->*member)(x.data(), x.size(), got.row());
      INFO(table->name);
      CHECK(got == expected);
    }
  }
}

TEST_CASE("kernels: quantisation is within half a step and its sums are exact", "[kernels]") {
  noise from{4};
  const row x = from.floats(512, -3, 3);
  quantised by_32{x.size()};
  quantised by_256{x.size()};
  scalar().quantise_32(x.data(), x.size(), by_32.row());
  scalar().quantise_256(x.data(), x.size(), by_256.row());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(std::abs(x[i] - by_32.scale[i / 32] * static_cast<float>(by_32.q[i])) <= 0.5001F * by_32.scale[i / 32]);
    CHECK(std::abs(x[i] - by_256.scale[i / 256] * static_cast<float>(by_256.q[i])) <= 0.5001F * by_256.scale[i / 256]);
  }
  const auto sum = [](const quantised& from_row, std::size_t at, std::size_t n) {
    return std::accumulate(from_row.q.begin() + static_cast<std::ptrdiff_t>(at),
                           from_row.q.begin() + static_cast<std::ptrdiff_t>(at + n), 0);
  };
  for (std::size_t b = 0; b < 16; ++b) {
    CHECK(by_32.sum[b] == sum(by_32, 32 * b, 32));
    CHECK(by_32.scaled_sum[b] == by_32.scale[b] * static_cast<float>(by_32.sum[b]));
    CHECK(by_256.sum_256[b] == sum(by_256, 32 * b, 32));
    CHECK(by_256.offset[2 * b] == -32 * sum(by_256, 32 * b, 16));
  }
}

TEST_CASE("kernels: norms, gates, rotations and sums have the scalar bits", "[kernels]") {
  for (const std::size_t n : {16u, 40u, 64u, 576u, 1000u}) {
    noise from{n + 1};
    const row w = from.floats(n);
    check_bits(n, [&](const auto& t, row& x) { t.rms_norm(x.data(), w.data(), n, 1e-6F, x.data()); });
    check_bits(n, [&](const auto& t, row& x) { t.silu_gate(x.data(), w.data(), n); });
    check_bits(n, [&](const auto& t, row& x) { t.gelu_gate(x.data(), w.data(), n); });
    check_bits(n, [&](const auto& t, row& x) { t.add(x.data(), w.data(), n); });
    check_bits(2 * n, [&](const auto& t, row& x) { t.rotate_pairs(x.data(), 2, n, w.data(), w.data() + n / 2); });
    check_bits(2 * n, [&](const auto& t, row& x) { t.rotate_halves(x.data(), 2, n, w.data(), w.data() + n / 2); });
  }
}

TEST_CASE("kernels: silu and gelu are within 1e-6 of their definitions", "[kernels]") {
  const row ones(16, 1.0F);
  for (float x = -100; x <= 100; x += 0.37F) {
    row silu(16, x);
    row gelu(16, x);
    scalar().silu_gate(silu.data(), ones.data(), 16);
    scalar().gelu_gate(gelu.data(), ones.data(), 16);
    const double v = static_cast<double>(x);
    const double tanh = std::tanh(std::sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v));
    CHECK(std::abs(static_cast<double>(silu[3]) - v / (1 + std::exp(-v))) <= 1e-6 * std::max(1.0, std::abs(v)));
    CHECK(std::abs(static_cast<double>(gelu[3]) - 0.5 * v * (1 + tanh)) <= 1e-6 * std::max(1.0, std::abs(v)));
  }
}

TEST_CASE("kernels: a norm divides by the root of the mean square", "[kernels]") {
  const row x{3, 4, 0, 0};
  const row w{1, 2, 5, 7};
  row y(4);
  scalar().rms_norm(x.data(), w.data(), 4, 0, y.data());  // root of 25 / 4 is 2.5
  CHECK(y[0] == Approx(1.2));
  CHECK(y[1] == Approx(3.2));
  CHECK(y[2] == 0);
}

TEST_CASE("kernels: rotation by a quarter turn, in pairs and in halves", "[kernels]") {
  const row cos{0, 0};
  const row sin{1, 1};
  row pairs{1, 2, 3, 4};
  row halves = pairs;
  scalar().rotate_pairs(pairs.data(), 1, 4, cos.data(), sin.data());
  scalar().rotate_halves(halves.data(), 1, 4, cos.data(), sin.data());
  CHECK(pairs == row{-2, 1, -4, 3});
  CHECK(halves == row{-3, -4, 1, 2});
}

TEST_CASE("kernels: attention has the scalar bits, wherever the keys lie", "[kernels]") {
  for (const attention_case& c :
       {attention_case{1, 16, 0, 1, 1}, attention_case{3, 64, 0, 37, 37}, attention_case{3, 64, 0, 37, 20},
        attention_case{6, 128, 0, 300, 290}, attention_case{5, 48, 9, 40, 25}, attention_case{7, 256, 100, 133, 120}}) {
    const row expected = attend(scalar(), c, false);
    CHECK(same_bits(std::span<const float>(attend(scalar(), c, true)), std::span<const float>(expected)));
    for (const auto* table : vector_tables()) {
      INFO(table->name << " heads=" << c.heads << " keys=" << c.count);
      CHECK(same_bits(std::span<const float>(attend(*table, c, false)), std::span<const float>(expected)));
      CHECK(same_bits(std::span<const float>(attend(*table, c, true)), std::span<const float>(expected)));
    }
  }
}

TEST_CASE("kernels: attention is the softmax average of the values, within 1e-6", "[kernels]") {
  const attention_case c{2, 32, 3, 50, 50};
  noise from{77};
  const row q = from.floats(c.heads * c.head_dim, -3, 3);
  const row k = from.floats(c.count * c.head_dim);
  const row v = from.floats(c.count * c.head_dim);
  const row got = attend(scalar(), c, false);
  for (std::size_t h = 0; h < c.heads; ++h) {
    std::vector<double> p;
    double total = 0;
    for (std::size_t i = c.first; i < c.count; ++i) {
      double dot = 0;
      for (std::size_t d = 0; d < c.head_dim; ++d)
        dot += static_cast<double>(q[h * c.head_dim + d]) * static_cast<double>(k[i * c.head_dim + d]);
      p.push_back(std::exp(dot * 0.25));
      total += p.back();
    }
    for (std::size_t d = 0; d < c.head_dim; ++d) {
      double sum = 0;
      for (std::size_t i = c.first; i < c.count; ++i)
        sum += p[i - c.first] / total * static_cast<double>(v[i * c.head_dim + d]);
      CHECK(std::abs(static_cast<double>(got[h * c.head_dim + d]) - sum) < 1e-6);
    }
  }
}
