// Heap allocations of a round, once warm: none.
#include "lookup/references.hpp"
#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

constexpr std::size_t vocab = 512;

/// Allocations of 300 rounds on a growing text, after a longer text and 100 rounds to get warm.
template <class D>
std::size_t allocations_when_warm(D drafter) {
  tokens text;
  for (std::size_t i = 0; i < 4000; ++i) text.push_back(static_cast<token>(i * i % 29 + i % 7));
  std::vector<float> rows(64 * vocab);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 7919 % 1013);
  draft_tree tree{vocab};
  verdict result;
  result.path.reserve(64);
  std::size_t drafted = 0;
  const auto round = [&](std::size_t length, std::uint64_t run) {
    const auto part = std::span<const token>{text}.first(length);
    tree.reset(part.back());
    drafter.propose(decode_context{.text = part, .budget = 64, .max_depth = 8, .run = run}, tree);
    drafted += tree.drafted();
    result.path.assign(1, 0);
    if (tree.size() > 1) result.path.push_back(1);
    const matrix_view view{rows.data(), tree.size(), vocab};
    tell(drafter, tree, result, rows_ref{view});
  };
  round(4000, 1);
  for (std::size_t i = 0; i < 100; ++i) round(100 + 2 * i, 2);
  const std::size_t before = allocation_count();
  for (std::size_t i = 0; i < 300; ++i) round(300 + 2 * i, 2);
  const std::size_t during = allocation_count() - before;
  CHECK(drafted > 400);
  return during;
}

}  // namespace

TEST_CASE("allocations: none per round once warm, for every training-free drafter", "[allocation]") {
  const auto chain = [](auto drafter) { return with_length(std::move(drafter), fixed_length{6}); };
  CHECK(allocations_when_warm(chain(prompt_lookup({.n = 3, .n_min = 1}))) == 0);
  CHECK(allocations_when_warm(chain(prompt_lookup({.n = 2, .place = lookup_place::earliest}))) == 0);
  CHECK(allocations_when_warm(chain(anpd(4))) == 0);
  CHECK(allocations_when_warm(chain(suffix_automaton{})) == 0);
  const auto corpus = build_suffix_corpus(tokens{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(allocations_when_warm(chain(suffix_automaton{suffix_corpus{corpus}})) == 0);
  CHECK(allocations_when_warm(token_recycling{}) == 0);
}

TEST_CASE("allocations: the counter counts", "[allocation]") {
  const std::size_t before = allocation_count();
  const tokens some(100);
  CHECK(allocation_count() > before);
}
