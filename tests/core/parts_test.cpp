// Run-time choice, range views, observers.
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/take_while.hpp>

#include <hunch/hunch.hpp>
#include <hunch/testing/exact_law.hpp>

#include "lossless/checks.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;
using tokens = std::vector<token>;

namespace {

/// Range by range: ranges::to makes GCC 12 warn about range-v3's own iterator.
template <class Range>
std::vector<node_id> listed(Range range) {
  std::vector<node_id> all;
  for (const node_id n : range) all.push_back(n);
  return all;
}

struct timed {
  static constexpr bool wants_time = true;
  double seconds = 0;
  void on_step(const step_event& e) { seconds += e.draft_s + e.target_s + e.verify_s; }
};
struct untimed {
  double seconds = 0;
  void on_step(const step_event& e) { seconds += e.draft_s + e.target_s + e.verify_s; }
};

}  // namespace

TEST_CASE("any_drafter: a coupled drafter before rejection is refused when the decoder is built", "[any]") {
  toy_backend model{8, hashed_law<float>(3, 4.0)};
  const temperature warp{0.8f};
  const auto coupled_chain = [&] { return with_length(coupled_model_drafter(model, warp), fixed_length{2}); };
  const std::string message = "hunch: the verifier is not exact for siblings of law coupled";
  CHECK_THROWS_WITH(speculate(model, any_drafter(coupled_chain()), rejection(warp)),
                    Catch::Matchers::Contains(message));
  CHECK_THROWS_WITH(speculate(model, first_of(any_drafter(coupled_chain()), no_draft{}), rejection(warp)),
                    Catch::Matchers::Contains(message));
  CHECK_THROWS_WITH(speculate(model, any_drafter(first_of(no_draft{}, coupled_chain())), rejection(warp)),
                    Catch::Matchers::Contains(message));
  CHECK_NOTHROW(speculate(model, any_drafter(coupled_chain()), match(warp)));
  CHECK_NOTHROW(speculate(model, any_drafter(no_draft{}), rejection(warp)));
}

TEST_CASE("any_drafter: says what its drafter says, verdicts included", "[any]") {
  struct learner {
    std::size_t* seen;
    void propose(const decode_context& ctx, draft_tree& tree) const { tree.add(0, ctx.text.back()); }
    void observe(const draft_tree&, const verdict& v) const { *seen += 1 + v.accepted(); }
  };
  toy_backend model{8, iid_law<float>({0, 1, 0, 0, 0, 0, 0, 0})};
  std::size_t seen = 0;
  auto decoder = speculate(model, any_drafter(learner{&seen}), match(greedy{}));
  CHECK(emitted_text(decoder, {1}, request{philox{}, 4, {}}) == tokens{1, 1, 1, 1});
  CHECK(seen == 4);  // two rounds, a draft accepted in each
}

TEST_CASE("any_decoder: gives the text, statistics and verdicts of what it holds", "[any]") {
  toy_backend model{8, hashed_law<float>(3, 4.0)};
  const auto make = [&] {
    return speculate(model, with_length(prompt_lookup(1), fixed_length{3}), match(temperature{0.8f}), stats{});
  };
  auto direct = make();
  any_decoder erased{make()};
  const request wish{philox{3}, 40, {}};
  CHECK(emitted_text(erased, {1, 2}, wish) == emitted_text(direct, {1, 2}, wish));
  CHECK(erased.status() == status::length);
  CHECK(erased.observer().steps == direct.observer().steps);
  CHECK(erased.tree().size() == direct.tree().size());
  CHECK(erased.last_verdict().path == direct.last_verdict().path);
}

TEST_CASE("children: the nodes below a parent in judging order; nodes: all of them", "[ranges]") {
  draft_tree tree{10};
  tree.reset(0);
  const node_id a = tree.add(0, 3);
  const node_id b = tree.add(0, 1);
  const node_id c = tree.add(a, 5);
  CHECK(listed(children(tree, 0)) == std::vector<node_id>{a, b});
  CHECK(listed(children(tree, a)) == std::vector<node_id>{c});
  CHECK(listed(children(tree, b)).empty());
  CHECK((nodes(tree) | ranges::to<std::vector>()) == std::vector<node_id>{0, a, b, c});
  verdict v;
  v.path = {0, a, c};
  CHECK((path_tokens(tree, v) | ranges::to<std::vector>()) == tokens{3, 5});
}

TEST_CASE("stream: gives the tokens of the text and ends with it", "[ranges]") {
  const tokens script{1, 2, 3, 9, 5, 6};
  auto target = scripted_target(script);
  auto decoder = speculate(target, scripted_drafter{{1, 2}}, match(greedy{}));
  decoder.start(tokens{0}, request{philox{}, 50, {9}});
  tokens seen;
  for (const token t : stream(decoder)) seen.push_back(t);
  CHECK(seen == tokens{1, 2, 3, 9});
  CHECK(decoder.status() == status::end_of_text);
  for (const token t : stream(decoder)) seen.push_back(t);  // a text that has ended gives nothing more
  CHECK(seen.size() == 4);
}

TEST_CASE("stream: take(n) takes n tokens and runs no step beyond them", "[ranges]") {
  auto target = scripted_target({1, 2, 3, 4, 5, 6, 7});
  auto decoder = speculate(target, scripted_drafter{{1, 2}}, match(greedy{}));
  decoder.start(tokens{0});
  tokens seen;
  for (const token t : stream(decoder) | ranges::views::take(3)) seen.push_back(t);
  CHECK(seen == tokens{1, 2, 3});
  CHECK(target.work().passes == 1);  // two drafts and the bonus were the three
}

TEST_CASE("stream: take_while stops at a token", "[ranges]") {
  auto target = scripted_target({1, 2, 3, 4, 5, 6, 7});
  auto decoder = speculate(target, no_draft{}, match(greedy{}));
  decoder.start(tokens{0});
  tokens seen;
  for (const token t : stream(decoder) | ranges::views::take_while([](token x) { return x != 4; })) seen.push_back(t);
  CHECK(seen == tokens{1, 2, 3});
}

TEST_CASE("stats: counts by hand, zero when empty", "[stats]") {
  CHECK(statistics_violations(stats{}) == std::vector<std::string>{});
  CHECK(stats{}.accepted_histogram().empty());
}

TEST_CASE("both: tells two observers, and wants time if one of them does", "[observer]") {
  struct counter {
    std::size_t steps = 0;
    void on_step(const step_event&) { ++steps; }
  };
  both pair{counter{}, stats{}};
  pair.on_step({.drafted = 1, .emitted = 1});
  CHECK(pair.first.steps == 1);
  CHECK(pair.second.drafted == 1);
  CHECK(wants_time<both<counter, stats>>());
  CHECK_FALSE(wants_time<both<counter, counter>>());
  CHECK_FALSE(wants_time<no_observer>());
}

TEST_CASE("observer: times are read only for who wants them", "[observer]") {
  toy_backend model{8, hashed_law<float>(3, 4.0)};
  auto with = speculate(model, no_draft{}, match(greedy{}), timed{});
  auto without = speculate(model, no_draft{}, match(greedy{}), untimed{});
  (void)emitted_text(with, {1}, request{philox{}, 20, {}});
  (void)emitted_text(without, {1}, request{philox{}, 20, {}});
  CHECK(with.observer().seconds > 0);
  CHECK(without.observer().seconds == 0);
}
