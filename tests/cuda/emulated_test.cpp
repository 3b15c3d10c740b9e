// What only the emulated device can show: memory that runs out, threads in another order, graphs that are really used,
// bytes that are copied.
#include <algorithm>
#include <vector>

#include <hunch/core/random.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/gumbel_top_k.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "kernels/laws.hpp"
#include "pass.hpp"
#include "runtime.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

TEST_CASE("cuda passes: splits of keys, pages and buckets", "[cuda]") {
  CHECK(cuda::splits_of(1, 0).end == 1);
  CHECK(cuda::splits_of(64, 0).end == 1);
  CHECK(cuda::splits_of(65, 0).end == 2);
  CHECK(cuda::first_key(10, 5) == 5);
  CHECK(cuda::first_key(4, 5) == 0);
  CHECK(cuda::splits_of(200, 5).first == 3);  // keys 195..199
  CHECK(cuda::splits_of(194, 5).first == 2);  // keys 189..193: two splits
  CHECK(cuda::splits_of(194, 5).end == 4);
  constexpr unsigned buckets[][2] = {{1, 1}, {2, 8}, {8, 8}, {9, 16}, {17, 32}, {33, 64}, {64, 64}};
  for (const auto& [rows, bucket] : buckets) CHECK(cuda::row_bucket(rows) == bucket);
  CHECK(cuda::split_bucket(1) == 1);
  CHECK(cuda::split_bucket(5) == 8);
  const cuda::page_shape pages{2, 3, 16};
  CHECK(pages.values() == 2 * 3 * 2 * 64 * 16);
  CHECK(pages.at(1, 2, 1, 64 + 63) == pages.values() - 16);  // slot 127 is the last of its page
  CHECK(pages.at(0, 0, 1, 0) == 64 * 16);
  const std::uint32_t tails[] = {9, 70, 71};
  const cuda::pass_row row{.token = 0,
                           .slot = 71,
                           .run = 5,
                           .count = 7,
                           .tail = 1,
                           .unused = 0,
                           .pages = nullptr,
                           .logits = nullptr,
                           .hidden = nullptr};
  const cuda::pass_block block{};
  CHECK(block.slot_of(tails, row, 4) == 4);
  CHECK(block.slot_of(tails, row, 5) == 70);
  CHECK(block.slot_of(tails, row, 6) == 71);
}

namespace {

/// What a row draws, and how the rows of a tree judge siblings that were drawn from its root's law.
std::vector<row> verdicts_of(cuda::backend& b, cuda::sequence& s) {
  std::vector<row> all;
  std::vector<candidate> children;
  const std::vector<token> text = {3};
  auto drafting = b.open();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const decode_context ctx{.text = text, .budget = 64, .random = philox{seed}};
    draft_tree tree{50};
    tree.reset(3);
    const auto guess = b.forward(drafting, tree.view())[0];
    tree.leave_q(0, guess.draw(ctx.random, ctx.site(0), 3, 0.5F, children).value());
    for (const candidate& c : children) {
      tree.add(0, c.index);
      all.push_back({static_cast<float>(c.index), static_cast<float>(c.score)});
    }
    verdict v;
    REQUIRE(b.forward(s, tree.view()).reject(tree, ctx, 1.0F, v));
    all.push_back({static_cast<float>(v.next), static_cast<float>(v.tested), static_cast<float>(v.path.size())});
    all.push_back({static_cast<float>(guess.draw(ctx.random.uniform(ctx.site(0), purpose::draft), 1.0F).drawn)});
    b.commit(s, {});
    b.commit(drafting, {});
  }
  return all;
}

}  // namespace

TEST_CASE("cuda: the order in which threads and blocks run does not show in a pass", "[cuda]") {
  for (const auto& [arch, type] : {std::pair{"gemma3", tensor_type::q8_0}, std::pair{"qwen2", tensor_type::f16}}) {
    tiny_model m{shape_of(arch, type)};
    const auto rows = [&](cuda::emulation::thread_order order) {
      cuda::emulation::order = order;
      cuda::backend b{m.file()};
      auto s = b.open();
      b.prefill(s, random_tokens(60, 50, 1));
      const draft_tree tree = random_tree(12, 50, 2);
      auto all = copies(b.forward(s, tree.view()));
      b.commit(s, path_to(tree, 11));
      const auto after = b.forward(s, chain_of(std::vector<token>{3, 4}, 50).view());
      all.push_back(copy(after[1]));
      all.push_back({static_cast<float>(after[0].argmax()), static_cast<float>(after[1].at_position(80, 5, 1.0F))});
      b.commit(s, {});
      const auto verdicts = verdicts_of(b, s);
      all.insert(all.end(), verdicts.begin(), verdicts.end());
      cuda::emulation::order = cuda::emulation::thread_order::ascending;
      return all;
    };
    CHECK(same_bits(rows(cuda::emulation::thread_order::ascending), rows(cuda::emulation::thread_order::descending)));
  }
}

TEST_CASE("cuda: memory that runs out is an error, and the sequence goes on when there is some again", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_0)};
  cuda::backend b{m.file()};
  auto s = b.open();
  b.prefill(s, random_tokens(60, 50, 1));
  const draft_tree tree = random_tree(8, 50, 2);
  const std::size_t before = cuda::emulation::taken;
  const std::size_t page = cuda::page_shape{3, 2, 16}.values() * sizeof(std::uint16_t);
  const std::size_t logits = 12 * 50 * sizeof(float);
  // No room for a page; for that but not for logits; for both but not for hidden states.
  for (const std::size_t more : {std::size_t{0}, page + 8, page + logits + 8}) {
    cuda::emulation::limit = before + more;
    CHECK_THROWS_WITH(b.forward(s, tree.view()), Catch::Contains("out of memory; use a smaller"));
    cuda::emulation::limit = SIZE_MAX;
    CHECK(s.pending() == 0);
    CHECK(s.kept() == 60);
  }
  const auto rows = copies(b.forward(s, tree.view()));
  auto t = b.open();
  b.prefill(t, random_tokens(60, 50, 1));
  CHECK(same_bits(rows, copies(b.forward(t, tree.view()))));
}

TEST_CASE("cuda: a model, its sequences and its passes give all device memory back", "[cuda]") {
  const std::size_t before = cuda::emulation::taken;
  {
    tiny_model m{shape_of("llama", tensor_type::q4_0)};
    cuda::backend b{m.file()};
    auto s = b.open();
    (void)b.forward(s, random_tree(8, 50, 2).view());
    auto t = b.fork(b.open());
    CHECK(cuda::emulation::taken > before);
  }
  CHECK(cuda::emulation::taken == before);
}

TEST_CASE("cuda: pages of a sequence that has ended serve the next one", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_0)};
  cuda::backend b{m.file()};
  for (int i = 0; i < 3; ++i) {
    auto s = b.open();
    b.prefill(s, random_tokens(65, 50, 1));
  }
  CHECK(b.memory().kv_pages == 2);
}

TEST_CASE("cuda: a shape is recorded when it comes again, and one launch replays it", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q4_0)};
  cuda::backend b{m.file()};
  auto s = b.open();
  const auto pass = [&](std::size_t nodes) {
    const std::size_t before = cuda::emulation::replays;
    (void)b.forward(s, random_tree(nodes, 50, nodes).view());
    b.commit(s, {});
    return cuda::emulation::replays - before;
  };
  CHECK(pass(5) == 0);
  CHECK(pass(5) == 1);
  CHECK(pass(3) == 1);   // the same bucket
  CHECK(pass(12) == 0);  // another one
  CHECK(pass(9) == 1);
}

TEST_CASE("cuda: a pass launches ten kernels a layer, and four around them", "[cuda]") {
  tiny_model m{shape_of("qwen2", tensor_type::q4_1)};
  cuda::backend b{m.file(), {.graphs = false}};
  auto s = b.open();
  const std::size_t before = cuda::emulation::launches;
  (void)b.forward(s, random_tree(5, 50, 1).view());
  b.wait();
  CHECK(cuda::emulation::launches - before == 10 * 3 + 4);
}

TEST_CASE("cuda: a step with a draft model copies a few bytes a node to the host, whatever judges and drafts",
          "[cuda]") {
  tiny_shape shape = shape_of("llama", tensor_type::q8_0);
  shape.layers = 1;
  shape.vocab = 400;
  tiny_model m{shape};
  cuda::backend b{m.file()};
  // A root and three drafts, each drafted by a pass of its own: bytes a step.
  const auto bytes_of = [&](auto decoder) {
    decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = 12});
    std::size_t most = 0;
    do {
      const std::size_t before = cuda::emulation::to_host;
      (void)decoder.step();
      most = std::max(most, cuda::emulation::to_host - before);
    } while (decoder.status() == status::running);
    return most;
  };
  const temperature warp{0.7F};
  const auto drafter = [&](auto w) { return with_length(model_drafter(b, w), fixed_length{3}); };
  constexpr std::size_t drafts = 3 * sizeof(token), rows = 4 * sizeof(token);
  CHECK(bytes_of(speculate(b, drafter(greedy{}), match{greedy{}})) == drafts + rows);
  CHECK(bytes_of(speculate(b, drafter(greedy{}), rejection{greedy{}})) == drafts + rows);
  CHECK(bytes_of(speculate(b, with_length(coupled_model_drafter(b, warp), fixed_length{3}), match{warp})) ==
        drafts + rows);
  CHECK(bytes_of(speculate(b, drafter(warp), match{warp})) == 2 * drafts + rows);
  CHECK(bytes_of(speculate(b, drafter(warp), rejection{warp})) == 2 * drafts + (3 + 4) * sizeof(token));
  // A tree of 1 + 3 + 6 nodes from two passes: 1 and 3 rows that draw 4 and 2 children each.
  CHECK(bytes_of(speculate(b, gumbel_top_k(b, warp, {3, 2}), rejection{warp})) ==
        (1 * 4 + 3 * 2) * sizeof(cuda::drawn_child) + (3 + 10) * sizeof(token));
  // What the device does not know is done from the logits.
  const auto kept = top_k{40} | warp;
  CHECK(bytes_of(speculate(b, drafter(kept), rejection{kept})) >= 4 * 400 * sizeof(float));
}
