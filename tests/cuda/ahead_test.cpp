// Passes that are queued behind a chain before its tokens are known: the rows, caches and texts of passes that come
// after. Built twice, as backend_test.cpp.
#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <hunch/any.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/adaptive_length.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/block.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "device.hpp"
#include "small_shape.hpp"
#include "told_first.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;
using by = chain_draws::by;

static_assert(ChainBackendFor<cuda::backend, cuda::backend>);
static_assert(!ChainBackendFor<cuda::backend, cpu::backend> && !ChainBackendFor<cpu::backend, cuda::backend>);

template <class W, class L>
using model_chain = with_length<model_drafter<cuda::backend, W>, L>;
static_assert(ChainDrafterFor<model_chain<greedy, fixed_length>, cuda::backend>);
static_assert(ChainDrafterFor<model_chain<temperature, plus_two_minus_one>, cuda::backend>);
static_assert(!ChainDrafterFor<model_chain<greedy, fixed_length>, cpu::backend>);
static_assert(!ChainDrafterFor<model_chain<top_k, fixed_length>, cuda::backend>);
static_assert(!ChainDrafterFor<model_chain<greedy, confidence_stop>, cuda::backend>);
static_assert(!ChainDrafterFor<any_drafter, cuda::backend>);

namespace {

/// The model of F32 matrices, but rows behind these tokens are not usable.
tiny_model without_tokens(tiny_model m, std::initializer_list<std::size_t> tokens) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto& table = m.tensors.at("token_embd.weight").data;
  for (const std::size_t x : tokens) std::memcpy(table.data() + x * table.size() / 50, &nan, sizeof nan);
  return m;
}

draft_tree tree_of(token root, const std::vector<far_draw>& chain, std::size_t nodes) {
  draft_tree tree{50};
  tree.reset(root);
  for (node_id n = 0; n + 1 < nodes; ++n) tree.add(n, chain[n].drawn);
  return tree;
}

/// A draft model's sequence, and two of the target that hold the same text: one whose passes run ahead where they can.
struct trio {
  cuda::backend& draft;
  cuda::backend& target;
  cuda::sequence drafting = draft.open();
  cuda::sequence ahead = target.open();
  cuda::sequence after = target.open();
  std::vector<double> uniform = std::vector<double>(8, 0.4);

  void prefill(std::span<const token> text) {
    draft.prefill(drafting, text);
    target.prefill(ahead, text);
    target.prefill(after, text);
  }
  std::vector<far_draw> draw(token root, by what, std::size_t most, std::uint64_t seed = 3) {
    std::vector<far_draw> chain;
    const std::size_t kept = ahead.kept(), pending = ahead.pending();
    draft.draw_chain(drafting, root,
                     {.what = what, .temperature = 0.8F, .position = 7, .seed = seed, .uniform = uniform, .most = most},
                     chain, target, ahead);
    CHECK(ahead.kept() == kept);
    CHECK(ahead.pending() == pending);
    return chain;
  }
  void same_pass(tree_view tree) {
    const auto got = target.forward(ahead, tree), want = target.forward(after, tree);
    REQUIRE(got.size() == want.size());
    CHECK(ahead.pending() == after.pending());
    // The device is asked once for all rows as long as the question is the same.
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].argmax() == want[i].argmax());
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(got[i].at_position(9 + tree.depths[tree.first + i], 5, 0.7F) ==
            want[i].at_position(9 + tree.depths[tree.first + i], 5, 0.7F));
    for (node_id n = static_cast<node_id>(tree.first); n < tree.size(); ++n)
      CHECK(same_bits(target.hidden(ahead, n), target.hidden(after, n)));
    CHECK(got[got.size() - 1].draw(0.3, 0.7F).drawn == want[want.size() - 1].draw(0.3, 0.7F).drawn);
    CHECK(same_bits(copies(got), copies(want)));
  }
  void commit(std::span<const node_id> path) {
    target.commit(ahead, path);
    target.commit(after, path);
  }
  void rewind(std::size_t n) {
    draft.rewind(drafting, n);
    target.rewind(ahead, n);
    target.rewind(after, n);
  }
};

}  // namespace

TEST_CASE("cuda passes ahead: rows, hidden states and caches are those of a pass that comes after", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  for (const char* arch : {"llama", "gemma3"}) {
    tiny_model m{small_shape(arch, tensor_type::q8_0)}, other{m.shape(), 2};
    for (const bool graphs : {true, false}) {
      if (!graphs && arch[0] == 'g') continue;
      cuda::backend target{m.file(), {.graphs = graphs}}, draft{other.file(), {.graphs = graphs}};
      for (cuda::backend* from : {&draft, &target}) {
        trio all{*from, target};
        all.prefill(random_tokens(58, 50, 1));  // the passes cross the end of a page and of a split
        for (std::uint64_t round = 0; round < (graphs ? 12u : 4u); ++round) {
          const std::size_t length = 1 + round % 6;
          INFO(arch << ", graphs " << graphs << ", length " << length);
          const auto root = static_cast<token>(round);
          const auto chain = all.draw(root, static_cast<by>(round % 3), length, round);
          const std::size_t nodes = round % 4 == 3 ? 1 + length / 2 : 1 + length;  // cut
          draft_tree tree = tree_of(root, chain, nodes);
          all.same_pass(tree.view());
          tree.add(0, (tree[tree.first_child(0) == no_node ? 0 : 1] + 1) % 50);
          all.same_pass(tree.view(nodes));
          const std::vector<node_id> path = {0, 1, 2};
          all.commit(std::span<const node_id>{path}.first(std::min(nodes, std::size_t{1 + round % 3})));
          from->commit(all.drafting, {});
          if (round % 5 == 4) all.rewind(57);
        }
      }
    }
  }
}

TEST_CASE("cuda passes ahead: what is asked for instead is run, whatever it is", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{small_shape("qwen2", tensor_type::q4_1)};
  cuda::backend b{m.file()};
  const std::vector<skip> mask = {skip::mlp, skip::none};
  const std::vector<token> more = {4, 9};
  for (int what = 0; what < 9; ++what) {
    trio all{b, b};
    all.prefill(random_tokens(9, 50, 1));
    const auto chain = all.draw(7, by::argmax, 4);
    INFO("case " << what);
    draft_tree tree = tree_of(7, chain, 5);
    if (what == 0) tree = tree_of(8, chain, 5);  // another root
    if (what == 1) tree.add(4, 1);               // longer
    if (what == 2) {                             // the same tokens, not in a row
      tree.reset(7);
      tree.add(0, chain[0].drawn);
      tree.add(0, chain[1].drawn == chain[0].drawn ? 49 : chain[1].drawn);
    }
    if (what == 3) {  // another text
      b.prefill(all.ahead, more);
      b.prefill(all.after, more);
    }
    if (what == 4) {  // another one of the same length
      for (cuda::sequence* s : {&all.ahead, &all.after}) {
        b.rewind(*s, 7);
        b.prefill(*s, more);
      }
    }
    if (what == 5) {
      CHECK(
          same_bits(copies(b.forward(all.ahead, tree.view(), mask)), copies(b.forward(all.after, tree.view(), mask))));
      all.commit({});
    }
    if (what == 6) {
      const batch_entry<cuda::sequence> both[] = {{&all.ahead, tree.view()}, {&all.after, tree.view()}};
      const auto rows = copies(b.forward(both));
      for (std::size_t i = 0; i < 5; ++i) CHECK(same_bits(rows[i], rows[5 + i]));
      all.commit({});
    }
    if (what == 7) {
      cuda::sequence copy = b.fork(all.ahead);
      CHECK(same_bits(copies(b.forward(copy, tree.view())), copies(b.forward(all.after, tree.view()))));
      b.commit(all.after, {});
    }
    if (what == 8) {  // drafts itself
      std::vector<far_draw> own;
      b.draw_chain(all.ahead, 7, {.most = 3}, own);
      for (std::size_t i = 0; i < 3; ++i) CHECK(own[i].drawn == chain[i].drawn);
      b.commit(all.ahead, {});
    }
    all.same_pass(tree.view());
    all.commit({});
    all.same_pass(tree.view());
  }
}

TEST_CASE("cuda passes ahead: where there can be none the chain is drawn all the same", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_shape larger = small_shape("qwen2", tensor_type::f32);
  larger.vocab = 70;
  tiny_model m{small_shape("qwen2", tensor_type::f32)}, wide{larger};
  cuda::backend b{m.file(), {.context = 80}}, words{wide.file()};
  const std::vector<token> text = random_tokens(10, 50, 1);
  std::vector<far_draw> want;
  {
    auto s = b.open();
    b.prefill(s, text);
    b.draw_chain(s, 7, {.most = 4}, want);
  }
  const auto same = [&](const std::vector<far_draw>& chain) {
    REQUIRE(chain.size() >= want.size());
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(chain[i].drawn == want[i].drawn);
  };
  SECTION("nodes are pending, and stay so") {
    trio all{b, b};
    all.prefill(text);
    draft_tree tree = tree_of(3, want, 3);
    all.same_pass(tree.view());
    same(all.draw(7, by::argmax, 4));
    tree.add(1, 2);
    all.same_pass(tree.view(3));
  }
  SECTION("no room") {
    trio all{b, b};
    all.prefill(text);
    b.prefill(all.ahead, random_tokens(66, 50, 2));  // room for four of five
    same(all.draw(7, by::argmax, 4));
    b.rewind(all.ahead, 10);
    all.same_pass(tree_of(7, want, 5).view());
  }
  SECTION("as long as one chain, so more rows than one run of the graph takes") {
    trio all{b, b};
    all.prefill(text);
    const auto chain = all.draw(7, by::argmax, 64);
    REQUIRE(chain.size() == 64);
    all.same_pass(tree_of(7, chain, 65).view());
  }
  SECTION("behind a row that is not usable, and tokens that are none") {
    token root = 0;  // of a first draft that the text does not have
    for (;; ++root) {
      auto s = b.open();
      b.prefill(s, text);
      b.draw_chain(s, root, {.most = 1}, want);
      if (want[0].drawn != root && std::ranges::find(text, want[0].drawn) == text.end()) break;
    }
    cuda::backend half{without_tokens(m, {static_cast<std::size_t>(want[0].drawn)}).file()};
    trio all{half, b};
    all.prefill(text);
    const auto chain = all.draw(root, by::argmax, 4);
    REQUIRE(chain.size() == 2);
    CHECK(chain[1].drawn == no_token);
    CHECK_THROWS_WITH(b.forward(all.ahead, tree_of(root, chain, 3).view()), Catch::Contains("outside the voc"));
    all.same_pass(tree_of(root, chain, 2).view());
  }
  SECTION("other words") {
    std::vector<far_draw> chain;
    auto s = b.open(), t = words.open();
    b.prefill(s, text);
    b.draw_chain(s, 7, {.most = 4}, chain, words, t);
    same(chain);
    CHECK(t.pending() == 0);
  }
}

namespace {

/// All that a step shows.
struct watched {
  std::vector<row>* seen;
  void on_round(const judged_round& r) {
    REQUIRE(r.rows.size() == r.tree.size());
    for (std::size_t i = 0; i < r.rows.size(); ++i) {
      seen->emplace_back(r.rows[i].begin(), r.rows[i].end());
      const auto q = r.tree.q(static_cast<node_id>(i));
      seen->emplace_back(q.begin(), q.end());
    }
    seen->emplace_back(r.verdict.path.begin(), r.verdict.path.end());
  }
  void on_step(const step_event& e) {
    std::vector<float> counts;
    for (const std::size_t n : {e.drafted, e.tested, e.accepted, e.emitted, e.truncated})
      counts.push_back(static_cast<float>(n));
    seen->push_back(counts);
  }
};

/// Two texts, and a stop rule that throws in the middle of each.
template <class D, class V>
std::vector<row> run(cuda::backend& target, D drafter, V verifier, const std::vector<token>& end_of_text) {
  std::vector<row> all;
  auto decoder = speculate(target, std::move(drafter), std::move(verifier), watched{&all});
  for (const std::size_t length : {12u, 26u}) {
    int calls = 0;
    const auto stop = [&calls](std::span<const token> text, std::size_t) {
      if (++calls == 2) throw std::runtime_error("stop");
      return text.size();
    };
    decoder.start(random_tokens(length, 50, 6),
                  {.random = philox{length}, .max_tokens = 10, .end_of_text = end_of_text, .stop = stop});
    for (int failed = 0; failed < 2 && (failed > 0 || decoder.status() == status::running);) {
      const std::size_t before = decoder.text().size();
      try {
        (void)decoder.step();
      } catch (const std::runtime_error&) {
        CHECK(decoder.text().size() == before);
        all.push_back({-1});
      }
      failed = decoder.status() == status::failed ? failed + 1 : 0;
      all.push_back({static_cast<float>(decoder.status()), static_cast<float>(decoder.fault())});
    }
    all.emplace_back(decoder.text().begin(), decoder.text().end());
  }
  return all;
}

}  // namespace

TEST_CASE("cuda passes ahead: a decoder says, counts and shows what it does when it is told first", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  std::array<int, 6> ended{};  // steps by the status that they left
  int accepted = 0, rejected = 0, shorter = 0;
  for (const int hard : {0, 1, 2}) {  // tokens that end the text and contexts that are soon full; rows of NaN
    tiny_model big{small_shape("qwen2", hard == 2 ? tensor_type::f32 : tensor_type::q4_1)}, small = big;
    small.tensors.at("output_norm.weight").data = tiny_model{big.shape(), 5}.tensors.at("output_norm.weight").data;
    if (hard == 1) small = tiny_model{big.shape(), 2};
    if (hard == 2) {
      small = without_tokens(small, {1, 9, 17, 23, 33, 44});
      big = without_tokens(big, {3, 12, 25, 30, 38, 41, 47});
    }
    cuda::backend target{big.file(), {.context = hard == 1 ? 34u : 256u}};
    cuda::backend draft{small.file(), {.context = hard == 1 ? 31u : 256u}};
    const std::vector<token> ends =
        hard == 1 ? std::vector<token>{2, 5, 9, 11, 17, 20, 26, 31, 37, 40, 44, 48} : std::vector<token>{};
    const auto both = [&](auto make, auto verifier, auto policy) {
      using drafter = decltype(with_length(make(), policy));
      static_assert(ChainDrafterFor<drafter, cuda::backend>);
      const auto ahead = run(target, with_length(make(), policy), verifier, ends);
      CHECK(same_bits(ahead, run(target, told_first<drafter>{with_length(make(), policy)}, verifier, ends)));
      for (const row& r : ahead) {
        if (r.size() == 2) ++ended.at(static_cast<std::size_t>(r[0]));
        if (r.size() != 5) continue;
        accepted += r[2] > 0;
        rejected += r[1] > r[2];
        shorter += r[0] < 3;
      }
    };
    const temperature warp{0.7F};
    both([&] { return model_drafter(draft, greedy{}); }, match{greedy{}}, fixed_length{5});
    both([&] { return model_drafter(draft, warp); }, rejection{warp}, fixed_length{5});
    if (hard == 2) continue;  // floats take their time
    both([&] { return model_drafter(draft, greedy{}); }, rejection{greedy{}}, plus_two_minus_one{2});
    both([&] { return coupled_model_drafter(draft, warp); }, match{warp}, fixed_length{3});
    both([&] { return model_drafter(draft, warp); }, block{warp}, fixed_length{5});
    both([&] { return model_drafter(draft, warp); }, rejection{warp},
         best_paying_length{{.draft = 0.5, .pass = {1.0, 1.1}}, 6, 0.5, 3});
    both([&] { return model_drafter(target, warp); }, rejection{warp}, fixed_length{4});
  }
  CAPTURE(ended, accepted, rejected, shorter);
  for (const status s : {status::end_of_text, status::length, status::context, status::failed})
    CHECK(ended[static_cast<std::size_t>(s)] > 1);  // or little would have been shown
  CHECK(accepted > 20);
  CHECK(rejected > 20);
  CHECK(shorter > 10);
}
