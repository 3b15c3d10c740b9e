// Seeds: what a seed fixes, whatever else is going on.
#include <hunch/core.hpp>
#include <hunch/sampling/penalties.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"

using namespace hunch;

namespace {

using tokens = std::vector<token>;

struct pair_of_toys {
  testing::toy_backend target{16, testing::hashed_law<float>(1, 3.0)};
  testing::toy_backend draft{16, testing::hashed_law<float>(1, 2.0)};
};
const auto warp = penalties{{.repeat = 1.2f}} | temperature{0.9f};
const tokens prompt{1, 2, 3};

template <class V>
auto make(pair_of_toys& m, V verifier, std::uint32_t length = 4) {
  return speculate(m.target, with_length(model_drafter(m.draft, warp), fixed_length{length}), std::move(verifier));
}
template <class D>
tokens text_of(D decoder, std::uint64_t seed) {
  return testing::emitted_text(decoder, prompt, request{philox{seed}, 120, {}});
}

}  // namespace

TEST_CASE("D9: the same seed writes the same text, another seed another, under every verifier", "[seeds][D9]") {
  pair_of_toys m;
  const auto check = [&](auto verifier) {
    const tokens once = text_of(make(m, verifier), 5);
    CHECK(text_of(make(m, verifier), 5) == once);
    CHECK(text_of(make(m, verifier), 6) != once);
    auto used = make(m, verifier);  // an earlier text leaves no trace in the next one's draws
    (void)testing::emitted_text(used, {4, 4}, request{philox{9}, 50, {}});
    CHECK(testing::emitted_text(used, prompt, request{philox{5}, 120, {}}) == once);
  };
  check(match(warp));
  check(rejection(warp));
  check(block(warp));
  check(traversal(warp));
}

TEST_CASE("D9: texts that are written by turns are those that are written alone", "[seeds][D9]") {
  pair_of_toys m;
  const auto check = [&](auto verifier) {
    auto a = make(m, verifier);
    auto b = make(m, verifier, 2);
    a.start(prompt, request{philox{5}, 120, {}});
    b.start(prompt, request{philox{6}, 120, {}});
    while (a.status() == status::running || b.status() == status::running) {
      a.step();
      b.step();
      b.step();
    }
    const auto emitted = [](const auto& d) { return tokens{d.text().begin() + 3, d.text().end()}; };
    CHECK(emitted(a) == text_of(make(m, verifier), 5));
    CHECK(emitted(b) == text_of(make(m, verifier, 2), 6));
  };
  check(match(warp));
  check(rejection(warp));
}

TEST_CASE("D9: draws for drafts do not shift the target's: any drafter leaves match's text as it is", "[seeds][D9]") {
  pair_of_toys m;
  const tokens plain = text_of(speculate(m.target, no_draft{}, match(warp)), 5);
  for (const std::uint32_t n : {1u, 3u, 8u}) CHECK(text_of(make(m, match(warp), n), 5) == plain);
  CHECK(text_of(speculate(m.target, gumbel_top_k(m.draft, warp, {3, 2}), match(warp)), 5) == plain);
  CHECK(text_of(speculate(m.target, stochastic_beam(m.draft, warp, 3, 3), match(warp)), 5) == plain);
}
