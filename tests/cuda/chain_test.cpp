// Chains that the device draws in one go: what token by token leaves. Built twice, as backend_test.cpp.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <hunch/cuda/backend.hpp>

#include "cpu/passes.hpp"
#include "device.hpp"
#include "small_shape.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;
using by = chain_draws::by;

static_assert(ChainBackend<cuda::backend> && !ChainBackend<cpu::backend>);

namespace {

bool ends(const chain_draws& how, token x) {
  return x == no_token || std::ranges::find(how.end_of_text, x) != how.end_of_text.end();
}

/// The words of ChainBackend.
std::vector<far_draw> token_by_token(cuda::backend& b, cuda::sequence& s, token root, const chain_draws& how) {
  draft_tree tree{b.vocab_size()};
  tree.reset(root);
  std::vector<far_draw> out;
  while (out.size() < how.most && (out.empty() || !ends(how, out.back().drawn))) {
    const auto row = b.forward(s, tree.view(out.size()))[0];
    far_draw x;
    if (how.what == by::argmax) x.drawn = row.argmax();
    if (how.what == by::at_position) x.drawn = row.at_position(how.position + out.size(), how.seed, how.temperature);
    if (how.what == by::draw) x = row.draw(how.uniform[out.size()], how.temperature);
    if (x.drawn != no_token) tree.add(static_cast<node_id>(out.size()), x.drawn);
    out.push_back(x);
  }
  return out;
}

row law_at(const far_law& law, std::size_t vocab) {
  row out(law.copy == nullptr ? 0 : vocab);
  if (law.copy != nullptr) law.copy(law.at, out);
  return out;
}

/// The tree of the root and a chain.
draft_tree tree_of(token root, const std::vector<far_draw>& chain, std::size_t vocab) {
  draft_tree tree{vocab};
  tree.reset(root);
  for (const far_draw& x : chain)
    if (x.drawn != no_token) tree.add(static_cast<node_id>(tree.size() - 1), x.drawn);
  return tree;
}

/// Two sequences of one text: one that is drafted token by token, one by chains.
struct pair {
  cuda::backend& b;
  cuda::sequence single = b.open();
  cuda::sequence whole = b.open();

  void prefill(std::span<const token> text) {
    b.prefill(single, text);
    b.prefill(whole, text);
  }
  /// Drafts both ways. What is drawn, where it is left and what a pass behind it says are the same.
  std::vector<far_draw> draft(token root, const chain_draws& how) {
    const std::vector<far_draw> want = token_by_token(b, single, root, how);
    std::vector<far_draw> got;
    b.draw_chain(whole, root, how, got);
    REQUIRE(got.size() == want.size());
    CHECK(whole.pending() == single.pending());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].drawn == want[i].drawn);
      CHECK(got[i].probability == want[i].probability);
      const row law = law_at(want[i].law, b.vocab_size());
      CHECK(law.empty() == (how.what != by::draw));
      if (got[i].drawn != no_token) CHECK(same_bits(law_at(got[i].law, b.vocab_size()), law));
      CHECK(same_bits(b.hidden(whole, static_cast<node_id>(i)), b.hidden(single, static_cast<node_id>(i))));
    }
    if (got.back().drawn != no_token) {
      draft_tree tree = tree_of(root, got, b.vocab_size());
      const auto parent = static_cast<node_id>(tree.size() / 2);
      const node_id child = tree.first_child(parent);
      tree.add(parent, child == no_node ? 1 : (tree[child] + 1) % static_cast<token>(b.vocab_size()));
      if (b.room(whole) >= tree.size() - got.size()) same_rows(tree.view(got.size()));
    }
    return got;
  }
  void same_rows(tree_view tree) { CHECK(same_bits(copies(b.forward(whole, tree)), copies(b.forward(single, tree)))); }
  void commit(std::span<const node_id> path) {
    b.commit(single, path);
    b.commit(whole, path);
  }
  void rewind(std::size_t n) {
    b.rewind(single, n);
    b.rewind(whole, n);
  }
};

/// Draws that differ from round to round.
struct draws {
  std::vector<double> uniform;
  chain_draws operator()(by what, std::size_t most, std::uint64_t round) {
    noise from{round};
    uniform.clear();
    for (std::size_t i = 0; i < most; ++i) uniform.push_back(from.uniform(0.0F, 1.0F));
    return {.what = what,
            .temperature = round % 2 == 0 ? 0.7F : 1.0F,
            .position = 60 + 3 * round,
            .seed = round,
            .uniform = uniform,
            .most = most,
            .end_of_text = {}};
  }
};

constexpr by ways[] = {by::argmax, by::at_position, by::draw};

}  // namespace

TEST_CASE("cuda chains: tokens, laws, hidden states and caches are those of token by token", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  draws some;
  for (const char* arch : {"llama", "gemma3"}) {
    tiny_model m{small_shape(arch, tensor_type::q8_0)};
    for (const bool graphs : {true, false}) {
      if (!graphs && arch[0] == 'g') continue;
      cuda::backend b{m.file(), {.graphs = graphs}};
      for (const by what : ways) {
        pair both{b};
        both.prefill(random_tokens(58, 50, 1));               // the chains cross the end of a page and of a split
        for (std::uint64_t round = 0; round < 16; ++round) {  // each length twice: once recorded
          const std::size_t length = 1 + round % 8;
          if (!graphs && length % 4 != 3) continue;
          INFO(arch << ", graphs " << graphs << ", way " << static_cast<int>(what) << ", length " << length);
          both.draft(static_cast<token>(round), some(what, length, round));
          const std::vector<node_id> path = {0, 1, 2};
          both.commit(std::span<const node_id>{path}.first(std::min<std::size_t>(path.size(), round % 4)));
          if (round % 5 == 4) both.rewind(57);
        }
      }
    }
  }
}

TEST_CASE("cuda chains: nothing is drawn after a token that ends the text", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  draws some;
  tiny_model m{small_shape("qwen2", tensor_type::q8_0)};
  cuda::backend b{m.file()};
  for (const by what : ways) {
    pair both{b};
    both.prefill(random_tokens(5, 50, 1));
    chain_draws how = some(what, 6, 1);
    const auto chain = both.draft(7, how);
    REQUIRE(chain.size() == 6);
    for (const std::size_t last : {0u, 3u, 5u}) {
      both.commit({});
      const token ends[] = {1000, chain[last].drawn};
      how.end_of_text = ends;
      const auto cut = both.draft(7, how);
      CHECK(cut.size() <= last + 1);  // less where the token came before
      CHECK(cut.back().drawn == chain[last].drawn);
    }
  }
}

TEST_CASE("cuda chains: nothing is drawn from a row that is not usable, nor after it", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  draws some;
  tiny_model m{small_shape("qwen2", tensor_type::f32)};
  const std::vector<token> text = random_tokens(5, 50, 1);
  for (const by what : ways) {
    const chain_draws how = some(what, 6, 1);
    std::vector<far_draw> chain;
    {
      cuda::backend b{m.file()};
      auto s = b.open();
      b.prefill(s, text);
      b.draw_chain(s, 7, how, chain);
    }
    std::size_t at = 5;  // of a token that is not read before it is drawn
    const auto is_new = [&](std::size_t i) {
      const token x = chain[i].drawn;
      return x != 7 && std::ranges::find(text, x) == text.end() &&
             std::none_of(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(i),
                          [&](const far_draw& other) { return other.drawn == x; });
    };
    while (at-- > 0 && !is_new(at)) {
    }
    REQUIRE(at < 5);
    tiny_model broken = m;
    const float nan = std::numeric_limits<float>::quiet_NaN();  // in its embedding
    std::memcpy(broken.tensors.at("token_embd.weight").data.data() + static_cast<std::size_t>(chain[at].drawn) * 128,
                &nan, sizeof nan);
    cuda::backend b{broken.file()};
    pair both{b};
    both.prefill(text);
    const auto cut = both.draft(7, how);
    CHECK(cut.size() == at + 2);
    CHECK(cut.back().drawn == no_token);
    both.commit({});
    both.same_rows(chain_of(std::vector<token>{7, 7}, 50).view());
  }
}

TEST_CASE("cuda chains: a context is filled to its last slot, and longer chains are 64 at a time", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  draws some;
  tiny_model m{small_shape("llama", tensor_type::q4_0)};
  cuda::backend b{m.file(), {.context = 80}};
  pair both{b};
  both.prefill(random_tokens(75, 50, 1));
  both.draft(3, some(by::argmax, 5, 1));
  CHECK(b.room(both.whole) == 0);
  both.commit({});
  both.rewind(4);
  std::vector<far_draw> got;
  b.draw_chain(both.whole, 3, some(by::argmax, 70, 1), got);
  CHECK(got.size() == 64);
  CHECK(both.whole.pending() == 64);
}

TEST_CASE("cuda chains: what cannot be drawn is refused, and the sequence is as it was", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  draws some;
  tiny_model m{small_shape("llama", tensor_type::q4_0)};
  cuda::backend b{m.file(), {.context = 64}};
  pair both{b};
  both.prefill(random_tokens(60, 50, 1));
  std::vector<far_draw> got;
  CHECK_THROWS_WITH(b.draw_chain(both.whole, 50, some(by::argmax, 2, 1), got), Catch::Contains("outside the voc"));
  CHECK_THROWS_WITH(b.draw_chain(both.whole, -1, some(by::argmax, 2, 1), got), Catch::Contains("outside the voc"));
  CHECK_THROWS_WITH(b.draw_chain(both.whole, 3, some(by::argmax, 5, 1), got), Catch::Contains("room for 4 of 64"));
  CHECK(both.whole.pending() == 0);
  both.draft(3, some(by::draw, 2, 1));
  CHECK_THROWS_WITH(b.draw_chain(both.whole, 3, some(by::draw, 1, 1), got), Catch::Contains("commit before a chain"));
  CHECK(both.whole.pending() == both.single.pending());
}
