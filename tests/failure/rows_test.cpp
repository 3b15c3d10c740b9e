// Rows of NaN, of +inf and of nothing but -inf, at every position: of the target they fail the step, of the draft
// they end the drafting.
#include "failure/parts.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

enum class weather { fine, nan, infinite, nothing };

struct sky {
  weather now = weather::fine;
  std::size_t at = 0;  // tokens before the row
};

/// A model whose row after `at` tokens is not usable while the weather lasts.
toy_backend under(const std::shared_ptr<sky>& s, double sharpness) {
  const auto law = hashed_law<float>(1, sharpness);
  return {vocab, [s, law](std::span<const token> context, std::span<float> row) {
            law(context, row);
            if (context.size() != s->at) return;
            if (s->now == weather::nan) row[3] = std::numeric_limits<float>::quiet_NaN();
            if (s->now == weather::infinite) row[3] = std::numeric_limits<float>::infinity();
            if (s->now == weather::nothing) std::ranges::fill(row, 0.0f);
          }};
}

request twenty() { return {philox{5}, 20, {}, {}}; }

template <class W>
void check_target(W warp) {
  for_each_pair(warp, [&](auto verifier, auto make) {
    auto s = std::make_shared<sky>();
    toy_backend target = under(s, 5.0);
    toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
    auto fresh = speculate(target, make(draft, warp), verifier);
    fresh.start(prompt, twenty());
    const outcome expected = write_by(fresh);
    REQUIRE(expected.end == status::length);
    for (const weather kind : {weather::nan, weather::infinite, weather::nothing}) {
      std::size_t by_decoder = 0;
      std::size_t by_machine = 0;
      for (std::size_t at = prompt.size(); at < prompt.size() + 20; ++at) {
        const auto clouds = [&] { *s = {kind, at}; };
        const auto clears = [&] { s->now = weather::fine; };
        clouds();
        auto decoder = speculate(target, make(draft, warp), verifier);
        decoder.start(prompt, twenty());
        const outcome out = write_by(decoder, clears);
        CHECK(out.text == expected.text);
        CHECK(out.faults.size() <= 1);
        for (const fault f : out.faults) CHECK(f == fault::rows);
        by_decoder += out.faults.size();

        clouds();
        toy_host<float> host;
        host.add(0, target);
        host.add(1, draft);
        const hosted_model hosted_target{0, vocab, 4096};
        hosted_model hosted_draft{1, vocab, 4096};
        step_machine machine{hosted_target, make(hosted_draft, warp), verifier};
        machine.start(prompt, twenty());
        const outcome again = write_by(machine, host, clears);
        CHECK(again.text == expected.text);
        by_machine += again.faults.size();
      }
      CHECK(by_decoder == 20);  // each of these rows decides about a token of the text
      CHECK(by_machine == 20);
    }
  });
}

}  // namespace

TEST_CASE("A10: an unusable row of the target, wherever it stands, fails its step, and the text goes on once it heals",
          "[failure][A10]") {
  check_target(warm);
}
TEST_CASE("A10: the same at temperature 0", "[failure][A10]") { check_target(greedy{}); }
TEST_CASE("A10: the same through filters", "[failure][A10]") {
  check_target(temperature{0.9f} | top_k{6} | top_p{0.95f} | min_p{0.01f});
}

TEST_CASE("A10: an unusable row of the draft ends the drafting there, not the text", "[failure][A10]") {
  for_each_pair(warm, [&](auto verifier, auto make) {
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    auto plain = speculate(target, no_draft{}, match(warm));
    plain.start(prompt, twenty());
    const tokens plain_text = write_by(plain).text;
    for (const weather kind : {weather::nan, weather::infinite, weather::nothing})
      for (std::size_t at = prompt.size(); at < prompt.size() + 20; ++at) {
        auto s = std::make_shared<sky>(sky{kind, at});
        toy_backend draft = under(s, 4.0);
        auto decoder = speculate(target, make(draft, warm), verifier);
        decoder.start(prompt, twenty());
        const outcome out = write_by(decoder);
        CHECK(out.faults.empty());
        CHECK(out.end == status::length);
        CHECK(out.text.size() == plain_text.size());
        if constexpr (std::is_same_v<decltype(verifier), match<temperature>>) CHECK(out.text == plain_text);
      }
  });
}
