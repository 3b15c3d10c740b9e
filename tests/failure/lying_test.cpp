// Drafters that break law D2: their step fails, nothing else happens, and once they mend the text goes on.
#include <cmath>

#include "failure/parts.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

enum class lie { negative, beyond, far_beyond, too_many, too_deep, q_zero, q_nan, q_negative, q_infinite, q_unfilled };

/// A lookup that lies in its second round.
struct liar {
  static constexpr laws sibling_laws = deterministic;
  lie what;
  int round = 0;
  with_length<prompt_lookup, fixed_length> honest{prompt_lookup(1), fixed_length{3}};

  void propose(const decode_context& ctx, draft_tree& tree) {
    if (++round != 2) return honest.propose(ctx, tree);
    constexpr auto size = static_cast<token>(vocab);
    const auto alone = [&](token t) { tree.add(0, t); };
    const auto with_q = [&](float q) {
      std::ranges::fill(tree.make_q(0), 1.0f / 12);
      tree.make_q(0)[7] = q;
      tree.add(0, 7);
    };
    node_id tip = 0;
    switch (what) {
      case lie::negative:
        return alone(-1);  // what ragged batches are padded with
      case lie::beyond:
        return alone(size);
      case lie::far_beyond:
        return alone(std::numeric_limits<token>::max());
      case lie::too_many:
        for (std::size_t i = 0; i < ctx.budget; ++i) tree.add(static_cast<node_id>(i / 12), static_cast<token>(i % 12));
        return;
      case lie::too_deep:
        for (std::uint32_t d = 0; d <= ctx.max_depth; ++d) tip = tree.add(tip, 1);
        return;
      case lie::q_zero:
        return with_q(0);
      case lie::q_nan:
        return with_q(std::numeric_limits<float>::quiet_NaN());
      case lie::q_negative:
        return with_q(-0.5f);
      case lie::q_infinite:
        return with_q(std::numeric_limits<float>::infinity());
      case lie::q_unfilled:
        (void)tree.make_q(0);
        return alone(7);
    }
  }
};

struct hopeless {
  static constexpr laws sibling_laws = deterministic;
  void propose(const decode_context&, draft_tree& tree) const { tree.add(0, -1); }
};

fault expected_of(lie what) {
  if (what <= lie::far_beyond) return fault::draft_token;
  if (what == lie::too_many) return fault::draft_budget;
  if (what == lie::too_deep) return fault::draft_depth;
  return fault::draft_law;
}

/// Plain requests; max_depth is small so that a tree can be too deep without being too large.
request wish_of(lie what) { return {philox{5}, what == lie::too_deep ? std::size_t{8} : 30, {}, {}}; }

void check(lie what) {
  CAPTURE(int(what));
  for_each_verifier([&](auto verifier) {
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    auto honest = speculate(target, with_length(prompt_lookup(1), fixed_length{3}), verifier);
    honest.start(prompt, wish_of(what));
    const outcome expected = write_by(honest);
    REQUIRE(expected.end == status::length);

    auto decoder = speculate(target, liar{what}, verifier);
    decoder.start(prompt, wish_of(what));
    decoder.step(24);
    target.reset_work();
    const auto failed = decoder.step(24);
    CHECK(failed.status == status::failed);
    CHECK(failed.emitted.empty());
    CHECK(decoder.fault() == expected_of(what));
    CHECK(target.work().passes == 0);  // a tree that lies is not run
    CHECK(write_by(decoder).text == expected.text);

    toy_host<float> host;
    host.add(0, target);
    step_machine machine{hosted_model{0, vocab, 4096}, liar{what}, verifier};
    machine.start(prompt, wish_of(what));
    const outcome by_machine = write_by(machine, host);
    CHECK(by_machine.faults == std::vector<fault>{expected_of(what)});
    CHECK(by_machine.text == expected.text);
  });
}

}  // namespace

TEST_CASE("A17: a drafted -1, the padding of ragged batches, is refused and never read as a token", "[failure][A17]") {
  check(lie::negative);
}
TEST_CASE("lying drafters: tokens beyond the vocabulary are refused", "[failure]") {
  check(lie::beyond);
  check(lie::far_beyond);
}
TEST_CASE("lying drafters: more nodes than the budget are refused", "[failure][B12]") { check(lie::too_many); }
TEST_CASE("B11: nodes deeper than what can be emitted are refused", "[failure][B11]") { check(lie::too_deep); }
TEST_CASE("A8: a draft that its q gives no mass is refused, as are NaN, negative and infinite q", "[failure][A8]") {
  check(lie::q_zero);
  check(lie::q_nan);
  check(lie::q_negative);
  check(lie::q_infinite);
}
TEST_CASE("A19: a q row that was never filled is refused where contracts are checked", "[failure][A19]") {
  if (!HUNCH_CHECKS_CONTRACTS) {
    WARN("SKIPPED: built without contract checks, where a row that was not filled holds what was there before");
    return;
  }
  check(lie::q_unfilled);
}

TEST_CASE("A19: a q row that is used again holds NaN until it is filled, where contracts are checked",
          "[failure][A19]") {
  if (!HUNCH_CHECKS_CONTRACTS) {
    WARN("SKIPPED: built without contract checks");
    return;
  }
  draft_tree tree{vocab};
  tree.reset(0);
  std::ranges::fill(tree.make_q(0), 1.0f / 12);
  tree.make_q(0)[3] = 0.25f;  // asked for again within a round, it is the same row
  CHECK(tree.q(0)[2] == 1.0f / 12);
  tree.reset(0);
  for (const float x : tree.make_q(0)) CHECK(std::isnan(x));
}

TEST_CASE("lying drafters: a drafter that never mends fails every step and never the text before", "[failure]") {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  auto decoder = speculate(target, hopeless{}, match(warm));
  decoder.start(prompt, {philox{5}, 30, {}, {}});
  for (int i = 0; i < 3; ++i) CHECK(decoder.step().status == status::failed);
  CHECK(copy(decoder.text()) == prompt);
}
