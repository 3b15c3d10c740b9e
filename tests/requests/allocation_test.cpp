// Heap allocations of a step with everything that a request may ask for, once warm: none.
#include <functional>

#include <hunch/core.hpp>
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/sampling/logprobs.hpp>
#include <hunch/sampling/penalties.hpp>
#include <hunch/text/begin_after.hpp>
#include <hunch/text/stop_strings.hpp>

#include "requests/rules.hpp"
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
            static_cast<float>((static_cast<std::size_t>(t.tokens[i]) * 7 + v * 5) % 13) * 0.5f;
    return {s.rows.data(), t.fresh(), vocab};
  }
  void commit(sequence& s, std::span<const node_id> path) const {
    s.kept += path.size();
    s.pending.clear();
  }
  void rewind(sequence& s, std::size_t n) const { s.kept = n; }
};

/// Allocations of 150 steps of a text whose like was written before, so that what grows with a text has grown.
template <class Decoder>
std::size_t allocations_when_warm(Decoder decoder, stop_strings& stops) {
  request wish{philox{3}, 1000000, {}};
  wish.stop = std::ref(stops);
  const std::vector<token> prompt{5, 6, 7};
  decoder.start(prompt, wish);
  for (int i = 0; i < 600; ++i) decoder.step();
  stops.restart();
  decoder.start(prompt, wish);
  for (int i = 0; i < 50; ++i) decoder.step();
  const std::size_t before = test::allocation_count();
  for (int i = 0; i < 150; ++i) decoder.step();
  const std::size_t during = test::allocation_count() - before;
  CHECK(decoder.status() == status::running);
  return during;
}

}  // namespace

TEST_CASE("allocations: none per step with penalties, biases, a constraint, stop strings and logprobs",
          "[allocation]") {
  still_backend target;
  still_backend draft;
  const std::vector<token> eos{0};
  const auto rules = constrained(begin_after({5}, test::brackets{}), eos, 0);
  const auto warp = penalties{{.repeat = 1.1f, .frequency = 0.1f}} | bias{{{9, 1.0f}}} | banned{{0, 33}} |
                    min_length{{.tokens = 9, .after = 3, .end_of_text = eos}} | rules | temperature{0.8f};
  const auto chain = [&] { return with_length(model_drafter(draft, warp), fixed_length{4}); };
  stop_strings stops({"never", "xyz!"}, [](token t) { return t % 2 == 0 ? std::string_view{"xy"} : "z"; });
  CHECK(allocations_when_warm(speculate(target, no_draft{}, match(warp), logprobs{warp, 4}), stops) == 0);
  CHECK(allocations_when_warm(speculate(target, chain(), match(warp), logprobs{warp, 4}), stops) == 0);
  CHECK(allocations_when_warm(speculate(target, chain(), rejection(warp), logprobs{warp, 4}), stops) == 0);
  CHECK(allocations_when_warm(speculate(target, chain(), block(only{{5, 6, 7}} | warp)), stops) == 0);
}

TEST_CASE("allocations: the counter counts", "[allocation]") {
  const std::size_t before = test::allocation_count();
  void* const p = ::operator new(100);  // a new-expression that is not used may be left out
  const std::size_t after = test::allocation_count();
  ::operator delete(p);
  CHECK(after == before + 1);
}
