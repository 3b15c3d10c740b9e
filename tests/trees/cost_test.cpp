// Work and memory of a step: rows touched, heap allocations once warm.
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;
using namespace hunch::testing;

namespace {

constexpr std::size_t vocab = 64;

/// Rows that count how often each is asked for.
struct counted_rows {
  matrix_view rows;
  std::vector<int>* touched;
  [[nodiscard]] std::size_t size() const { return rows.size(); }
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const {
    ++(*touched)[i];
    return rows[i];
  }
};

struct touches {
  std::vector<int> of_row;
  std::size_t path = 0;
};

/// One verification of a tree of `drafter` on a toy target.
template <class D, class V>
touches judge(D drafter, const V& verifier, std::uint64_t seed) {
  toy_backend target{vocab, hashed_law<float>(1, 4.0)};
  const std::vector<token> text{1, 2, 3};
  const decode_context ctx{
      .text = text, .budget = 32, .max_depth = 9, .end_of_text = {}, .run = 0, .random = philox{seed}};
  draft_tree tree{vocab};
  tree.reset(text.back());
  drafter.propose(ctx, tree);
  auto s = target.open();
  target.prefill(s, std::span<const token>{text}.first(2));
  touches out{std::vector<int>(tree.size()), 0};
  verdict v;
  verifier.verify(tree, counted_rows{target.forward(s, tree.view()), &out.of_row}, ctx, v);
  CHECK(v.next != no_token);
  out.path = v.path.size();
  return out;
}

template <class Decoder>
std::size_t allocations_when_warm(Decoder decoder) {
  std::vector<token> text(2000, 5);
  decoder.start(text);  // the text's own growth is left out
  decoder.step();
  text.resize(40);
  decoder.start(text, request{philox{3}});
  for (int i = 0; i < 300; ++i) decoder.step();
  const std::size_t before = hunch::test::allocation_count();
  for (int i = 0; i < 100; ++i) decoder.step();
  const std::size_t during = hunch::test::allocation_count() - before;
  CHECK(decoder.status() == status::running);
  return during;
}

}  // namespace

TEST_CASE("greedy verification touches the rows of the path once and no other", "[trees]") {
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  const auto check = [&](const auto& verifier) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const touches t = judge(gumbel_top_k(draft, temperature{1.0f}, {3, 2, 1}), verifier, seed);
      std::size_t rows = 0;
      for (const int n : t.of_row) {
        CHECK(n <= 1);
        rows += n > 0;
      }
      CHECK(rows == t.path);
    }
  };
  check(block(greedy{}));
  check(traversal(greedy{}));
}

TEST_CASE("sampled verification touches each row at most once, leaves only when accepted", "[trees]") {
  toy_backend draft{vocab, hashed_law<float>(2, 3.0)};
  const temperature warp{1.0f};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const touches by_tree = judge(gumbel_top_k(draft, warp, {3, 2, 1}), traversal(warp), seed);
    for (const int n : by_tree.of_row) CHECK(n <= 1);
    int leaves = 0;
    for (std::size_t n = 10; n < by_tree.of_row.size(); ++n) leaves += by_tree.of_row[n];
    CHECK(leaves <= 1);
    const touches by_chain = judge(with_length(model_drafter(draft, warp), fixed_length{6}), block(warp), seed);
    for (const int n : by_chain.of_row) CHECK(n <= 1);
  }
}

TEST_CASE("trees: a step allocates nothing once warm", "[trees]") {
  toy_backend target{vocab, hashed_law<float>(1, 3.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 2.0)};
  const temperature warp{0.8f};
  const auto check = [&](auto drafter, auto verifier) {
    return allocations_when_warm(speculate(target, std::move(drafter), std::move(verifier)));
  };
  CHECK(check(with_length(model_drafter(draft, warp), fixed_length{4}), block(warp)) == 0);
  CHECK(check(gumbel_top_k(draft, warp, {3, 2, 1}), traversal(warp)) == 0);
  CHECK(check(gumbel_top_k(draft, greedy{}, {3, 2, 1}), traversal(greedy{})) == 0);
  CHECK(check(coupled_gumbel_top_k(draft, warp, {3, 2}), match(warp)) == 0);
  CHECK(check(stochastic_beam(draft, warp, 4, 3), traversal(warp)) == 0);
  CHECK(check(best_first(draft, warp, 12), traversal(warp)) == 0);
  CHECK(check(iid_children(draft, warp, {3, 2}), multi_round(warp)) == 0);
  CHECK(check(iid_children(draft, warp, {3, 2}), k_sequence(warp)) == 0);
  CHECK(check(spec_hub_pairs(draft, warp, 2), spec_hub(warp)) == 0);
  CHECK(check(best_first(draft, warp, 12), lossy::typical(warp)) == 0);
  CHECK(check(gumbel_top_k(draft, warp, {2, 2}), lossy::lenient(warp, 0.7)) == 0);
}
