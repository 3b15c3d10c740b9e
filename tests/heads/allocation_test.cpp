// Heap allocations of rounds whose length a head decides, once warm: none.
#include "heads.hpp"

#include <array>
#include <span>
#include <vector>

#include <hunch/core.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Logits and states without an allocation of its own.
struct still_backend {
  static constexpr std::size_t vocab = 32, width = 16;
  struct sequence {
    std::size_t kept = 0;
    std::vector<float> rows = std::vector<float>(64 * vocab);
    std::vector<float> states = std::vector<float>(64 * width);
  };

  std::size_t vocab_size() const { return vocab; }
  sequence open() const { return {}; }
  std::size_t room(const sequence& s) const { return 100000 - s.kept; }
  void prefill(sequence& s, std::span<const token> tokens) const { s.kept += tokens.size(); }
  matrix_view forward(sequence& s, tree_view t) const {
    for (std::size_t i = t.first; i < t.size(); ++i) {
      const auto seed = static_cast<std::size_t>(t.tokens[i]) * 7 + s.kept;
      for (std::size_t v = 0; v < vocab; ++v)
        s.rows[(i - t.first) * vocab + v] = static_cast<float>((seed + v * 5) % 13) * 0.5f;
      for (std::size_t v = 0; v < width; ++v) s.states[i * width + v] = static_cast<float>((seed + v) % 11) * 0.1f;
    }
    return {s.rows.data(), t.fresh(), vocab};
  }
  std::span<const float> hidden(const sequence& s, node_id n) const {
    return std::span{s.states}.subspan(n * width, width);
  }
  void commit(sequence& s, std::span<const node_id> path) const { s.kept += path.size(); }
  void rewind(sequence& s, std::size_t n) const { s.kept = n; }
};
static_assert(HiddenStates<still_backend> && Rewindable<still_backend>);

}  // namespace

TEST_CASE("allocations: none per round once warm where a head decides the length", "[allocation]") {
  still_backend target, draft;
  acceptance_weights w{still_backend::width, 8, {}, {{}, {}}, {}};
  w.input = {std::vector<float>(8 * 17, 0.05f), std::vector<float>(8, 0.1f)};
  for (auto& block : w.blocks) block = {std::vector<float>(64, 0.02f), std::vector<float>(8)};
  w.output = {std::vector<float>(24, 0.1f), std::vector<float>(3)};
  const temperature warp{1.0f};
  auto decoder = speculate(
      target, with_length(model_drafter(draft, warp), specdec_pp{acceptance_head{w, draft_draw::own_noise}, 0.5, 1, 8}),
      block(warp), stats{});
  std::vector<token> text(4000, 3);
  decoder.start(text);
  decoder.step();
  text.resize(40);
  decoder.start(text, request{philox{3}});
  for (int i = 0; i < 200; ++i) decoder.step();
  const std::size_t before = allocation_count();
  for (int i = 0; i < 200; ++i) decoder.step();
  CHECK(allocation_count() == before);
  CHECK(decoder.observer().drafted > 400);
}
