// How near are the CPU kernels to what the machine can do? Every row states its share of the roof that binds it.
// kernel/product/FORMAT/rows:N, kernel/cached/FORMAT/rows:N, kernel/attention/MODEL/depth:D/rows:N,
// kernel/row/WHAT/WIDTH.
// Roofs are measured in the same run: reading (96 MiB), dot products of bytes, multiply-adds of floats.
// --kernels=avx512 measures those of an instruction set instead of the best (scalar, avx2, avx_vnni, avx512, amx).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <hunch/cpu/backend.hpp>

#include "dispatch.hpp"
#include "packed.hpp"
#include "pool.hpp"
#include "roofs.hpp"

namespace {

using namespace hunch;
using namespace hunch::cpu;

pool& threads() {
  static pool all{0};
  return all;
}
const kernel_table*& chosen() {
  static const kernel_table* table = &kernels_for(isa::best);  // asking the processor leaves a virtual machine: slow
  return table;
}
const kernel_table& kernels() { return *chosen(); }
/// False when there are no kernels of that name here.
bool choose(const std::string& name) {
  for (const isa which : {isa::scalar, isa::avx2, isa::avx_vnni, isa::avx512, isa::amx}) {
    if (!available(which) || name != kernels_for(which).name) continue;
    chosen() = &kernels_for(which);
    return true;
  }
  return false;
}

/// Spread like a Gaussian of about 0.3 times `scale`, as activations are: products of blocks of 256 take a longer way
/// where many of them are loud.
std::vector<float> some_floats(std::size_t n, float scale = 1) {
  std::vector<float> out(n);
  std::uint32_t state = 1;
  for (auto& v : out) {
    float sum = -6;
    for (int i = 0; i < 12; ++i) {
      state = state * 1664525u + 1013904223u;
      sum += static_cast<float>(state >> 8) / 16777216.0F;
    }
    v = 0.3F * scale * sum;
  }
  return out;
}

/// Counters: rates and, of the roof that is lower for this work, the share that was reached.
void report(benchmark::State& state, double bytes, double multiply_adds, double roof_adds) {
  const roofs::rates& roof = roofs::of(threads().size());
  const double runs = static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(bytes * runs / 1e9, benchmark::Counter::kIsRate);
  state.counters["GMAC/s"] = benchmark::Counter(multiply_adds * runs / 1e9, benchmark::Counter::kIsRate);
  double least = bytes / roof.read_bytes;
  if (roof_adds > 0) least = std::max(least, multiply_adds / roof_adds);
  state.counters["of_roof"] = benchmark::Counter(least * runs, benchmark::Counter::kIsRate);
}

// --- matrix products: on all threads 96 MB of weights, more than the caches of a core hold; on one, few enough ---

constexpr std::size_t product_inputs = 1536;
constexpr std::size_t product_outputs = 8960;
constexpr std::size_t cached_outputs = 256;

struct matrices {
  std::vector<std::byte> bytes;
  weight_arena arena{0};
  std::vector<packed_matrix> packed;
};

/// Matrices of so many outputs, of `bytes` together or little more.
matrices make_matrices(gguf::tensor_type type, std::size_t outputs, std::size_t bytes) {
  const auto& traits = gguf::traits_of(type);
  gguf::tensor t;
  t.name = "bench";
  t.type = type;
  t.shape = {product_inputs, outputs};
  matrices m;
  m.bytes.resize(product_inputs / traits.block_values * outputs * traits.block_bytes);
  // Bytes below 48 make small numbers in every format: no scale is NaN, infinite or subnormal enough to be slow.
  std::uint32_t state = 7;
  for (auto& b : m.bytes) b = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24 & 0x2f);
  if (type == gguf::tensor_type::bf16)  // exponents of about 1
    for (std::size_t i = 1; i < m.bytes.size(); i += 2) m.bytes[i] = std::byte{0x3c};
  t.data = m.bytes;
  const std::size_t count = bytes / packed_bytes(t) + 1;
  m.arena = weight_arena{count * packed_bytes(t)};
  for (std::size_t i = 0; i < count; ++i) m.packed.push_back(pack(t, m.arena, threads()));
  return m;
}

struct activations {
  std::size_t group;
  std::vector<float> x;
  std::vector<signed char> q;
  std::vector<float> scale, scaled_sum;
  std::vector<std::int32_t> sum, offset;
  std::vector<std::int16_t> sum_256;

  activations(activation_kind kind, std::size_t rows, std::size_t width)
      : group{group_of(kernels(), rows)},
        x{some_floats((rows + group - 1) / group * group * width)},
        q(x.size()),
        scale(x.size() / 32),
        scaled_sum(x.size() / 32),
        sum(x.size() / 32),
        offset(x.size() / 16),
        sum_256(x.size() / 32) {
    if (kind == activation_kind::f32) return;
    const std::size_t block = kind == activation_kind::int8_32 ? 32 : 256;
    for (std::size_t r = 0; r < rows; ++r)
      (block == 32 ? kernels().quantise_32 : kernels().quantise_256)(x.data() + r * width, width,
                                                                     row(block_at(r, 0, width / block, group), block));
  }
  [[nodiscard]] quantised_row row(std::size_t at, std::size_t block) {
    return {q.data() + at * block,
            scale.data() + at,
            scaled_sum.data() + at,
            sum.data() + at,
            offset.data() + 16 * at,
            sum_256.data() + 8 * at,
            group};
  }
  [[nodiscard]] activation_rows rows() const {
    return {x.data(), q.data(), scale.data(), scaled_sum.data(), sum.data(), offset.data(), sum_256.data(), group};
  }
};

void product_of(benchmark::State& state, gguf::tensor_type type, bool cached) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const std::size_t outputs = cached ? cached_outputs : product_outputs;
  const matrices m = make_matrices(type, outputs, cached ? 0 : std::size_t{96} << 20);
  const activation_kind kind = activations_of(m.packed[0].kind);
  const activations in{kind, rows, product_inputs};
  std::vector<float> out(rows * outputs);
  std::vector<float*> pointers;
  for (std::size_t r = 0; r < rows; ++r) pointers.push_back(out.data() + r * outputs);
  std::size_t next = 0;
  for (auto _ : state) {
    const packed_matrix& w = m.packed[next++ % m.packed.size()];
    constexpr std::size_t together = 2;  // strips that the kernels like to have at once
    const auto run = [&](unsigned, std::size_t first, std::size_t last) {
      kernels().multiply[static_cast<std::size_t>(w.kind)]({.kind = w.kind,
                                                            .weights = reinterpret_cast<const unsigned char*>(w.data),
                                                            .bias = nullptr,
                                                            .inputs = w.inputs,
                                                            .outputs = w.outputs,
                                                            .in = in.rows(),
                                                            .rows = rows,
                                                            .out = pointers.data(),
                                                            .first_strip = first * together,
                                                            .last_strip = std::min(last * together, w.strips())});
    };
    const std::size_t pairs = (w.strips() + together - 1) / together;
    if (cached)
      run(0, 0, pairs);
    else
      threads().share(pairs, run);
    benchmark::ClobberMemory();
  }
  const double weights = static_cast<double>(product_inputs * outputs);
  const auto& traits = gguf::traits_of(type);
  const double bytes = weights / static_cast<double>(traits.block_values) * static_cast<double>(traits.block_bytes);
  const roofs::rates& roof = roofs::of(threads().size());
  const double adds = kind == activation_kind::f32 ? roof.multiply_adds : roof.dot_products;
  report(state, cached ? 0 : bytes, weights * static_cast<double>(rows), cached ? adds / threads().size() : adds);
}

// --- attention of a chain of rows: all layers of a model, so that the cache is read as in a pass ---

struct attention_shape {
  const char* name;
  std::size_t heads_of_cache;  // layers * key-value heads
  std::size_t group;           // query heads for each
  std::size_t head_dim;
};
constexpr attention_shape attention_shapes[] = {
    {"smollm2-135m", 30 * 3, 3, 64}, {"qwen2.5-1.5b", 28 * 2, 6, 128}, {"gemma3-270m", 18, 4, 256}};

void attention_of(benchmark::State& state, const attention_shape& shape) {
  const auto depth = static_cast<std::size_t>(state.range(0));
  const auto rows = static_cast<std::size_t>(state.range(1));
  const std::size_t slots = (depth + rows + key_block - 1) / key_block * key_block;
  const std::size_t store = slots * shape.head_dim;
  std::vector<std::uint16_t> k(shape.heads_of_cache * store), v(k.size());
  const auto values = some_floats(store);
  for (std::size_t h = 0; h < shape.heads_of_cache; ++h) {
    kernels().store_value(values.data(), store, k.data() + h * store);
    kernels().store_value(values.data(), store, v.data() + h * store);
  }
  const std::size_t width = shape.group * shape.head_dim;
  const auto q = some_floats(rows * width, 4);
  std::vector<float> out(shape.heads_of_cache * rows * width);
  const std::size_t scratch_size = attention_scratch(shape.head_dim, slots) + 16;
  std::vector<float> scratch(threads().size() * scratch_size);
  const std::size_t together = std::max<std::size_t>(1, most_queries / shape.group);
  const std::size_t tiles = (rows + together - 1) / together;
  for (auto _ : state) {
    // A pass attends layer by layer; here all heads of the cache are one list, which leaves out the waits between.
    threads().share(shape.heads_of_cache * tiles, [&](unsigned worker, std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        const std::size_t h = i / tiles;
        attention_row some[most_queries];
        std::size_t count = 0;
        for (std::size_t r = i % tiles * together; r < std::min(rows, (i % tiles + 1) * together); ++r)
          some[count++] = {.q = q.data() + r * width,
                           .out = out.data() + (h * rows + r) * width,
                           .tail = nullptr,
                           .first = 0,
                           .count = depth + r + 1,
                           .run = depth + r + 1};
        kernels().attend({.k = k.data() + h * store,
                          .v = v.data() + h * store,
                          .rows = some,
                          .row_count = count,
                          .heads = shape.group,
                          .head_dim = shape.head_dim,
                          .scale = 0.125F,
                          .scratch = scratch.data() + worker * scratch_size});
      }
    });
    benchmark::ClobberMemory();
  }
  const double keys = static_cast<double>(depth) + static_cast<double>(rows + 1) / 2;
  const double values_read = static_cast<double>(shape.heads_of_cache * shape.head_dim) * keys * 2;
  report(state, values_read * 2, values_read * static_cast<double>(rows * shape.group),
         roofs::of(threads().size()).multiply_adds);
}

// --- rows, on one thread and in its caches: bytes of the input and output ---

template <class F>
void row_of(benchmark::State& state, double bytes, F&& f) {
  for (auto _ : state) {
    f();
    benchmark::ClobberMemory();
  }
  state.counters["GB/s"] =
      benchmark::Counter(bytes * static_cast<double>(state.iterations()) / 1e9, benchmark::Counter::kIsRate);
}

void add_rows() {
  for (const std::size_t n : {1536u, 8960u}) {
    static std::vector<std::vector<float>> keep;
    for (int i = 0; i < 3; ++i) keep.push_back(some_floats(n));
    float* x = keep[keep.size() - 3].data();
    float* w = keep[keep.size() - 2].data();
    float* y = keep.back().data();
    const auto name = [&](const char* what) { return std::string("kernel/row/") + what + "/" + std::to_string(n); };
    const double floats = 4.0 * static_cast<double>(n);
    const auto add = [&](const char* what, double bytes, auto f) {
      benchmark::RegisterBenchmark(name(what).c_str(), [=](benchmark::State& s) { row_of(s, bytes, f); });
    };
    add("rms_norm", 3 * floats, [=] { kernels().rms_norm(x, w, n, 1e-5F, y); });
    add("silu_gate", 3 * floats, [=] { kernels().silu_gate(y, w, n); });
    add("gelu_gate", 3 * floats, [=] { kernels().gelu_gate(y, w, n); });
    add("add", 3 * floats, [=] { kernels().add(y, x, n); });
    for (const bool small : {true, false}) {
      const auto to = std::make_shared<activations>(activation_kind::f32, 1, n);
      add(small ? "quantise_32" : "quantise_256", 1.25 * floats,
          [=] { (small ? kernels().quantise_32 : kernels().quantise_256)(x, n, to->row(0, small ? 32 : 256)); });
    }
  }
}

void add_all() {
  using gguf::tensor_type;
  for (const auto type : {tensor_type::f16, tensor_type::bf16, tensor_type::q4_0, tensor_type::q4_1, tensor_type::q5_0,
                          tensor_type::q8_0, tensor_type::q4_k, tensor_type::q5_k, tensor_type::q6_k}) {
    for (const bool cached : {false, true})
      benchmark::RegisterBenchmark(
          ((cached ? "kernel/cached/" : "kernel/product/") + std::string(gguf::traits_of(type).name)).c_str(),
          [type, cached](benchmark::State& s) { product_of(s, type, cached); })
          ->ArgName("rows")
          ->Arg(1)
          ->Arg(4)
          ->Arg(16)
          ->Arg(64)
          ->UseRealTime();
  }
  for (const auto& shape : attention_shapes)
    benchmark::RegisterBenchmark((std::string("kernel/attention/") + shape.name).c_str(),
                                 [&shape](benchmark::State& s) { attention_of(s, shape); })
        ->ArgNames({"depth", "rows"})
        ->ArgsProduct({{128, 1024}, {1, 4, 16, 64}})
        ->UseRealTime();
  add_rows();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  constexpr std::string_view option = "--kernels=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(option)) {
    if (!choose(argv[1] + option.size())) {
      std::cerr << argv[1] << ": not on this machine\n";
      return 1;
    }
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const roofs::rates& roof = roofs::of(threads().size());
  const auto text = [](double rate) { return std::to_string(static_cast<long>(rate / 1e9)); };
  benchmark::AddCustomContext("kernels", kernels().name);
  benchmark::AddCustomContext("threads", std::to_string(threads().size()));
  benchmark::AddCustomContext("roof: GB/s read", text(roof.read_bytes));
  benchmark::AddCustomContext("roof: GMAC/s of floats", text(roof.multiply_adds));
  benchmark::AddCustomContext("roof: GMAC/s of bytes", text(roof.dot_products));
  add_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
