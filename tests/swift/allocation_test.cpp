// Heap allocations of a step, once warm and with the search at its end: none.
#include <vector>

#include <hunch/core.hpp>
#include <hunch/drafters/swift.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;
using hunch::test::allocation_count;

namespace {

constexpr std::size_t vocab = 64;

/// Rows depend on the token before and on whether something was left out; memory is reserved when a sequence is opened.
struct still_backend {
  struct sequence {
    std::size_t kept = 0;
    std::size_t pending = 0;
    std::vector<float> rows;
  };
  [[nodiscard]] std::size_t vocab_size() const { return vocab; }
  [[nodiscard]] std::size_t layer_count() const { return 6; }
  [[nodiscard]] sequence open() const { return {0, 0, std::vector<float>(64 * vocab)}; }
  [[nodiscard]] std::size_t room(const sequence& s) const { return 100000 - s.kept - s.pending; }
  void prefill(sequence& s, std::span<const token> t) const { s.kept += t.size(); }
  matrix_view forward(sequence& s, tree_view t) const { return forward(s, t, {}); }
  matrix_view forward(sequence& s, tree_view t, layer_mask mask) const {
    s.pending = t.size();
    for (std::size_t i = t.first; i < t.size(); ++i)
      for (std::size_t v = 0; v < vocab; ++v)
        s.rows[(i - t.first) * vocab + v] =
            static_cast<float>((static_cast<std::size_t>(t.tokens[i]) * 7 + v * 5) % 13) * 0.5f +
            (!mask.empty() && v % 3 == 0 ? 0.25f : 0.0f);
    return {s.rows.data(), t.fresh(), vocab};
  }
  void commit(sequence& s, std::span<const node_id> path) const {
    s.kept += path.size();
    s.pending = 0;
  }
  void rewind(sequence& s, std::size_t n) const { s.kept = n; }
};
static_assert(LayerSkippable<still_backend>);

/// Of 200 steps after 200 to get warm. A longer text comes first, so that the text's own growth is left out.
template <class D, class V>
std::size_t allocations_when_warm(D drafter, V verifier) {
  still_backend target;
  auto decoder = speculate(target, std::move(drafter), std::move(verifier), stats{});
  std::vector<token> text(4000, 3);
  decoder.start(text);
  decoder.step();
  text.resize(40);
  decoder.start(text, request{philox{3}});
  for (int i = 0; i < 200; ++i) decoder.step();
  CHECK(decoder.drafter().search().done());
  const std::size_t before = allocation_count();
  for (int i = 0; i < 200; ++i) decoder.step();
  const std::size_t during = allocation_count() - before;
  CHECK(decoder.status() == status::running);
  CHECK(decoder.observer().drafted > 400);
  return during;
}

}  // namespace

TEST_CASE("swift: no allocation per step once warm", "[swift][allocation]") {
  const auto warp = temperature{0.8f} | top_k{20};
  const skip_set set = spread_skips(6, 0.5);
  const swift_options tree{.siblings = caterpillar};
  const swift_options searched{.siblings = caterpillar, .search = {.window = 8, .most = 50}};
  CHECK(allocations_when_warm(swift(greedy{}, set, fixed_length{4}), match(greedy{})) == 0);
  CHECK(allocations_when_warm(swift(warp, set, fixed_length{4}), rejection(warp)) == 0);
  CHECK(allocations_when_warm(swift(warp, set, fixed_length{4}, tree), rejection(warp)) == 0);
  CHECK(allocations_when_warm(coupled_swift(warp, set, fixed_length{4}, tree), match(warp)) == 0);
  CHECK(allocations_when_warm(swift(warp, set, fixed_length{4}, searched), rejection(warp)) == 0);
}
