// The law of a text over several rounds is plain decoding's with the same warpers, by enumeration of all outcomes.
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/sampling/penalties.hpp>

#include "lossless/fixtures.hpp"
#include "requests/law.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Distances of chains and trees, each drafted with and without the warper, under all lossless verifiers.
template <class W>
void check_law(const W& warp) {
  auto m = fixture_m();
  const auto chains = [&](auto of_draft, auto verifier, const char* what) {
    INFO("chain, " << what);
    CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, 2, of_draft), verifier); }, m.target, 4,
                        warp) < exact);
  };
  const auto trees = [&](auto of_draft, auto verifier, const char* what) {
    INFO("tree, " << what);
    CHECK(text_distance(
              [&] {
                return speculate<branching>(m.target, constant_tree(m.draft, of_draft, {2, 1}), verifier);
              },
              m.target, 3, warp) < exact);
  };
  chains(warp, rejection(warp), "rejection");
  chains(plain, rejection(warp), "rejection, drafts without the warper");
  chains(warp, block(warp), "block");
  chains(plain, block(warp), "block, drafts without the warper");
  chains(warp, traversal(warp), "traversal");
  chains(plain, match(warp), "match");
  trees(warp, rejection(warp), "rejection");
  trees(warp, traversal(warp), "traversal");
  trees(plain, traversal(warp), "traversal, drafts without the warper");
  trees(plain, match(warp), "match");
}

}  // namespace

TEST_CASE("penalties: rejection, block, traversal and match keep the penalised law over two rounds and more",
          "[penalties][D6]") {
  check_law(penalties{{.repeat = 1.7f, .presence = 0.4f, .frequency = 0.3f, .last_n = 3}});
}

TEST_CASE("penalties: of generated tokens only, with a window as long as the text", "[penalties][D6]") {
  check_law(penalties{{.presence = 1.0f, .frequency = -0.5f, .last_n = penalties::all, .first = 1}} |
            temperature{0.8f});
}

TEST_CASE("bias, min_length: the biased law is kept on verified rows and on the bonus", "[bias][D7]") {
  check_law(min_length{{.tokens = 2, .after = 1, .end_of_text = {2}}} | bias{{{0, 0.7f}}} | min_p{0.1f});
}

TEST_CASE("constraints: rejection, block, traversal and match keep the constrained law", "[constraint][D11]") {
  check_law(constrained(no_echo{}, {2}, 1));
  check_law(penalties{{.frequency = 0.5f}} | constrained(no_echo{}, {2}, 1) | temperature{1.3f});
}

TEST_CASE("penalties then greedy: every verifier says what plain greedy decoding says", "[penalties]") {
  auto m = fixture_m();
  const auto warp = penalties{{.repeat = 2.0f, .frequency = 0.4f}} | greedy{};
  CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, 3, warp), rejection(warp)); }, m.target, 8,
                      warp) < exact);
  CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, 2), block(warp)); }, m.target, 5, warp) <
        exact);
  CHECK(target_law(m.target, start_text, 8, warp) != target_law(m.target, start_text, 8, greedy{}));
}
