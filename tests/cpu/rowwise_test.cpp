// Kernels on rows: the bits of the scalar ones, and the numbers that they stand for.
#include <algorithm>
#include <cmath>
#include <cstdint>
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
  for (const auto which : {cpu::isa::avx2, cpu::isa::avx_vnni, cpu::isa::avx512})
    if (cpu::available(which)) out.push_back(&cpu::kernels_for(which));
  return out;
}
const cpu::kernel_table& scalar() { return cpu::kernels_for(cpu::isa::scalar); }

// The first row of a group.
struct quantised {
  std::vector<signed char> q;
  std::vector<float> scale, scaled_sum;
  std::vector<std::int32_t> sum, offset;
  std::vector<std::int16_t> sum_256;

  explicit quantised(std::size_t n)
      : q(cpu::group_rows * n),
        scale(q.size() / 32),
        scaled_sum(q.size() / 32),
        sum(q.size() / 32),
        offset(q.size() / 16),
        sum_256(q.size() / 32) {}
  // The value and the scale of input i, in blocks of `block`.
  [[nodiscard]] float value(std::size_t i, std::size_t block) const {
    return static_cast<float>(q[cpu::group_rows * block * (i / block) + i % block]);
  }
  [[nodiscard]] float step(std::size_t i, std::size_t block) const { return scale[cpu::group_rows * (i / block)]; }
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

// Rows of one sequence: row r sees `run` slots and then every `step`-th one of those that follow, r + 1 of them.
struct attention_case {
  std::size_t heads, head_dim, rows, run, step;
  std::size_t window = 0;
};

// What the case's rows see, and keys and values that halves hold exactly.
struct attention_data {
  explicit attention_data(const attention_case& of) : c{of} {
    noise from{77};
    slots = c.run + c.rows * c.step;
    q = from.floats(c.rows * c.heads * c.head_dim, -3, 3);
    k = from.floats(slots * c.head_dim);
    v = from.floats(slots * c.head_dim);
    for (auto* each : {&k, &v})
      for (auto& x : *each) x = std::round(x * 1024) / 1024;
    for (std::size_t i = 0; i < c.rows; ++i) tail.push_back(static_cast<std::uint32_t>(c.run + (i + 1) * c.step - 1));
  }
  [[nodiscard]] std::size_t count(std::size_t r) const { return c.run + r + 1; }
  [[nodiscard]] std::size_t first(std::size_t r) const {
    return c.window != 0 && count(r) > c.window ? count(r) - c.window : 0;
  }
  [[nodiscard]] std::size_t slot(std::size_t i) const { return i < c.run ? i : tail[i - c.run]; }

  attention_case c;
  std::size_t slots = 0;
  row q, k, v;
  std::vector<std::uint32_t> tail;
};

// Rows [first, first + count) of a case in one call; what no row may see is NaN.
row attend(const cpu::kernel_table& with, const attention_data& data, std::size_t first, std::size_t count) {
  const auto& c = data.c;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const row hidden(c.head_dim, nan);
  const std::size_t blocks = (data.slots + 15) / 16;
  std::vector<std::uint16_t> k(blocks * 16 * c.head_dim), v(k.size());
  for (std::size_t slot = 0; slot < 16 * blocks; ++slot) {
    bool seen = slot < c.run;
    for (std::size_t t = 0; t < first + count; ++t) seen = seen || data.tail[t] == slot;
    with.store_key(seen ? data.k.data() + slot * c.head_dim : hidden.data(), c.head_dim,
                   k.data() + slot / 16 * 16 * c.head_dim + slot % 16);
    with.store_value(seen ? data.v.data() + slot * c.head_dim : hidden.data(), c.head_dim,
                     v.data() + slot * c.head_dim);
  }
  const std::size_t width = c.heads * c.head_dim;
  row out(count * width);
  std::vector<cpu::attention_row> rows;
  for (std::size_t r = first; r < first + count; ++r) {
    const bool chain = c.step == 1;  // then the row's slots are its positions
    rows.push_back({.q = data.q.data() + r * width,
                    .out = out.data() + (r - first) * width,
                    .tail = data.tail.data(),
                    .first = data.first(r),
                    .count = data.count(r),
                    .run = chain ? data.count(r) : c.run});
  }
  std::vector<float> scratch(cpu::attention_scratch(c.head_dim, data.slots));
  with.attend({.k = k.data(),
               .v = v.data(),
               .rows = rows.data(),
               .row_count = count,
               .heads = c.heads,
               .head_dim = c.head_dim,
               .scale = 0.25F,
               .scratch = scratch.data()});
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
    CHECK(std::abs(x[i] - by_32.step(i, 32) * by_32.value(i, 32)) <= 0.5001F * by_32.step(i, 32));
    CHECK(std::abs(x[i] - by_256.step(i, 256) * by_256.value(i, 256)) <= 0.5001F * by_256.step(i, 256));
  }
  const auto sum = [](const quantised& of, std::size_t block, std::size_t first, std::size_t n) {
    float total = 0;
    for (std::size_t i = first; i < first + n; ++i) total += of.value(i, block);
    return static_cast<int>(total);
  };
  for (std::size_t b = 0; b < 16; ++b) {
    const std::size_t at = cpu::group_rows * b;
    CHECK(by_32.sum[at] == sum(by_32, 32, 32 * b, 32));
    CHECK(by_32.scaled_sum[at] == by_32.scale[at] * static_cast<float>(by_32.sum[at]));
    const std::size_t in_block = cpu::group_rows * (b / 8);
    CHECK(by_256.sum_256[8 * in_block + b % 8] == sum(by_256, 256, 32 * b, 32));
    CHECK(by_256.offset[16 * in_block + 2 * (b % 8)] == -32 * sum(by_256, 256, 32 * b, 16));
  }
  for (std::size_t b = 0; b < 2; ++b) {
    float loudest = 0;
    for (std::size_t run = 256 * b; run < 256 * b + 256; run += 16) {
      float total = 0;
      for (std::size_t i = run; i < run + 16; ++i) total += std::abs(by_256.value(i, 256));
      loudest = std::max(loudest, total);
    }
    CHECK(by_256.sum[cpu::group_rows * b] == static_cast<int>(loudest));
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

TEST_CASE("kernels: a row's attention has the scalar bits of that row alone, whatever rows share the call",
          "[kernels]") {
  for (const attention_case& c :
       {attention_case{1, 16, 1, 0, 1}, attention_case{3, 64, 4, 37, 1}, attention_case{3, 64, 4, 37, 3},
        attention_case{6, 128, 2, 300, 2}, attention_case{5, 48, 2, 30, 4, 9}, attention_case{1, 32, 12, 3, 5, 6},
        attention_case{2, 32, 6, 50, 1, 20}, attention_case{12, 16, 1, 70, 1}, attention_case{4, 256, 3, 133, 2, 40}}) {
    const attention_data data{c};
    const std::size_t width = c.heads * c.head_dim;
    row alone;
    for (std::size_t r = 0; r < c.rows; ++r) {
      const row one = attend(scalar(), data, r, 1);
      alone.insert(alone.end(), one.begin(), one.end());
    }
    auto tables = vector_tables();
    tables.push_back(&scalar());
    for (const auto* table : tables) {
      for (std::size_t first = 0; first < c.rows; ++first) {
        for (std::size_t count = 1; first + count <= c.rows; ++count) {
          INFO(table->name << " heads=" << c.heads << " keys=" << c.run << " rows " << first << "+" << count);
          const row got = attend(*table, data, first, count);
          REQUIRE(same_bits(std::span<const float>(got),
                            std::span<const float>(alone).subspan(first * width, count * width)));
        }
      }
    }
  }
}

TEST_CASE("kernels: attention is the softmax average of the values, within 1e-6", "[kernels]") {
  for (const attention_case& c :
       {attention_case{2, 32, 3, 50, 1}, attention_case{2, 32, 3, 50, 4, 10}, attention_case{1, 256, 1, 400, 1}}) {
    const attention_data data{c};
    const row got = attend(scalar(), data, 0, c.rows);
    for (std::size_t q = 0; q < c.rows * c.heads; ++q) {
      const std::size_t r = q / c.heads;
      std::vector<double> p;
      double total = 0;
      for (std::size_t i = data.first(r); i < data.count(r); ++i) {
        double dot = 0;
        for (std::size_t d = 0; d < c.head_dim; ++d)
          dot += static_cast<double>(data.q[q * c.head_dim + d]) *
                 static_cast<double>(data.k[data.slot(i) * c.head_dim + d]);
        p.push_back(std::exp(dot * 0.25));
        total += p.back();
      }
      for (std::size_t d = 0; d < c.head_dim; ++d) {
        double sum = 0;
        for (std::size_t i = data.first(r); i < data.count(r); ++i)
          sum += p[i - data.first(r)] / total * static_cast<double>(data.v[data.slot(i) * c.head_dim + d]);
        CHECK(std::abs(static_cast<double>(got[q * c.head_dim + d]) - sum) < 1e-6);
      }
    }
  }
}

TEST_CASE("kernels: a key that is far below the best one weighs nothing", "[kernels]") {
  attention_data data{{1, 16, 1, 1, 1}};
  for (std::size_t d = 0; d < 16; ++d) {
    data.q[d] = 5;
    data.k[d] = 5;        // score 100
    data.k[16 + d] = -5;  // score -100: e^-200 is below every float
    data.v[d] = 1;
    data.v[16 + d] = 1000;
  }
  for (const float x : attend(scalar(), data, 0, 1)) CHECK(x == 1);
}

TEST_CASE("kernels: keys and values are kept as the nearest halves, ties to even", "[kernels]") {
  const float inf = std::numeric_limits<float>::infinity();
  const row x{1,        1 + 0x1p-11F, 1 + 0x1.8p-10F, 1 + 0x1.01p-11F, -2,   65504,        65519.996F, 65520,
              0x1p-24F, 0x1p-25F,     0x1.8p-24F,     0x1.8p-25F,      -0.F, 0x1.ffcp-15F, -inf,       0.1F};
  const std::vector<std::uint16_t> expected{0x3c00, 0x3c00, 0x3c02, 0x3c01, 0xc000, 0x7bff, 0x7bff, 0x7c00,
                                            0x0001, 0x0000, 0x0002, 0x0001, 0x8000, 0x0400, 0xfc00, 0x2e66};
  auto tables = vector_tables();
  tables.push_back(&scalar());
  for (const auto* table : tables) {
    INFO(table->name);
    std::vector<std::uint16_t> value(16), keys(16 * 16, 7);
    table->store_value(x.data(), 16, value.data());
    CHECK(value == expected);
    table->store_key(x.data(), 16, keys.data() + 5);  // lane 5 of a block
    for (std::size_t i = 0; i < keys.size(); ++i) CHECK(keys[i] == (i % 16 == 5 ? expected[i / 16] : 7));
  }
}
