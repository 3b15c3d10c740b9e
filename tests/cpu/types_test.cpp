// Every tensor type against llama.cpp: its blocks, the numbers it reads from them, and the logits of a small model that
// its quantiser made (tests/golden/types.json).
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dequantised.hpp"
#include "packed.hpp"
#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;
using nlohmann::json;

namespace {

constexpr std::size_t unit_values = 256;

const json& golden() {
  static const json g = [] {
    std::ifstream in{std::string(HUNCH_TEST_DATA) + "/golden/types.json"};
    REQUIRE(in.good());
    return json::parse(in);
  }();
  return g;
}

bytes from_hex(const std::string& hex) {
  bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

std::vector<float> floats_of(const bytes& data) {
  std::vector<float> out(data.size() / 4);
  std::memcpy(out.data(), data.data(), data.size());
  return out;
}

gguf::tensor_type type_of(const json& t) { return static_cast<gguf::tensor_type>(t["number"].get<std::uint32_t>()); }

// A golden type's units as the model of make_types.py: the runs of 256 values of matrix i are drawn with seed i.
tiny_model model_of(const json& t) {
  const json& s = golden()["shape"];
  tiny_shape shape;
  shape.type = type_of(t);
  shape.layers = s["layers"];
  shape.width = s["width"];
  shape.ff = s["ff"];
  shape.heads = s["heads"];
  shape.kv_heads = s["kv_heads"];
  shape.head_dim = s["head_dim"];
  shape.vocab = s["vocab"];
  shape.context = s["context"];
  shape.own_head = true;
  tiny_model m{shape};

  std::vector<bytes> units;
  for (const auto& u : t["units"]) units.push_back(from_hex(u));
  std::vector<std::string> names{"token_embd", "output"};
  for (std::size_t i = 0; i < shape.layers; ++i)
    for (const char* n : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      names.push_back("blk." + std::to_string(i) + "." + n);
  for (std::size_t seed = 0; seed < names.size(); ++seed) {
    noise from{seed};
    auto& data = m.tensors.at(names[seed] + ".weight").data;
    const std::size_t size = data.size();
    data.clear();
    while (data.size() < size) {
      const bytes& u = units[from.below(units.size())];
      data.insert(data.end(), u.begin(), u.end());
    }
    REQUIRE(data.size() == size);
  }
  std::vector<float> norm(shape.width);
  for (std::size_t i = 0; i < norm.size(); ++i) norm[i] = 1 + (static_cast<float>(i % 7) - 3) / 16;
  for (auto& [name, e] : m.tensors)
    if (e.shape.size() == 1) e.data = bytes_of(std::span<const float>(norm));
  return m;
}

double root_mean_square(std::span<const float> v) {
  double squares = 0;
  for (const float x : v) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(squares / static_cast<double>(v.size()));
}

// Root mean square of the difference over that of the reference, all rows together.
double distance(const std::vector<row>& got, const json& expected) {
  row difference;
  row reference;
  for (std::size_t r = 0; r < got.size(); ++r) {
    const auto e = expected[r].get<row>();
    REQUIRE(e.size() == got[r].size());
    for (std::size_t i = 0; i < e.size(); ++i) difference.push_back(got[r][i] - e[i]);
    reference.insert(reference.end(), e.begin(), e.end());
  }
  return root_mean_square(difference) / root_mean_square(reference);
}

}  // namespace

TEST_CASE("types: the goldens hold every type that matrices may have", "[types]") {
  std::vector<gguf::tensor_type> held;
  for (const auto& t : golden()["types"]) held.push_back(type_of(t));
  CHECK(held == std::vector<gguf::tensor_type>(std::begin(matrix_types), std::end(matrix_types)));
}

// Types with a minimum are two products and a sum, rounded here and there in another order.
TEST_CASE("types: rows of the embedding are the numbers that llama.cpp unpacks", "[types]") {
  for (const auto& t : golden()["types"]) {
    INFO(t["type"].get<std::string>());
    const bool has_minimum = t["type"] == "Q4_1" || t["type"] == "Q5_1" || t["type"] == "Q4_K" || t["type"] == "Q5_K";
    for (const auto& [unit, hex] : t["values"].get<std::vector<std::pair<std::size_t, std::string>>>()) {
      const bytes data = from_hex(t["units"][unit]);
      const auto expected = floats_of(from_hex(hex));
      gguf::tensor row;
      row.type = type_of(t);
      row.shape = {unit_values, 1};
      row.data = data;
      std::vector<float> got(unit_values);
      cpu::table_of(row).read(0, 1.0F, got.data());
      const auto exact = dequantised(row.type, data);
      const double slack = has_minimum ? 0x1p-22 * 3 * root_mean_square(expected) : 0.0;
      for (std::size_t i = 0; i < unit_values; ++i) {
        CAPTURE(unit, i);
        const auto e = static_cast<double>(expected[i]);
        CHECK(std::abs(static_cast<double>(got[i]) - e) <= slack);
        CHECK(std::abs(exact[i] - e) <= slack + 0x1p-24 * std::abs(e));
      }
    }
  }
}

// Held against llama.cpp's logits with the weights unpacked to float; its own kernels, which round activations and the
// cache as ours do but in other blocks, are as far from them. A wrong bit of the layout moves logits by a part of their
// size.
TEST_CASE("types: a model of llama.cpp's quantiser has llama.cpp's logits", "[types]") {
  const auto prompt = golden()["prompt"].get<std::vector<token>>();
  for (const auto& t : golden()["types"]) {
    tiny_model m = model_of(t);
    cpu::backend b{m.file(), {.threads = 1}};
    auto s = b.open();
    const auto all = copies(b.forward(s, chain_of(prompt, b.vocab_size()).view()));
    std::vector<row> rows;
    for (const std::size_t r : golden()["rows"]) rows.push_back(all[r]);
    const double ours = distance(rows, t["logits_float32"]);
    const double theirs = distance(t["logits"].get<std::vector<row>>(), t["logits_float32"]);
    std::cout << t["type"].get<std::string>() << ": off by " << ours << " (llama.cpp's kernels: " << theirs << ")\n";
    INFO(t["type"].get<std::string>());
    const bool floats = gguf::traits_of(type_of(t)).block_values == 1;
    CHECK(ours < 1.5 * theirs);
    CHECK(distance(rows, t["logits"]) < (floats ? 0.002 : 0.012));
  }
}
