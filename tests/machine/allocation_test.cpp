// Heap allocations of a step, once warm: none, for machines, trees and every verifier.
#include <vector>

#include <hunch/core.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;
using hunch::test::allocation_count;

namespace {

constexpr std::size_t vocab = 64;

/// Rows depend on the token before alone; memory is there from the beginning.
struct still_model {
  float shift = 0;
  std::vector<float> rows = std::vector<float>(64 * vocab);

  matrix_view run(tree_view t) {
    for (std::size_t i = t.first; i < t.size(); ++i)
      for (std::size_t v = 0; v < vocab; ++v)
        rows[(i - t.first) * vocab + v] =
            static_cast<float>((static_cast<std::size_t>(t.tokens[i]) * 7 + v * 5) % 13) * 0.5f +
            (v % 3 == 0 ? shift : 0.0f);
    return {rows.data(), t.fresh(), vocab};
  }
};
/// The same as a Backend.
struct still_backend {
  struct sequence {
    std::size_t kept = 0;
    std::size_t pending = 0;
  };
  still_model* model;
  [[nodiscard]] std::size_t vocab_size() const { return vocab; }
  [[nodiscard]] sequence open() const { return {}; }
  [[nodiscard]] std::size_t room(const sequence& s) const { return 100000 - s.kept - s.pending; }
  void prefill(sequence& s, std::span<const token> t) const { s.kept += t.size(); }
  matrix_view forward(sequence& s, tree_view t) const {
    s.pending = t.size();
    return model->run(t);
  }
  void commit(sequence& s, std::span<const node_id> path) const {
    s.kept += path.size();
    s.pending = 0;
  }
  void rewind(sequence& s, std::size_t n) const { s.kept = n; }
};

/// Allocations of 200 calls of `step` after 200 to get warm. The text's own growth is left out by a text of 4000 tokens
/// that is decoded before, and its repeated end finds a lookup nothing, so that a second drafter gets warm as well.
template <class Decoder, class Step>
std::size_t allocations_when_warm(Decoder& decoder, Step step) {
  std::vector<token> text;
  for (token t = 0; t < 4000; ++t) text.push_back(t * 31 % static_cast<token>(vocab));
  text.insert(text.end(), 2, 63);
  decoder.start(text);
  step();
  text.resize(40);
  decoder.start(text, request{philox{3}});
  for (int i = 0; i < 200; ++i) step();
  const std::size_t before = allocation_count();
  for (int i = 0; i < 200; ++i) step();
  const std::size_t during = allocation_count() - before;
  CHECK(decoder.status() == status::running);
  CHECK(decoder.text().size() >= 440);
  return during;
}

const auto warp = temperature{0.8f} | top_k{20} | top_p{0.95f};

/// By a decoder, and by a machine whose host runs both models.
template <class V, class Make>
void check_none(const char* what, V verifier, Make make) {
  INFO(what);
  still_model models[2] = {{}, {0.25f}};
  still_backend target{&models[0]};
  still_backend draft{&models[1]};
  auto decoder = speculate(target, make(draft), verifier, stats{});
  CHECK(allocations_when_warm(decoder, [&] { decoder.step(); }) == 0);
  hosted_model hosted_draft{1, vocab, 100000};
  step_machine machine{hosted_model{0, vocab, 100000}, make(hosted_draft), verifier, stats{}};
  CHECK(allocations_when_warm(machine, [&] {
          while (const auto wanted = machine.next()) machine.supply(models[wanted->model].run(wanted->tree));
        }) == 0);
}

}  // namespace

TEST_CASE("allocations: none per step once warm, for chains under every verifier, by decoder and machine",
          "[allocation]") {
  const auto chain = [](auto& draft) { return with_length(model_drafter(draft, warp), fixed_length{4}); };
  check_none("match", match(warp), chain);
  check_none("rejection", rejection(warp), chain);
  check_none("block", block(warp), chain);
  check_none("traversal", traversal(warp), chain);
  check_none("typical", lossy::typical(warp), chain);
  check_none("coupled", match(warp),
             [](auto& draft) { return with_length(coupled_model_drafter(draft, warp), fixed_length{4}); });
}

TEST_CASE("allocations: none per step once warm, for trees", "[allocation]") {
  check_none("gumbel_top_k, rejection", rejection(warp), [](auto& draft) {
    return gumbel_top_k(draft, warp, {3, 2, 1});
  });
  check_none("gumbel_top_k, traversal", traversal(warp), [](auto& draft) {
    return gumbel_top_k(draft, warp, {3, 2, 1});
  });
  check_none("stochastic_beam", rejection(warp), [](auto& draft) { return stochastic_beam(draft, warp, 3, 3); });
  check_none("best_first", match(warp), [](auto& draft) { return best_first(draft, warp, 12); });
  check_none("iid, multi_round", multi_round(warp), [](auto& draft) { return iid_children(draft, warp, {2, 2}); });
  check_none("iid, k_sequence", k_sequence(warp), [](auto& draft) { return iid_children(draft, warp, {2, 2}); });
  check_none("spec_hub", spec_hub(warp), [](auto& draft) { return spec_hub_pairs(draft, warp, 2); });
}

TEST_CASE("allocations: none per step once warm, for drafters without a model and mixtures", "[allocation]") {
  check_none("none", match(warp), [](auto&) { return no_draft{}; });
  check_none("lookup", match(warp), [](auto&) { return with_length(prompt_lookup(2), fixed_length{4}); });
  check_none("first_of", block(warp), [](auto& draft) {
    return first_of(with_length(prompt_lookup(3), fixed_length{4}),
                    with_length(model_drafter(draft, warp), fixed_length{3}));
  });
}
