// Texts under `match` do not depend on what was left out, nor on the search; costs are counted.
#include <chrono>
#include <vector>

#include "lossless/fixtures.hpp"
#include "support/catch.hpp"
#include "swift/layered.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

using tokens = std::vector<token>;
constexpr std::size_t length = 60;
const tokens prompt{1, 5, 2, 1, 5};
const std::vector<double> harm{.7, .02, .6, .03, .05, .01, .7, .04};  // six layers
const swift_options searching{.search = {.window = 6, .proposals = 4, .good_enough = 2}};

toy_backend whole_model() { return {12, hashed_law<float>(7, 9.0)}; }

template <class B, class D, class W>
tokens text_of(B& target, D drafter, W warp, std::uint64_t seed = 1) {
  auto decoder = speculate(target, std::move(drafter), match(warp));
  return emitted_text(decoder, prompt, request{philox{seed}, length, {}});
}

/// Every set, shape and search says what plain decoding says.
template <template <class> class Layers, class W>
void check_identical(W warp) {
  auto whole = whole_model();
  Layers<float> target{whole, harm};
  for (const std::uint64_t seed : {1u, 99u}) {
    const tokens expected = text_of(target, no_draft{}, warp, seed);
    REQUIRE(expected.size() == length);
    for (const double ratio : {0.0, 0.2, 0.5, 1.0})
      for (const swift_options& o : {swift_options{}, searching, swift_options{caterpillar, searching.search},
                                     swift_options{.siblings = caterpillar_sampled}}) {
        INFO("seed " << seed << ", ratio " << ratio << ", siblings " << o.siblings[0] << ", most " << o.search.most);
        const skip_set set = spread_skips(6, ratio);
        CHECK(text_of(target, swift(warp, set, confidence_stop{0.5f, 5}, o), warp, seed) == expected);
        CHECK(text_of(target, coupled_swift(warp, set, fixed_length{4}, o), warp, seed) == expected);
      }
  }
}

}  // namespace

TEST_CASE("swift: greedy text equals plain decoding for every set, shape and search", "[swift][match]") {
  check_identical<layered>(greedy{});
}
TEST_CASE("swift: sampled text equals plain decoding for every set, shape and search", "[swift][match]") {
  check_identical<layered>(temperature{0.8f} | top_k{6});
}
TEST_CASE("swift: the same on a backend that does not fork, where a score goes back in the text", "[swift][match]") {
  check_identical<unforkable>(greedy{});
  check_identical<unforkable>(temperature{0.8f} | top_k{6});
}

TEST_CASE("swift: a round that scores and drafts nothing leaves the target at its text", "[swift][match]") {
  struct seldom {
    int rounds = 0;
    bool keep_drafting(const draft_signal& s) { return s.depth == 0 ? ++rounds % 3 == 0 : s.depth < 2; }
  };
  auto whole = whole_model();
  unforkable<float> target{whole, harm};
  CHECK(text_of(target, swift(greedy{}, spread_skips(6, 0.5), seldom{}, searching), greedy{}) ==
        text_of(target, no_draft{}, greedy{}));
}

TEST_CASE("swift: a backend that forks and one that goes back find the same sets", "[swift]") {
  auto whole = whole_model();
  const auto found = [&](auto target) {
    auto decoder = speculate(target, swift(temperature{0.8f}, spread_skips(6, 0.5), fixed_length{3}, searching),
                             match(temperature{0.8f}), stats{});
    (void)emitted_text(decoder, prompt, request{philox{3}, 200, {}});
    CHECK(decoder.drafter().search().tried() > 40);
    return std::pair{decoder.drafter().search().best(), decoder.observer().accepted};
  };
  CHECK(found(layered<float>{whole, harm}) == found(unforkable<float>{whole, harm}));
}

TEST_CASE("swift: nothing left out, nothing rejected", "[swift]") {
  auto whole = whole_model();
  layered<float> target{whole, harm};
  const auto alpha = [&](auto drafter, auto warp, auto verifier) {
    auto decoder = speculate(target, std::move(drafter), std::move(verifier), stats{});
    (void)emitted_text(decoder, prompt, request{philox{3}, length, {}});
    CHECK(decoder.observer().steps == length / 5);
    (void)warp;
    return decoder.observer().alpha();
  };
  CHECK(alpha(swift(greedy{}, skip_set{6}, fixed_length{4}), greedy{}, match(greedy{})) == 1.0);
  CHECK(alpha(swift(plain, skip_set{6}, fixed_length{4}), plain, rejection(plain)) == 1.0);
  CHECK(alpha(swift(plain, skip_set{6}, fixed_length{4}), plain, block(plain)) == 1.0);
  CHECK(alpha(coupled_swift(plain, skip_set{6}, fixed_length{4}), plain, match(plain)) == 1.0);
}

TEST_CASE("swift: drafts a chain until a token that was unsure, which stays", "[swift]") {
  // Token 0 is followed by 1 with .95, 1 by 2 with .9, 2 by 3 with .6, 3 by 4 with .9; nothing is lost.
  const auto law = [](std::span<const token> context, std::span<float> row) {
    constexpr float sure[] = {.95f, .9f, .6f, .9f, .9f, .9f};
    const auto last = static_cast<std::size_t>(context.back());
    std::fill(row.begin(), row.end(), (1 - sure[last]) / 5);
    row[(last + 1) % 6] = sure[last];
  };
  toy_backend whole{6, law};
  layered<float> target{whole, {0, 0, 0, 0}};
  const auto drafted = [&](auto policy, std::size_t budget) {
    auto decoder = speculate(target, swift(greedy{}, leaving_out(4, {0}), policy), match(greedy{}));
    decoder.start(tokens{0}, request{philox{1}, 40, {}});
    decoder.step(budget);
    return decoder.tree().drafted();
  };
  CHECK(drafted(confidence_stop{.8f, 25}, 64) == 3);
  CHECK(drafted(confidence_stop{.92f, 25}, 64) == 2);
  CHECK(drafted(confidence_stop{.8f, 2}, 64) == 2);
  CHECK(drafted(confidence_stop{.1f, 25}, 64) == 25);
  CHECK(drafted(confidence_stop{.1f, 25}, 8) == 7);
  CHECK(drafted(entropy_stop{1.0f, 25}, 64) == 3);  // entropies .281, .486, 1.317
}

TEST_CASE("swift: the number of siblings follows the confidence, and only the first one grows", "[swift]") {
  // Token 0 is followed by 1 with .96, 1 by 2 with .9, 2 by 3 with .6, 3 by 4 with .4; the others share the rest.
  const auto law = [](std::span<const token> context, std::span<float> row) {
    constexpr float sure[] = {.96f, .9f, .6f, .4f};
    const auto last = static_cast<std::size_t>(context.back()) % 4;
    for (std::size_t i = 0; i < 14; ++i) row[i] = (1 - sure[last]) / 13;
    row[last + 1] = sure[last];
  };
  toy_backend whole{14, law};
  layered<float> target{whole, {0, 0, 0, 0}};
  auto decoder = speculate(target, swift(greedy{}, leaving_out(4, {1}), fixed_length{4}, {.siblings = caterpillar}),
                           match(greedy{}));
  decoder.start(tokens{0}, request{philox{1}, 40, {}});
  decoder.step();
  const draft_tree& tree = decoder.tree();
  CHECK(tree.drafted() == 3 + 5 + 8 + 10);
  node_id at = 0;
  for (const std::size_t children : {3u, 5u, 8u, 10u}) {
    std::size_t n = 0;
    for (node_id c = tree.first_child(at); c != no_node; c = tree.next_sibling(c)) {
      if (n++ > 0) CHECK(tree.first_child(c) == no_node);
    }
    CHECK(n == children);
    at = tree.first_child(at);
    CHECK(tree[at] == tree[tree.parent(at)] + 1);
  }
  CHECK(decoder.last_verdict().accepted() == 4);
}

TEST_CASE("swift: drafting ends at an end-of-text token and at the deepest that can be emitted", "[swift]") {
  toy_backend whole{6, [](std::span<const token> context, std::span<float> row) {
                      std::fill(row.begin(), row.end(), .01f);
                      row[static_cast<std::size_t>(context.back() + 1) % 6] = .95f;
                    }};
  layered<float> target{whole, {0, 0, 0, 0}};
  auto decoder = speculate(target, swift(greedy{}, leaving_out(4, {0}), fixed_length{9}), match(greedy{}));
  decoder.start(tokens{0}, request{philox{1}, 40, {3}});
  decoder.step();
  CHECK(decoder.tree().drafted() == 3);
  CHECK(decoder.status() == status::end_of_text);
  decoder.start(tokens{0}, request{philox{1}, 3, {}});
  decoder.step();
  CHECK(decoder.tree().drafted() == 2);
}

TEST_CASE("swift: a full context ends drafting, not the text", "[swift]") {
  toy_backend whole{12, hashed_law<float>(7, 9.0), 24};
  layered<float> target{whole, harm};
  for (const swift_options& o : {swift_options{}, searching}) {
    auto decoder = speculate(target, swift(greedy{}, spread_skips(6, 0.5), fixed_length{6}, o), match(greedy{}));
    auto alone = speculate(target, no_draft{}, match(greedy{}));
    CHECK(emitted_text(decoder, prompt, request{philox{1}, 100, {}}) ==
          emitted_text(alone, prompt, request{philox{1}, 100, {}}));
    CHECK(decoder.status() == status::context);
  }
}

TEST_CASE("swift: the search leaves out what the text does not miss, and keeps that for the next text", "[swift]") {
  const swift_options wide{.search = {.window = 16, .proposals = 8, .good_enough = 2}};
  auto whole = whole_model();
  layered<float> target{whole, harm};  // places 0, 2 and 6 are missed
  const skip_set start = leaving_out(6, {0, 1, 3, 4});
  const auto run = [&](auto warp) {
    auto decoder = speculate(target, swift(warp, start, fixed_length{3}, wide), match(warp), stats{});
    auto without = speculate(target, swift(warp, start, fixed_length{3}), match(warp), stats{});
    const auto acceptance = [&](auto& d, std::uint64_t seed) {
      d.observer() = {};
      (void)emitted_text(d, prompt, request{philox{seed}, 300, {}});
      return d.observer().alpha();
    };
    (void)acceptance(decoder, 1);
    const skip_set found = decoder.drafter().search().best();
    CHECK(found.size() == 4);
    for (const std::size_t missed : {0u, 2u, 6u}) CHECK_FALSE(found.contains(missed));
    CHECK(acceptance(decoder, 2) > acceptance(without, 2) + 0.1);
    decoder.drafter().restart(start);
    CHECK(decoder.drafter().search().best() == start);
  };
  run(greedy{});
  run(temperature{0.5f});
}

TEST_CASE("swift: a set that loses nothing scores 1, on the tokens that were generated", "[swift]") {
  auto whole = whole_model();
  layered<float> target{whole, {0, 0, 0, 0}};
  const auto score = [&](auto warp, auto verifier) {
    auto decoder = speculate(target, swift(warp, leaving_out(4, {1}), fixed_length{2}, searching), verifier);
    (void)emitted_text(decoder, prompt, request{philox{5}, 30, {}});
    return decoder.drafter().search().best_score();
  };
  CHECK(score(greedy{}, match(greedy{})) == 1.0);
  CHECK(score(plain, rejection(plain)) == Approx(1).epsilon(1e-4));
}

TEST_CASE("swift: greedy, a set's score is the share of tokens that its argmax gives", "[swift]") {
  // The target says 0 1 2 3 …; of the law after an even token half moves on, so that its argmax is wrong.
  toy_backend whole{6, [](std::span<const token> context, std::span<float> row) {
                      std::fill(row.begin(), row.end(), .01f);
                      const auto last = static_cast<std::size_t>(context.back());
                      row[(last + 1) % 6] = .5f;
                      row[(last + 2) % 6] = last % 2 == 0 ? .4f : .06f;
                    }};
  layered<float> target{whole, {.3, .3, .3, .3}};
  auto decoder = speculate(target, swift(greedy{}, leaving_out(4, {0}), fixed_length{1}, searching), match(greedy{}));
  decoder.start(tokens{0}, request{philox{1}, 9, {}});
  while (decoder.status() == status::running) decoder.step();
  // After an even token: .7·.5 < .7·.4 + .3·.5. After an odd one: .35 > .7·.06 + .15.
  CHECK(decoder.drafter().search().best_score() == 0.5);
}

TEST_CASE("swift: what the search takes is in the time of drafting", "[swift]") {
  struct slow : layered<float> {
    using layered<float>::layered;
    basic_matrix_view<float> forward(sequence& s, tree_view tree) { return layered<float>::forward(s, tree); }
    basic_matrix_view<float> forward(sequence& s, tree_view tree, layer_mask mask) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{1};
      while (std::chrono::steady_clock::now() < until) {
      }
      return layered<float>::forward(s, tree, mask);
    }
  };
  auto whole = whole_model();
  slow target{whole, harm};
  auto decoder =
      speculate(target, swift(greedy{}, spread_skips(6, 0.5), fixed_length{1}, searching), match(greedy{}), stats{});
  (void)emitted_text(decoder, prompt, request{philox{1}, 40, {}});
  const stats& s = decoder.observer();
  const std::size_t scored = target.partial_passes() - s.drafted;
  CHECK(scored > decoder.drafter().search().tried());
  CHECK(decoder.drafter().search().tried() > 10);
  CHECK(s.draft_s >= 0.001 * static_cast<double>(s.drafted + scored));
}

TEST_CASE("swift: a shape without a child is refused", "[swift]") {
  CHECK_THROWS_WITH(swift(greedy{}, skip_set{4}, fixed_length{1}, {.siblings = {1, 0, 1, 1}}),
                    Catch::Matchers::Contains("at least one child"));
}
