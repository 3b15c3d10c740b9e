// Training-free drafters change no text: exact laws, the drafter's laws, and identity with plain decoding.
#include <hunch/testing/drafter_laws.hpp>

#include "lookup/references.hpp"
#include "lossless/fixtures.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<std::string> nothing;

static_assert(StepwiseDrafter<prompt_lookup> && StepwiseDrafter<anpd> && StepwiseDrafter<suffix_automaton>);
static_assert(!Drafter<anpd> && !Drafter<suffix_automaton>);  // they need a length
static_assert(Drafter<token_recycling> && RowLearner<token_recycling> && !Learner<token_recycling>);

auto lookup() {
  return with_length(prompt_lookup({.n = 2, .n_min = 1, .place = lookup_place::earliest}), fixed_length{2});
}
auto counted() { return with_length(anpd(2), fixed_length{2}); }
auto longest() { return with_length(suffix_automaton(suffix_options{.min_match = 1}), fixed_length{2}); }
auto recycled() { return token_recycling{constant_branching(std::vector<std::uint32_t>{2, 1}), {.k = 2}}; }

/// Distance of what a decoder says after a prompt that repeats itself from the target's law.
template <class D, class V>
double distance(D drafter, V verifier, std::size_t length) {
  auto m = fixture_m();
  const tokens prompt{0, 1, 2, 0, 1};
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = speculate<branching>(m.target, drafter, verifier);
    return emitted_text(decoder, prompt, basic_request<branching>{source, length, {}});
  });
  return total_variation(emitted, target_law(m.target, prompt, length, plain));
}

/// Takes the first draft whatever the target says.
struct believing {
  static constexpr laws sibling_laws = deterministic;
  static constexpr bool lossless = false;
  rejection<temperature> honest{plain};
  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    honest.verify(tree, rows, ctx, out);
    if (out.path.size() == 1 && tree.size() > 1) out.path.push_back(1);
  }
};

/// Texts of a toy model: with drafts and without, under one seed. Returns the accepted and the tested drafts.
template <class W, class D>
std::pair<std::size_t, std::size_t> check_identity(W warp, D drafter) {
  toy_backend target{12, hashed_law<float>(5, 9.0)};
  auto reference = speculate(target, no_draft{}, match(warp));
  auto decoder = speculate(target, drafter, match(warp), stats{});
  dice roll;
  std::size_t different = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    tokens prompt;
    for (std::size_t n = 1 + roll(20); n > 0; --n) prompt.push_back(static_cast<token>(roll(12)));
    const request wish{.random = philox{seed}, .max_tokens = 60, .end_of_text = {}};
    different += emitted_text(decoder, prompt, wish) == emitted_text(reference, prompt, wish) ? 0u : 1u;
  }
  CHECK(different == 0);
  return {decoder.observer().accepted, decoder.observer().tested};
}
template <class D>
void check_identities(D drafter) {
  const auto [greedy_accepted, greedy_tested] = check_identity(greedy{}, drafter);
  CHECK(greedy_accepted > 100);
  CHECK(greedy_accepted < greedy_tested);
  const auto [accepted, tested] = check_identity(temperature{0.8f}, drafter);
  CHECK(accepted > 100);
  CHECK(accepted < tested);
}

}  // namespace

TEST_CASE("prompt_lookup with back-off: the text has the target's law on M", "[lossless]") {
  CHECK(distance(lookup(), match(plain), 5) < exact);
  CHECK(distance(lookup(), rejection(plain), 5) < exact);
  CHECK(distance(lookup(), block(plain), 5) < exact);
  CHECK(distance(lookup(), traversal(plain), 5) < exact);
}
TEST_CASE("anpd: the text has the target's law on M", "[lossless]") {
  CHECK(distance(counted(), match(plain), 5) < exact);
  CHECK(distance(counted(), rejection(plain), 5) < exact);
  CHECK(distance(counted(), block(plain), 5) < exact);
  CHECK(distance(counted(), traversal(plain), 5) < exact);
}
TEST_CASE("suffix_automaton: the text has the target's law on M", "[lossless]") {
  CHECK(distance(longest(), match(plain), 5) < exact);
  CHECK(distance(longest(), rejection(plain), 5) < exact);
  CHECK(distance(longest(), block(plain), 5) < exact);
  CHECK(distance(longest(), traversal(plain), 5) < exact);
}
TEST_CASE("token_recycling: the text of many rounds has the target's law on M", "[lossless]") {
  CHECK(distance(recycled(), match(plain), 5) < exact);
  CHECK(distance(recycled(), rejection(plain), 5) < exact);
  CHECK(distance(recycled(), traversal(plain), 5) < exact);
}
TEST_CASE("the distance is seen where a lookup's guesses are taken as they are", "[lossless]") {
  CHECK(distance(longest(), believing{}, 3) > 0.1);
}

TEST_CASE("drafter laws: lookups, counts, automata and recycling keep them", "[laws]") {
  const testing::drafter_law_options few{.draws = 3000};
  CHECK(testing::drafter_laws(lookup, 6, few) == nothing);
  CHECK(testing::drafter_laws(counted, 6, few) == nothing);
  CHECK(testing::drafter_laws(longest, 6, few) == nothing);
  const auto corpus = build_suffix_corpus(tokens{0, 1, 2, 3, no_token, 1, 0, 4, 5, 3});
  CHECK(testing::drafter_laws(
            [&] { return with_length(suffix_automaton(suffix_corpus{corpus}, {.min_match = 1}), fixed_length{3}); }, 6,
            few) == nothing);
  const auto taught = [] {
    token_recycling drafter{12, {.k = 3}};
    toy_backend target{6, hashed_law<float>(2, 4.0)};
    auto decoder = speculate(target, drafter, match(greedy{}));
    (void)emitted_text(decoder, {1}, request{.random = philox{}, .max_tokens = 40, .end_of_text = {}});
    return decoder.drafter();
  };
  CHECK(testing::drafter_laws(taught, 6, few) == nothing);
}

TEST_CASE("identity: prompt_lookup with back-off says what plain decoding says", "[identity]") {
  check_identities(with_length(prompt_lookup({.n = 3, .n_min = 1}), fixed_length{4}));
}
TEST_CASE("identity: anpd says what plain decoding says", "[identity]") {
  check_identities(with_length(anpd(3), fixed_length{4}));
}
TEST_CASE("identity: suffix_automaton says what plain decoding says", "[identity]") {
  check_identities(with_length(suffix_automaton(), fixed_length{4}));
}
TEST_CASE("identity: token_recycling says what plain decoding says", "[identity]") {
  check_identities(token_recycling{16, {.k = 4}});
}

TEST_CASE("a step of a growing text never looks at what it has seen before", "[lookup]") {
  // What makes a step O(1): the old part of the text may as well be overwritten, as long as the run says it only grew.
  const auto check = [](auto drafter) {
    CHECK(drafts_of(drafter, {1, 2, 3, 4, 5}, 2, 7) == tokens{});
    CHECK(drafts_of(drafter, {0, 0, 0, 0, 0, 1, 2}, 2, 7) == tokens{3, 4});
    CHECK(drafts_of(drafter, {0, 0, 0, 0, 0, 1, 2}, 2, 8) == tokens{});
  };
  check(with_length(prompt_lookup({.n = 2, .n_min = 1}), fixed_length{2}));
  check(with_length(anpd(2), fixed_length{2}));
  check(with_length(suffix_automaton(suffix_options{.min_match = 1}), fixed_length{2}));
}
