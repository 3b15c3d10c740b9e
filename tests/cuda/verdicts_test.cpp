// hunch::rejection over rows of the device: draws and verdicts are those of the host. Built twice, as backend_test.cpp.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/gumbel_top_k.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/none.hpp>
#include <hunch/verifiers/block.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "device.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace {

tiny_shape wide_shape(std::size_t vocab) {
  tiny_shape shape = shape_of("llama", tensor_type::q8_0);
  shape.layers = 1;
  shape.vocab = vocab;
  return shape;
}

/// Lets each node have up to four children, drawn without replacement from its law on the device. Returns the sequence,
/// which holds the laws.
cuda::sequence draft(draft_tree& tree, cuda::backend& draft_model, std::span<const token> text, float t,
                     const philox& random, noise& from, std::size_t most) {
  auto s = draft_model.open();
  draft_model.prefill(s, text.first(text.size() - 1));
  std::vector<candidate> drawn;
  for (std::size_t first = 0; first < tree.size() && tree.size() < most;) {
    const auto rows = draft_model.forward(s, tree.view(first));
    const std::size_t end = tree.size();
    for (; first < end && tree.size() < most; ++first) {
      const auto n = static_cast<node_id>(first);
      const std::size_t children = from.below(5);
      const draw_site site{text.size(), n};
      const auto law = rows[rows.size() - (end - first)].draw(random, site, children, t, drawn);
      REQUIRE(law);
      if (from.below(3) != 0) tree.leave_q(n, *law);  // else they count as chosen
      for (const candidate& c : drawn) tree.add(n, c.index);
    }
    first = end;
  }
  return s;
}

}  // namespace

TEST_CASE("cuda draws: the token, the probability and the law of the host's softmax and inverse CDF", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  for (const std::size_t vocab : {50u, 5003u, 20000u}) {  // less than a block of 1024, and more than one round of them
    tiny_model m{wide_shape(vocab)};
    cuda::backend b{m.file()};
    auto s = b.open();
    const draft_tree tree = random_tree(4, vocab, 2);
    const auto rows = b.forward(s, tree.view());
    std::vector<float> law(vocab), there(vocab);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const float t : {1.0F, 0.3F, 4.0F}) {
        REQUIRE(softmax(std::span<const float>{rows[i]}, t, std::span<float>{law}));
        for (const std::uint64_t seed : {1u, 2u, 3u}) {
          const philox random{seed};
          const draw_site site{9, static_cast<node_id>(i)};
          const far_draw got = rows[i].draw(random.uniform(site, purpose::draft), t);
          CHECK(got.drawn == random.categorical(site, purpose::draft, std::span<const float>{law}));
          CHECK(got.probability == law[static_cast<std::size_t>(got.drawn)]);
          got.law.copy(got.law.at, there);
          CHECK(same_bits(there, law));
        }
      }
    }
    for (const double u : {0.0, std::nextafter(1.0, 0.0)}) {  // both ends of the law
      const far_draw got = rows[0].draw(u, 0.3F);
      REQUIRE(softmax(std::span<const float>{rows[0]}, 0.3F, std::span<float>{law}));
      const double sum = sum_of(std::span<const float>{law});
      CHECK(got.drawn == where_sum_passes(std::span<const float>{law}, u * sum));
    }
  }
}

TEST_CASE("cuda draws: children without replacement, and their scores, are those of the host", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  for (const std::size_t vocab : {50u, 1203u}) {
    tiny_model m{wide_shape(vocab)};
    cuda::backend b{m.file()};
    auto s = b.open();
    const draft_tree tree = random_tree(vocab == 50 ? 66 : 3, vocab, 3);  // more than one launch, and one
    const auto rows = b.forward(s, tree.view());
    std::vector<float> law(vocab), there(vocab);
    std::vector<candidate> want, got;
    for (const std::size_t i : {0u, 2u, 63u, 64u, 65u}) {
      if (i >= rows.size()) continue;
      for (const std::size_t k : {1u, 3u, 16u}) {
        const float t = k == 3 ? 0.05F : 1.0F;  // nearly all mass on a few
        const philox random = philox{k}.split(1);
        const draw_site site{(std::uint64_t{3} << 33) + 7, static_cast<node_id>(100 + i)};
        REQUIRE(softmax(std::span<const float>{rows[i]}, t, std::span<float>{law}));
        random.ordered_without_replacement(site, std::span<const float>{law}, k, want);
        const auto kept = rows[i].draw(random, site, k, t, got);
        REQUIRE(kept);
        REQUIRE(got.size() == want.size());
        for (std::size_t c = 0; c < want.size(); ++c) {
          CHECK(got[c].index == want[c].index);
          CHECK(got[c].score == want[c].score);
        }
        kept->copy(kept->at, there);
        CHECK(same_bits(there, law));
      }
    }
    CHECK_FALSE(rows[0].draw(philox{1}, {1, 0}, 17, 1.0F, got));
  }
}

TEST_CASE("cuda draws: a law of few tokens gives few children", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{wide_shape(50)};
  cuda::backend b{m.file()};
  auto s = b.open();
  const auto rows = b.forward(s, random_tree(1, 50, 3).view());
  std::vector<float> law(50);
  std::vector<candidate> want, got;
  REQUIRE(softmax(std::span<const float>{rows[0]}, 1e-3F, std::span<float>{law}));  // all but the largest become 0
  philox{1}.ordered_without_replacement({1, 0}, std::span<const float>{law}, 4, want);
  REQUIRE(rows[0].draw(philox{1}, {1, 0}, 4, 1e-3F, got));
  CHECK(want.size() < 4);
  REQUIRE(got.size() == want.size());
  CHECK(got[0].index == want[0].index);
}

TEST_CASE("cuda rejection: the verdicts of rows that are on the host, on random trees", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  std::size_t accepted = 0, rejected = 0, siblings = 0;
  for (const std::size_t vocab : {50u, 1100u}) {
    tiny_model big{wide_shape(vocab), 1}, small{wide_shape(vocab), 1};
    small.tensors.at("output_norm.weight").data =
        tiny_model{wide_shape(vocab), 5}.tensors.at("output_norm.weight").data;
    cuda::backend target{big.file()}, draft_model{small.file()};
    const std::vector<token> text = random_tokens(9, vocab, 5);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      INFO("vocabulary " << vocab << ", seed " << seed);
      const float t = seed % 3 == 0 ? 1.0F : 0.7F;
      const decode_context ctx{.text = text, .budget = 64, .random = philox{seed}.split(2)};
      noise from{seed};
      draft_tree tree{vocab};
      tree.reset(text.back());
      const auto laws = draft(tree, draft_model, text, t, ctx.random, from, 2 + from.below(25));
      auto s = target.open();
      target.prefill(s, std::span<const token>{text}.first(8));
      const auto rows = target.forward(s, tree.view());
      verdict there, here;
      REQUIRE(rows.reject(tree, ctx, t, there));
      rejection{temperature{t}}.verify(tree, rows_ref{rows}, ctx, here);
      CHECK(there.path == here.path);
      CHECK(there.next == here.next);
      CHECK(there.tested == here.tested);
      accepted += here.accepted();
      rejected += here.tested - here.accepted();
      siblings += here.accepted() > 0 && here.path[1] != 1;
    }
  }
  CHECK(accepted > 20);  // or the walks would have shown nothing
  CHECK(rejected > 20);
  CHECK(siblings > 2);
}

TEST_CASE("cuda rejection: a law that is not on the device is judged on the host", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{wide_shape(50)};
  cuda::backend b{m.file()};
  const std::vector<token> text = {3};
  auto s = b.open();
  draft_tree tree{50};
  tree.reset(3);
  std::ranges::fill(tree.make_q(0), 0.02F);
  tree.add(0, 7);
  const auto rows = b.forward(s, tree.view());
  const decode_context ctx{.text = text, .budget = 8, .random = philox{4}};
  verdict there, here;
  CHECK_FALSE(rows.reject(tree, ctx, 1.0F, there));
  rejection{temperature{1.0F}}.verify(tree, rows, ctx, there);
  rejection{temperature{1.0F}}.verify(tree, rows_ref{rows}, ctx, here);
  CHECK(there.path == here.path);
  CHECK(there.next == here.next);
}

TEST_CASE("cuda rejection: the text of a decoder is that of the host's verifier and drafter", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model big{shape_of("llama", tensor_type::q4_1)};
  cuda::backend target{big.file()};
  const auto text_of = [&](auto decoder, std::size_t& steps) {
    decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = 24});
    while (decoder.step().status == status::running) ++steps;
    return std::vector<token>(decoder.text().begin(), decoder.text().end());
  };
  const auto drafter = [&](auto warp) { return with_length(model_drafter(target, warp), fixed_length{3}); };
  // The same law behind a warper that is not known by its type: everything is done on the host.
  const auto on_host = top_k{0} | temperature{0.7F};
  std::size_t steps = 0, host_steps = 0;
  const auto there = text_of(speculate(target, drafter(temperature{0.7F}), rejection{temperature{0.7F}}), steps);
  CHECK(there == text_of(speculate(target, drafter(on_host), rejection{on_host}), host_steps));
  CHECK(steps == host_steps);
  CHECK(steps < 15);
  // Trees.
  const auto tree = [&](auto warp) { return gumbel_top_k(target, warp, {3, 2, 1}); };
  CHECK(text_of(speculate(target, tree(temperature{0.7F}), rejection{temperature{0.7F}}), steps) ==
        text_of(speculate(target, tree(on_host), rejection{on_host}), host_steps));
  CHECK(steps == host_steps);
  // Verifiers that know nothing of devices find the laws of the drafts.
  CHECK(text_of(speculate(target, drafter(temperature{0.7F}), block{temperature{0.7F}}), steps) ==
        text_of(speculate(target, drafter(on_host), block{on_host}), host_steps));
}

TEST_CASE("cuda rejection: rows that are not usable give no token", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("llama", tensor_type::f32)};
  auto& norm = m.tensors.at("output_norm.weight").data;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(norm.data(), &nan, sizeof nan);
  cuda::backend b{m.file()};
  auto s = b.open();
  const draft_tree tree = random_tree(3, 50, 1);
  const auto rows = b.forward(s, tree.view());
  CHECK(rows[0].draw(0.5, 1.0F).drawn == no_token);
  const std::vector<token> text = {tree[0]};
  verdict there;
  REQUIRE(rows.reject(tree, {.text = text, .budget = 8, .random = philox{4}}, 1.0F, there));
  CHECK(there.next == no_token);
  CHECK(there.path == std::vector<node_id>{0});
  CHECK(there.tested == 0);
}
