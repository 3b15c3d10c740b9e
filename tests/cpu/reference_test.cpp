// The whole graph against a plain transformer in double, written from the architectures' descriptions.
#include <cmath>
#include <string>
#include <vector>

#include "dequantised.hpp"
#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using doubles = std::vector<double>;

// The nearest half-precision number.
double to_half(double x) {
  if (x == 0) return 0;
  const int exponent = std::max(std::ilogb(x), -14);
  return std::ldexp(std::nearbyint(std::ldexp(x, 10 - exponent)), exponent - 10);
}

class plain_transformer {
 public:
  explicit plain_transformer(tiny_model& m) : m_{m}, s_{m.shape()} {}

  // Logits after the last of `text`.
  [[nodiscard]] doubles run(const std::vector<token>& text) {
    keys_.assign(s_.layers, {});
    values_.assign(s_.layers, {});
    doubles logits;
    for (std::size_t p = 0; p < text.size(); ++p) logits = step(static_cast<std::size_t>(text[p]), p);
    return logits;
  }

 private:
  [[nodiscard]] bool gemma() const { return s_.arch == "gemma3"; }
  [[nodiscard]] const float* tensor(const std::string& name) const {
    return reinterpret_cast<const float*>(m_.tensors.at(name).data.data());
  }

  [[nodiscard]] doubles times(const std::string& name, const doubles& x, std::size_t outputs) const {
    const float* w = tensor(name);
    doubles y(outputs, 0.0);
    for (std::size_t o = 0; o < outputs; ++o)
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += static_cast<double>(w[o * x.size() + i]) * x[i];
    return y;
  }
  void normalise(const std::string& name, double* x, std::size_t n) const {
    const float* w = tensor(name);
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += x[i] * x[i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (std::size_t i = 0; i < n; ++i) x[i] *= scale * static_cast<double>(w[i]);
  }
  void add_bias(const std::string& name, doubles& x) const {
    if (s_.arch != "qwen2") return;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += static_cast<double>(tensor(name)[i]);
  }
  void prepare_heads(const std::string& norm, doubles& x, std::size_t position, double base) const {
    const std::size_t n = s_.head_dim;
    for (std::size_t at = 0; at < x.size(); at += n) {
      if (gemma()) normalise(norm, x.data() + at, n);
      for (std::size_t i = 0; i < n / 2; ++i) {
        const std::size_t a = at + (s_.arch == "llama" ? 2 * i : i);
        const std::size_t b = s_.arch == "llama" ? a + 1 : a + n / 2;
        const double angle =
            static_cast<double>(position) * std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(n));
        const double xa = x[a];
        const double xb = x[b];
        x[a] = xa * std::cos(angle) - xb * std::sin(angle);
        x[b] = xa * std::sin(angle) + xb * std::cos(angle);
      }
    }
  }

  [[nodiscard]] doubles attention(std::size_t l, const std::string& p, const doubles& h, std::size_t position) {
    const bool sliding = gemma() && (l + 1) % s_.pattern != 0;
    const double base = sliding ? 1e2 : 1e4;
    doubles q = times(p + "attn_q.weight", h, s_.heads * s_.head_dim);
    doubles k = times(p + "attn_k.weight", h, s_.kv_heads * s_.head_dim);
    doubles v = times(p + "attn_v.weight", h, s_.kv_heads * s_.head_dim);
    add_bias(p + "attn_q.bias", q);
    add_bias(p + "attn_k.bias", k);
    add_bias(p + "attn_v.bias", v);
    prepare_heads(p + "attn_q_norm.weight", q, position, base);
    prepare_heads(p + "attn_k_norm.weight", k, position, base);
    for (auto& x : k) x = to_half(x);  // the cache holds halves
    for (auto& x : v) x = to_half(x);
    keys_[l].push_back(k);
    values_[l].push_back(v);
    const std::size_t first = sliding && position + 1 > s_.window ? position + 1 - s_.window : 0;
    doubles out(q.size(), 0.0);
    for (std::size_t head = 0; head < s_.heads; ++head) {
      const std::size_t kv = head / (s_.heads / s_.kv_heads) * s_.head_dim;
      doubles weight;
      double total = 0;
      for (std::size_t i = first; i <= position; ++i) {
        double dot = 0;
        for (std::size_t d = 0; d < s_.head_dim; ++d) dot += q[head * s_.head_dim + d] * keys_[l][i][kv + d];
        weight.push_back(std::exp(dot / std::sqrt(static_cast<double>(s_.head_dim))));
        total += weight.back();
      }
      for (std::size_t i = first; i <= position; ++i)
        for (std::size_t d = 0; d < s_.head_dim; ++d)
          out[head * s_.head_dim + d] += weight[i - first] / total * values_[l][i][kv + d];
    }
    return times(p + "attn_output.weight", out, s_.width);
  }

  [[nodiscard]] doubles feed_forward(const std::string& p, const doubles& h) const {
    doubles gate = times(p + "ffn_gate.weight", h, s_.ff);
    const doubles up = times(p + "ffn_up.weight", h, s_.ff);
    for (std::size_t i = 0; i < s_.ff; ++i) {
      const double g = gate[i];
      const double tanh = std::tanh(std::sqrt(2 / 3.14159265358979323846) * (g + 0.044715 * g * g * g));
      gate[i] = (gemma() ? 0.5 * g * (1 + tanh) : g / (1 + std::exp(-g))) * up[i];
    }
    return times(p + "ffn_down.weight", gate, s_.width);
  }

  [[nodiscard]] doubles step(std::size_t id, std::size_t position) {
    const float* row_of = tensor("token_embd.weight") + id * s_.width;
    doubles x(row_of, row_of + s_.width);
    if (gemma())
      for (auto& v : x) v *= std::sqrt(static_cast<double>(s_.width));
    for (std::size_t l = 0; l < s_.layers; ++l) {
      const std::string p = "blk." + std::to_string(l) + ".";
      doubles h = x;
      normalise(p + "attn_norm.weight", h.data(), s_.width);
      doubles a = attention(l, p, h, position);
      if (gemma()) normalise(p + "post_attention_norm.weight", a.data(), s_.width);
      for (std::size_t i = 0; i < s_.width; ++i) x[i] += a[i];
      h = x;
      normalise(p + "ffn_norm.weight", h.data(), s_.width);
      doubles f = feed_forward(p, h);
      if (gemma()) normalise(p + "post_ffw_norm.weight", f.data(), s_.width);
      for (std::size_t i = 0; i < s_.width; ++i) x[i] += f[i];
    }
    normalise("output_norm.weight", x.data(), s_.width);
    return times(s_.own_head ? "output.weight" : "token_embd.weight", x, s_.vocab);
  }

  tiny_model& m_;
  tiny_shape s_;
  std::vector<std::vector<doubles>> keys_, values_;  // [layer][position][kv_dim]
};

}  // namespace

TEST_CASE("cpu: float models of all architectures agree with a plain transformer in double, within 2e-5", "[cpu]") {
  for (const char* arch : {"llama", "qwen2", "gemma3"}) {
    INFO(arch);
    tiny_model m{shape_of(arch, gguf::tensor_type::f32)};
    cpu::backend b{m.file(), {.threads = 1}};
    const auto text = random_tokens(19, m.shape().vocab, 5);
    auto s = b.open();
    b.prefill(s, std::span(text).first(18));
    const std::vector<token> last{text[18]};
    const row got = copy(b.forward(s, chain_of(last, b.vocab_size()).view())[0]);
    const doubles expected = plain_transformer{m}.run(text);
    double magnitude = 0;
    for (const double v : expected) magnitude = std::max(magnitude, std::abs(v));
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(std::abs(static_cast<double>(got[i]) - expected[i]) <= 2e-5 * magnitude);
  }
}

TEST_CASE("cpu: the hidden state is what the output head reads", "[cpu]") {
  tiny_model m{shape_of("llama", gguf::tensor_type::f32)};
  cpu::backend b{m.file(), {.threads = 1}};
  const auto tree = random_tree(9, b.vocab_size(), 6);
  auto s = b.open();
  const auto rows = copies(b.forward(s, tree.view()));
  const auto* head = reinterpret_cast<const float*>(m.tensors.at("token_embd.weight").data.data());
  for (node_id n = 0; n < tree.size(); ++n) {
    const auto h = b.hidden(s, n);
    REQUIRE(h.size() == m.shape().width);
    for (std::size_t o = 0; o < b.vocab_size(); ++o) {
      double sum = 0;
      for (std::size_t i = 0; i < h.size(); ++i)
        sum += static_cast<double>(h[i]) * static_cast<double>(head[o * h.size() + i]);
      CHECK(static_cast<double>(rows[n][o]) == Approx(sum).margin(1e-4));
    }
  }
}

TEST_CASE("cpu: a head that is reordered in pieces has every output in its place", "[cpu]") {
  for (const auto type : {gguf::tensor_type::f32, gguf::tensor_type::q8_0}) {
    tiny_shape shape = shape_of("llama", type);
    shape.layers = 1;
    shape.vocab = type == gguf::tensor_type::f32 ? 40010 : 130010;  // 10 and 9 MB; pieces have 8
    tiny_model m{shape};
    cpu::backend b{m.file(), {.threads = 2}};
    auto s = b.open();
    const std::vector<token> one{3};
    const row logits = copy(b.forward(s, chain_of(one, b.vocab_size()).view())[0]);
    const auto h = b.hidden(s, 0);
    const auto weights = dequantised(type, m.tensors.at("token_embd.weight").data);
    double off = 0;
    for (std::size_t o = 0; o < shape.vocab; ++o) {
      double sum = 0;
      for (std::size_t i = 0; i < h.size(); ++i) sum += static_cast<double>(h[i]) * weights[o * h.size() + i];
      off = std::max(off, std::abs(static_cast<double>(logits[o]) - sum));
    }
    // Activations of q8_0 are bytes: half a step of 1/127 of the largest, over 64 products.
    CHECK(off < (type == gguf::tensor_type::f32 ? 1e-4 : 0.1));
  }
}
