// Heap allocations of a step, once warm. The toy backend is replaced by one that allocates nothing itself.

#include <hunch/core.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;

namespace {

constexpr std::size_t vocab = 64;

/// Rows depend on the token before; memory is reserved when a sequence is opened.
struct still_backend {
  struct sequence {
    std::size_t kept = 0;
    std::vector<token> pending;
    std::vector<float> rows;
  };
  float shift = 0;

  [[nodiscard]] std::size_t vocab_size() const { return vocab; }
  [[nodiscard]] sequence open() const {
    sequence s;
    s.pending.reserve(64);
    s.rows.resize(64 * vocab);
    return s;
  }
  [[nodiscard]] std::size_t room(const sequence& s) const { return 100000 - s.kept - s.pending.size(); }
  void prefill(sequence& s, std::span<const token> t) const { s.kept += t.size(); }
  matrix_view forward(sequence& s, tree_view t) const {
    s.pending.assign(t.tokens.begin(), t.tokens.end());
    for (std::size_t i = t.first; i < t.size(); ++i)
      for (std::size_t v = 0; v < vocab; ++v)
        s.rows[(i - t.first) * vocab + v] =
            static_cast<float>((static_cast<std::size_t>(t.tokens[i]) * 7 + v * 5) % 13) * 0.5f +
            (v % 3 == 0 ? shift : 0.0f);
    return {s.rows.data(), t.fresh(), vocab};
  }
  void commit(sequence& s, std::span<const node_id> path) const {
    s.kept += path.size();
    s.pending.clear();
  }
  void rewind(sequence& s, std::size_t n) const { s.kept = n; }
};

/// Allocations of 200 steps after 200 to get warm. The text's own growth is left out by reserving it: a text of 4000
/// tokens was decoded before.
template <class Decoder>
std::size_t allocations_when_warm(Decoder decoder) {
  std::vector<token> text;
  for (token t = 0; t < 4000; ++t) text.push_back(t * 31 % static_cast<token>(vocab));
  text.insert(text.end(), 2, 63);  // a pair that stands nowhere else: a lookup before a model lets the model draft
  decoder.start(text);
  decoder.step();
  text.resize(40);
  decoder.start(text, request{philox{3}});
  for (int i = 0; i < 200; ++i) decoder.step();
  const std::size_t before = test::allocation_count();
  for (int i = 0; i < 200; ++i) decoder.step();
  const std::size_t during = test::allocation_count() - before;
  CHECK(decoder.status() == status::running);
  return during;
}

}  // namespace

TEST_CASE("allocations: none per step once warm, for chains, lookup, match and rejection", "[allocation]") {
  still_backend target;
  still_backend draft{0.25f};
  const auto warp = temperature{0.8f} | top_k{20} | top_p{0.95f};
  const auto chain = [&] { return with_length(model_drafter(draft, warp), fixed_length{4}); };
  const auto lookup = [] { return with_length(prompt_lookup(2), fixed_length{4}); };
  CHECK(allocations_when_warm(speculate(target, no_draft{}, match(warp))) == 0);
  CHECK(allocations_when_warm(speculate(target, chain(), rejection(warp))) == 0);
  CHECK(allocations_when_warm(speculate(target, chain(), match(warp))) == 0);
  CHECK(allocations_when_warm(speculate(target, lookup(), rejection(warp))) == 0);
  CHECK(allocations_when_warm(speculate(target, lookup(), match(greedy{}))) == 0);
  CHECK(allocations_when_warm(speculate(target, first_of(lookup(), chain()), match(warp), stats{})) == 0);
  CHECK(allocations_when_warm(speculate(target, any_drafter(chain()), rejection(warp), stats{})) == 0);
}

TEST_CASE("allocations: the counter counts", "[allocation]") {
  const std::size_t before = test::allocation_count();
  void* const p = ::operator new(100);  // a new-expression that is not used may be left out
  const std::size_t after = test::allocation_count();
  ::operator delete(p);
  CHECK(after == before + 1);
}
