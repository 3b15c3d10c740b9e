// A draft behind a draft: the laws of both hold, and the second one sees what the first one drafted.
#include "lossless/fixtures.hpp"
#include "machine/toy_host.hpp"
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

auto lookup(std::uint32_t length) { return with_length(prompt_lookup(1), fixed_length{length}); }

}  // namespace

TEST_CASE("followed_by: a chain of one behind a chain of two is a chain of three", "[followed_by]") {
  auto m = fixture_m();
  const auto three = [&] { return followed_by<double>(chain(m, 2), chain(m, 1)); };
  CHECK(std::abs(judged(m, three, rejection(plain)).accepted - 13889. / 7200) < exact);
  CHECK(std::abs(judged(m, three, block(plain)).accepted - 151. / 72) < exact);
}

TEST_CASE("followed_by: the text of several rounds has the target's law", "[followed_by]") {
  auto m = fixture_m();
  const auto model_then_lookup = [&] { return followed_by<double>(chain(m, 1), lookup(1)); };
  CHECK(text_distance_of(m, model_then_lookup, rejection(plain), 4) < exact);
  CHECK(text_distance_of(m, model_then_lookup, block(plain), 4) < exact);
  const auto lookup_then_model = [&] { return followed_by<double>(lookup(1), chain(m, 1)); };
  CHECK(text_distance_of(m, lookup_then_model, traversal(plain), 4) < exact);
  const auto two_models = [&] { return followed_by<double>(chain(m, 1), chain(m, 1)); };
  CHECK(text_distance_of(m, two_models, rejection(plain), 4) < exact);
  const auto cascade = [&] { return followed_by<double>(staged(m.draft, lookup(1), rejection(plain), 1), lookup(1)); };
  CHECK(text_distance_of(m, cascade, block(plain), 4) < exact);
}

TEST_CASE("followed_by: the second drafter goes on from the first one's last token, within the budget",
          "[followed_by]") {
  draft_tree tree{12};
  const std::vector<token> text{1, 2, 3, 4, 5, 1, 2};
  decode_context ctx;
  ctx.text = text;
  ctx.budget = 5;
  ctx.max_depth = 9;
  tree.reset(2);
  auto both = followed_by(lookup(2), lookup(9));  // 3 4, then what followed 4
  both.propose(ctx, tree);
  CHECK(std::ranges::equal(tree.view().tokens, std::vector<token>{2, 3, 4, 5, 1}));
  CHECK(std::ranges::equal(tree.view().depths, std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
  ctx.max_depth = 3;
  tree.reset(2);
  both.propose(ctx, tree);
  CHECK(tree.size() == 4);
  const std::vector<token> ends{4};
  ctx.end_of_text = ends;
  tree.reset(2);
  both.propose(ctx, tree);
  CHECK(tree.size() == 3);  // nothing behind an end of text
}

TEST_CASE("followed_by: under a host's machine it says what it says over backends", "[followed_by]") {
  const temperature warm{0.9f};
  toy_backend target{12, hashed_law<float>(1, 5.0)}, big{12, hashed_law<float>(1, 4.5)},
      small{12, hashed_law<float>(1, 3.)};
  hosted_model hosted_target{0, 12, 4096}, hosted_big{1, 12, 4096}, hosted_small{2, 12, 4096};
  const auto parts = [&](auto& first, auto& second) {
    return followed_by(with_length(model_drafter(first, warm), fixed_length{2}),
                       with_length(model_drafter(second, warm), fixed_length{3}));
  };
  const std::vector<token> prompt{3, 1, 4};
  auto decoder = speculate(target, parts(big, small), block(warm));
  decoder.start(prompt, {philox{5}, 80, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  step_machine machine{hosted_target, parts(hosted_big, hosted_small), block(warm)};
  testing::toy_host<float> host;
  host.add(0, target);
  host.add(1, big);
  host.add(2, small);
  machine.start(prompt, {philox{5}, 80, {}, {}});
  while (machine.status() == status::running) {
    while (const auto wanted = machine.next()) machine.supply(host.run(*wanted));
    host.apply(0, machine.result().cache);
  }
  CHECK(std::ranges::equal(machine.text(), decoder.text()));
}
