// How near do matrix products come to the bandwidth of memory? Shapes of Qwen2.5-Coder-1.5B, random codes.
//
// Each shape is measured over copies of the matrix that together exceed the L2 cache several times, one after another
// in a stream; the roof is a device-to-device copy of 1 GiB (its bytes read and written). Prints JSON.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "kernels/products.hpp"
#include "launch.hpp"

using namespace hunch::cuda;

namespace {

constexpr int repetitions = 11;

struct spread {
  double median, low, high;
};
spread of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return {x[x.size() / 2], x.front(), x.back()};
}

template <class F>
spread seconds(stream& s, F&& work) {
  fence start, end;
  std::vector<double> all;
  work();
  for (int i = 0; i < repetitions; ++i) {
    start.put(s);
    work();
    end.put(s);
    end.wait();
    all.push_back(static_cast<double>(end.seconds_since(start)));
  }
  return of(all);
}

// Codes of any bits are codes; scales are made small half-precision numbers.
template <int = 0>
__global__ void fill(std::uint8_t* p, std::size_t bytes, std::uint32_t seed) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < bytes;
       i += std::size_t{gridDim.x} * blockDim.x)
    p[i] = static_cast<std::uint8_t>(((i + seed) * 2654435761u) >> 13);
}

struct shape {
  const char* name;
  format kind;
  unsigned inputs, outputs;
};

template <unsigned Tiles>
void measure(stream& s, const shape& what, unsigned rows, double roof, bool last) {
  matrix_view m{.kind = what.kind, .inputs = what.inputs, .outputs = what.outputs};
  const plane_sizes sizes = planes_of(m);
  const unsigned copies = static_cast<unsigned>(std::max<std::size_t>(1, (std::size_t{512} << 20) / sizes.all()));
  device_array<std::uint8_t> memory{sizes.all() * copies};
  launch(s, fill<>, {1024}, 256, memory.data(), memory.size(), 1u);
  device_array<std::int8_t> q{std::size_t{max_rows} * what.inputs};
  device_array<float> scale{q.size() / 32}, scaled_sum{q.size() / 32};
  device_array<std::int16_t> sums{q.size() / 32};
  s.zero(scale.data(), scale.size() * sizeof(float));
  s.zero(scaled_sum.data(), scaled_sum.size() * sizeof(float));
  s.zero(sums.data(), sums.size() * sizeof(std::int16_t));
  launch(s, fill<>, {64}, 256, reinterpret_cast<std::uint8_t*>(q.data()), q.size(), 7u);
  device_array<float> out{std::size_t{max_rows} * what.outputs};
  device_array<pass_block> pass{1};
  const std::uint32_t row_count = rows;
  s.to_device(pass.data(), &row_count, sizeof row_count);
  const quantised_view view{q.data(), scale.data(), scaled_sum.data(), sums.data()};
  const spread t = seconds(s, [&] {
    for (unsigned c = 0; c < copies; ++c) {
      matrix_view here = m;
      here.codes = memory.data() + sizes.all() * c;
      here.extra = here.codes + plane_sizes::aligned(sizes.codes);
      here.scales = here.extra + plane_sizes::aligned(sizes.extra);
      product_list work;
      work.of[work.count++] = {here, nullptr, out.data(), what.outputs};
      const unsigned blocks = (m.tiles() + block_tiles<Tiles> - 1) / block_tiles<Tiles>;
      launch(s, multiply<Tiles>, {blocks}, block_threads<Tiles>, work, view, view, pass.data());
    }
  });
  const double bytes = static_cast<double>(sizes.codes + sizes.extra + sizes.scales) * copies;
  std::printf(
      "    {\"matrix\": \"%s\", \"inputs\": %u, \"outputs\": %u, \"rows\": %u, \"microseconds\": %.3f, "
      "\"low\": %.3f, \"high\": %.3f, \"bytes_per_s\": %.4g, \"of_copy\": %.3f}%s\n",
      what.name, what.inputs, what.outputs, rows, t.median / copies * 1e6, t.low / copies * 1e6, t.high / copies * 1e6,
      bytes / t.median, bytes / t.median / roof, last ? "" : ",");
}

}  // namespace

int main() try {
  const device_facts device = use_device(0);
  stream s;
  constexpr std::size_t bytes = std::size_t{1} << 30;
  device_array<std::uint8_t> a{bytes}, b{bytes};
  s.zero(a.data(), bytes);
  const double roof = 2.0 * bytes / seconds(s, [&] { s.on_device(b.data(), a.data(), bytes); }).median;
  std::printf(
      "{\n  \"device\": \"%s\", \"compute_capability\": \"%d.%d\", \"copy_bytes_per_s\": %.4g,\n  \"products\": [\n",
      device.name.c_str(), device.major, device.minor, roof);
  constexpr shape shapes[] = {{"qkv q4_k", format::q4_k, 1536, 2048},      {"output q4_k", format::q4_k, 1536, 1536},
                              {"gate+up q4_k", format::q4_k, 1536, 17920}, {"down q6_k", format::q6_k, 8960, 1536},
                              {"down q4_k", format::q4_k, 8960, 1536},     {"head q6_k", format::q6_k, 1536, 151936},
                              {"gate+up q8_0", format::q8_0, 1536, 17920}, {"gate+up q4_1", format::q4_1, 1536, 17920}};
  for (const shape& each : shapes) {
    measure<1>(s, each, 1, roof, false);
    measure<1>(s, each, 8, roof, false);
    measure<2>(s, each, 16, roof, false);
    measure<4>(s, each, 32, roof, false);
    measure<8>(s, each, 64, roof, &each == &shapes[7]);
  }
  std::printf("  ]\n}\n");
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
