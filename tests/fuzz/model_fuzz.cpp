// A model whose keys, shapes and bytes are wrong, loaded and run.
//
// Damaging the bytes of a file gets no further than the reader (gguf_fuzz.cpp does that). Here an input is a list of
// edits of a tiny model that is in order, so that most inputs reach the checks of the configuration, of the weights
// and of the sequence, and the kernels run over any bits.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <vector>

#include <hunch/cpu/backend.hpp>

#include "cpu/tiny_model.hpp"
#include "fuzz.hpp"

using namespace hunch;
using gguf::tensor_type;

namespace {

constexpr tensor_type types[] = {tensor_type::f32,  tensor_type::q8_0, tensor_type::q4_1, tensor_type::q5_0,
                                 tensor_type::q4_k, tensor_type::q6_k, tensor_type::f16,  tensor_type::bf16,
                                 tensor_type::q4_0, tensor_type::q5_1, tensor_type::q5_k, tensor_type::q2_k};
constexpr const char* architectures[] = {"llama", "qwen2", "gemma3"};

struct value {
  enum class kind { u32, u64, f32, text } what;
  std::uint64_t bits;  // of a number
  std::string text;
};
using key_map = std::map<std::string, value>;
using tensor_map = std::map<std::string, test::tiny_model::entry>;

// As small as the kernels allow, so that thousands of models are loaded in a minute.
test::tiny_shape shape_of(std::size_t arch, tensor_type type) {
  test::tiny_shape s;
  s.arch = architectures[arch];
  s.type = type;
  const std::size_t block = gguf::traits_of(type).block_values;
  s.layers = block == 256 ? 1 : 2;
  s.width = std::max<std::size_t>(block, 32);
  s.ff = 32;
  s.heads = 2;
  s.kv_heads = 1;
  s.head_dim = 16;
  s.vocab = 19;
  s.context = 24;
  s.window = 3;
  s.pattern = 2;
  s.own_head = arch == 1;
  return s;
}

// A model in order. Matrices whose rows are shorter than a block are F32.
test::tiny_model base_model(const test::tiny_shape& s) {
  test::tiny_model m{s};
  for (auto& [name, t] : m.tensors) {
    const auto block = gguf::traits_of(t.type).block_values;
    if (t.shape.size() != 2 || t.shape[0] % block == 0) continue;
    t.type = tensor_type::f32;
    test::noise from{1};
    t.data =
        test::random_weights(from, t.type, static_cast<std::size_t>(t.shape[0]), static_cast<std::size_t>(t.shape[1]));
  }
  return m;
}

key_map keys_of(const test::tiny_shape& s) {
  const auto count = [](std::size_t n) { return value{value::kind::u32, n, {}}; };
  const auto real = [](float f) { return value{value::kind::f32, std::bit_cast<std::uint32_t>(f), {}}; };
  key_map out{{"block_count", count(s.layers)},
              {"embedding_length", count(s.width)},
              {"feed_forward_length", count(s.ff)},
              {"attention.head_count", count(s.heads)},
              {"attention.head_count_kv", count(s.kv_heads)},
              {"attention.key_length", count(s.head_dim)},
              {"attention.value_length", count(s.head_dim)},
              {"context_length", count(s.context)},
              {"attention.layer_norm_rms_epsilon", real(1e-5F)},
              {"rope.freq_base", real(1e4F)}};
  if (s.arch == "gemma3")
    out.insert({{"attention.sliding_window", count(s.window)},
                {"attention.sliding_window_pattern", count(s.pattern)},
                {"rope.freq_base_swa", real(1e2F)}});
  return out;
}

// Keys that a file of this kind may have and the tiny models have not.
constexpr const char* more_keys[] = {"rope.dimension_count",     "rope.scaling.type",
                                     "rope.scale_linear",        "expert_count",
                                     "attn_logit_softcapping",   "final_logit_softcapping",
                                     "attention.sliding_window", "attention.sliding_window_pattern"};

// Numbers at which something happens, or any number.
std::uint64_t a_number(fuzz::byte_source& in) {
  switch (in.below(8)) {
    case 0:
      return in.number<std::uint64_t>();
    case 1:
      return in.number<std::uint32_t>();
    case 2:
      return std::uint64_t{1} << in.below(64);
    case 3:
      return (std::uint64_t{1} << in.below(64)) - 1;
    default:
      return in.byte();
  }
}

value a_value(fuzz::byte_source& in) {
  const auto what = static_cast<value::kind>(in.below(4));
  if (what == value::kind::text) return {what, 0, std::string(in.text(in.below(12)))};
  return {what, a_number(in), {}};
}

template <class Map>
typename Map::iterator pick(fuzz::byte_source& in, Map& from) {
  return std::next(from.begin(), static_cast<std::ptrdiff_t>(in.byte() % from.size()));
}

void resize(test::tiny_model::entry& t) {  // bytes that fit the shape, so that the reader lets it pass
  const auto& traits = gguf::traits_of(t.type);
  std::uint64_t values = 1;
  for (const auto d : t.shape) values *= std::min<std::uint64_t>(d, 4096);
  if (values > 65536) return;
  t.data.resize(static_cast<std::size_t>(values / traits.block_values * traits.block_bytes));
}

void edit(fuzz::byte_source& in, key_map& keys, tensor_map& tensors) {
  const auto what = in.below(8);
  if (what == 0 && !keys.empty()) pick(in, keys)->second = a_value(in);
  if (what == 1 && !keys.empty()) keys.erase(pick(in, keys));
  if (what == 2) keys[more_keys[in.below(std::size(more_keys))]] = a_value(in);
  if (tensors.empty()) return;
  auto& t = pick(in, tensors)->second;
  if (what == 3) t.type = types[in.below(std::size(types))];
  if (what == 4 && !t.shape.empty()) t.shape[in.below(t.shape.size())] = a_number(in);
  if (what == 3 || what == 4) resize(t);
  if (what == 5) tensors.erase(pick(in, tensors));
  if (what == 6) t.shape.resize(in.below(5), 1);
  if (what == 7) {  // weights: scales of infinity, NaN, and whatever else fits
    const std::size_t at = in.number<std::uint16_t>();
    for (const char c : in.text(in.below(9)))
      if (!t.data.empty()) t.data[(at + static_cast<unsigned char>(c)) % t.data.size()] = static_cast<std::byte>(c);
  }
}

test::bytes build(const std::string& arch, const key_map& keys, const tensor_map& tensors) {
  test::gguf_writer w;
  w.key("general.architecture", arch);
  for (const auto& [name, v] : keys) {
    const auto full = arch + "." + name;
    if (v.what == value::kind::u32) w.key(full, static_cast<std::uint32_t>(v.bits));
    if (v.what == value::kind::u64) w.key(full, v.bits);
    if (v.what == value::kind::f32) w.key(full, std::bit_cast<float>(static_cast<std::uint32_t>(v.bits)));
    if (v.what == value::kind::text) w.key(full, v.text);
  }
  for (const auto& [name, t] : tensors) w.tensor(name, t.type, t.shape, t.data);
  return w.build();
}

struct plan {
  std::size_t context;
  bool compare;  // with the scalar kernels, which are slow
  std::vector<token> prompt;
  std::vector<token> tokens;
  std::vector<node_id> parents;
  std::vector<std::uint32_t> depths;
};

plan a_plan(fuzz::byte_source& in) {
  plan p{};
  p.context = in.below(4) == 0 ? static_cast<std::size_t>(a_number(in)) : 0;
  p.compare = in.below(4) == 0;
  for (std::size_t n = in.below(4); n > 0; --n) p.prompt.push_back(static_cast<token>(in.below(20)));
  const std::size_t nodes = 1 + in.below(5);
  for (std::size_t i = 0; i < nodes; ++i) {
    p.tokens.push_back(static_cast<token>(in.below(19)));
    p.parents.push_back(i == 0 ? no_node : static_cast<node_id>(in.below(i)));
    p.depths.push_back(i == 0 ? 0 : p.depths[p.parents.back()] + 1);
  }
  return p;
}

// Logits of a tree after a prompt, then a commit, a rewind and another pass.
std::vector<float> run(const gguf::file& f, const plan& p, cpu::isa kernels) {
  std::vector<float> out;
  fuzz::accepted([&] {
    cpu::backend b{f, {.threads = 1, .context = p.context, .kernels = kernels}};
    auto s = b.open();
    b.prefill(s, p.prompt);
    const auto pass = [&] {
      const auto rows = b.forward(s, tree_view{p.tokens, p.parents, p.depths, 0});
      fuzz::check(rows.size() == p.tokens.size(), "a row for each node");
      for (std::size_t i = 0; i < rows.size(); ++i) {
        fuzz::check(rows[i].size() == b.vocab_size(), "a row holds the vocabulary");
        out.insert(out.end(), rows[i].begin(), rows[i].end());
      }
    };
    pass();
    const std::vector<node_id> path{0};
    b.commit(s, path);
    b.rewind(s, p.prompt.size());
    auto copy = b.fork(s);
    pass();
    b.commit(s, {});
    fuzz::check(s.kept() == p.prompt.size() && copy.kept() == s.kept(), "a rewound sequence holds the prompt");
    const std::size_t half = out.size() / 2;
    fuzz::check(std::memcmp(out.data(), out.data() + half, half * sizeof(float)) == 0,
                "a pass after a rewind gives the same bits");
  });
  return out;
}

bool all_finite(const std::vector<float>& v) {
  return std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::byte_source in{data, size};
  const auto arch = in.below(std::size(architectures));
  const auto type = in.below(std::size(types));
  static std::map<std::size_t, test::tiny_model> made;
  const auto shape = shape_of(arch, types[type]);
  const auto found = made.find(arch * std::size(types) + type);
  const auto& base = found != made.end()
                         ? found->second
                         : made.emplace(arch * std::size(types) + type, base_model(shape)).first->second;
  const auto p = a_plan(in);
  auto keys = keys_of(shape);
  auto tensors = base.tensors;
  for (int edits = 0; !in.empty() && edits < 16; ++edits) edit(in, keys, tensors);
  const auto bytes = build(shape.arch, keys, tensors);
  const fuzz::exact_copy copy{bytes};
  fuzz::accepted([&] {
    const auto f = gguf::file::from_bytes(copy.bytes(), "fuzz");
    const auto best = run(f, p, cpu::isa::best);
    if (!p.compare) return;
    const auto scalar = run(f, p, cpu::isa::scalar);
    fuzz::check(scalar.size() == best.size(), "kernels agree on what can be run");
    // Bits of weights that are no numbers may be whatever they like, as long as nothing else happens.
    if (all_finite(scalar) && !scalar.empty())
      fuzz::check(std::memcmp(scalar.data(), best.data(), scalar.size() * sizeof(float)) == 0,
                  "all kernels give the same bits");
  });
  return 0;
}
