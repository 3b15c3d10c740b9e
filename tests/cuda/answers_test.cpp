// Verification on the device gives the verdicts of the host's verifiers. Built twice, as backend_test.cpp is.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/none.hpp>
#include <hunch/verifiers/match.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "device.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

static_assert(LogitRows<cuda::logit_rows> && RejectingRows<cuda::logit_rows>);
static_assert(ArgmaxRow<cuda::logit_row> && DrawingRow<cuda::logit_row>);
static_assert(!ArgmaxRow<std::span<const float>> && !DrawingRow<std::span<const float>> && !RejectingRows<matrix_view>);

namespace {

std::span<const float> on_host(const cuda::logit_row& row) { return row; }

}  // namespace

TEST_CASE("cuda answers: tokens of rows are those of hunch::argmax and of the host's noise", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_shape shape = shape_of("llama", tensor_type::q8_0);
  shape.vocab = 5003;  // no multiple of 4, and more than one round of a block's threads
  tiny_model m{shape};
  cuda::backend b{m.file()};
  auto s = b.open();
  b.prefill(s, random_tokens(7, 5003, 1));
  const draft_tree tree = random_tree(10, 5003, 2);
  const auto rows = b.forward(s, tree.view());
  struct question {
    std::uint64_t seed, base;
    float t;
  };
  for (const auto& [seed, base, t] :
       {question{1, 8, 0.25F}, question{0x123456789abcdef, 8, 1.0F}, question{3, 8 + (std::uint64_t{1} << 33), 7.5F}}) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint64_t position = base + tree.depth(static_cast<node_id>(i));
      CHECK(rows[i].at_position(position, seed, t) == philox{seed}.at_position(position, on_host(rows[i]), t));
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i].argmax() == argmax(on_host(rows[i])));
}

TEST_CASE("cuda answers: a new pass forgets the answers of the last one", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("llama", tensor_type::q8_0)};
  cuda::backend b{m.file()};
  auto s = b.open();
  for (std::uint64_t round = 0; round < 6; ++round) {
    const draft_tree tree = random_tree(3, 50, round);
    const auto rows = b.forward(s, tree.view());
    for (std::size_t i = 0; i < 3; ++i) CHECK(rows[i].argmax() == argmax(on_host(rows[i])));
    b.commit(s, {});
  }
}

TEST_CASE("cuda match: the verdicts of rows that are on the host, on trees", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model m{shape_of("qwen2", tensor_type::q4_k)};
  cuda::backend b{m.file()};
  const std::vector<token> text = random_tokens(9, 50, 5);
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    auto s = b.open();
    b.prefill(s, std::span<const token>{text}.first(8));
    draft_tree tree{50};
    tree.reset(text.back());
    noise from{seed};
    while (tree.size() < 30) {
      const auto parent = static_cast<node_id>(from.below(std::min<std::size_t>(tree.size(), 3)));
      const auto t = static_cast<token>(from.below(50));
      if (tree.child_with(parent, t) == no_node) tree.add(parent, t);
    }
    const decode_context ctx{.text = text, .budget = 64, .random = philox{seed}.split(2)};
    const auto rows = b.forward(s, tree.view());
    const auto same = [&](const auto& verifier) {
      verdict there, here;
      verifier.verify(tree, rows, ctx, there);
      verifier.verify(tree, rows_ref{rows}, ctx, here);  // which copies each row that is read
      accepted += here.accepted();
      return there.path == here.path && there.next == here.next && there.tested == here.tested;
    };
    CHECK(same(match{temperature{1.3F}}));
    CHECK(same(match{greedy{}}));
  }
  CHECK(accepted > 1);  // or the walks would have shown nothing
}

TEST_CASE("cuda match: a draft model on the device leaves the text of plain decoding, bit for bit", "[cuda]") {
  HUNCH_NEEDS_DEVICE();
  tiny_model big{shape_of("llama", tensor_type::q4_1)};
  cuda::backend target{big.file()};
  const auto text_of = [&](auto&& decoder) {
    decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = 16});
    std::size_t steps = 0;
    while (decoder.step().status == status::running) ++steps;
    return std::pair{std::vector<token>(decoder.text().begin(), decoder.text().end()), steps};
  };
  const temperature warp{0.7F};
  const auto plain = text_of(speculate(target, no_draft{}, match{warp}));
  // The model drafts for itself, with noise of its own: now and then it is right.
  const auto drafted =
      text_of(speculate(target, with_length(model_drafter(target, warp), fixed_length{3}), match{warp}));
  CHECK(drafted.first == plain.first);
  CHECK(drafted.second < plain.second);
}
