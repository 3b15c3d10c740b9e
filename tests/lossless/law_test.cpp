// The law of a text over several rounds is the target's, whatever drafts and however it is judged.
#include "lossless/fixtures.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("chains: the text of several rounds has the target's law on M", "[lossless]") {
  auto m = fixture_m();
  for (const std::uint32_t gamma : {1u, 2u}) {
    INFO("gamma " << gamma);
    CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, gamma), rejection(plain)); }, m.target,
                        gamma + 2) < exact);
  }
}

TEST_CASE("chains of three: two rounds have the target's law on M", "[lossless]") {
  auto m = fixture_m();
  CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, 3), rejection(plain)); }, m.target, 4) <
        exact);
}

TEST_CASE("trees: the text of several rounds has the target's law on M", "[lossless]") {
  auto m = fixture_m();
  for (const auto& shape : {std::vector<std::size_t>{2}, {3}, {2, 1}, {1, 2}})
    CHECK(text_distance(
              [&] { return speculate<branching>(m.target, constant_tree(m.draft, plain, shape), rejection(plain)); },
              m.target, 3) < exact);
}

TEST_CASE("match: the text of several rounds has the target's law on M", "[lossless]") {
  auto m = fixture_m();
  CHECK(text_distance([&] { return speculate<branching>(m.target, chain(m, 2), match(plain)); }, m.target, 3) < exact);
  CHECK(text_distance(
            [&] {
              return speculate<branching>(m.target, constant_tree(m.draft, plain, {2, 1}), match(plain));
            },
            m.target, 3) < exact);
}

TEST_CASE("lookup: the text has the target's law under rejection and match", "[lossless]") {
  auto m = fixture_m();
  const auto lookup = [] { return with_length(prompt_lookup(1), fixed_length{2}); };
  CHECK(text_distance([&] { return speculate<branching>(m.target, lookup(), rejection(plain)); }, m.target, 6) < exact);
  CHECK(text_distance([&] { return speculate<branching>(m.target, lookup(), match(plain)); }, m.target, 6) < exact);
}

TEST_CASE("first_of: a mixture of lookup and model has the target's law", "[lossless]") {
  auto m = fixture_m();
  const auto mixture = [&] { return first_of(with_length(prompt_lookup(1), fixed_length{2}), chain(m, 1)); };
  CHECK(text_distance([&] { return speculate<branching>(m.target, mixture(), rejection(plain)); }, m.target, 4) <
        exact);
}

TEST_CASE("first_of: drafts that depend on the text may mix trees and chains", "[lossless]") {
  auto m = fixture_m();
  const auto mixture = [&] {
    return first_of(with_length(prompt_lookup(2), fixed_length{1}), constant_tree(m.draft, plain, {2}));
  };
  CHECK(text_distance([&] { return speculate<branching>(m.target, mixture(), rejection(plain)); }, m.target, 4) <
        exact);
}

TEST_CASE("warpers: top-k, top-p, min-p and temperature give the warped target's law", "[lossless]") {
  auto m = fixture_m();
  const auto distance = [&](auto of_target, auto of_draft) {
    return text_distance([&] { return speculate<branching>(m.target, chain(m, 2, of_draft), rejection(of_target)); },
                         m.target, 3, of_target);
  };
  CHECK(distance(top_k{2}, top_k{2}) < exact);
  CHECK(distance(top_p{0.8f}, top_p{0.8f}) < exact);
  CHECK(distance(temperature{0.7f} | top_p{0.9f}, temperature{0.7f} | top_p{0.9f}) < exact);
  CHECK(distance(min_p{0.4f}, temperature{2.0f}) < exact);  // a draft may be warped otherwise: less accepted, same law
  CHECK(distance(temperature{1.5f}, greedy{}) < exact);
  CHECK(distance(greedy{}, temperature{1.5f}) < exact);
}

TEST_CASE("a length that reads the drafted tokens keeps the law: keep the token, then stop", "[lossless]") {
  struct stop_after_unsure {
    bool keep_drafting(const draft_signal& s) const { return s.depth < 3 && s.probability >= 0.3f; }
  };
  auto m = fixture_m();
  const auto drafter = [&] { return with_length(model_drafter(m.draft, plain), stop_after_unsure{}); };
  CHECK(text_distance([&] { return speculate<branching>(m.target, drafter(), rejection(plain)); }, m.target, 4) <
        exact);
}

TEST_CASE("budgets and rewinding: neither changes the law", "[lossless]") {
  auto m = fixture_m();
  append_only target{m.target};
  append_only draft{m.draft};
  const text_law emitted = enumerate([&](branching source) {
    auto decoder =
        speculate<branching>(target, with_length(model_drafter(draft, plain), fixed_length{3}), rejection(plain));
    decoder.start(start_text, basic_request<branching>{source, 4, {}});
    std::size_t budget = 2;
    while (decoder.status() == status::running) decoder.step(budget++);
    return std::vector<token>(decoder.text().begin() + 1, decoder.text().end());
  });
  CHECK(total_variation(emitted, target_law(m.target, start_text, 4, plain)) < exact);
}
