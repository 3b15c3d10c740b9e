// The production source of randomness in float, by the counts of many texts.
#include <map>
#include <set>
#include <tuple>

#include "lossless/fixtures.hpp"
#include "lossless/mutants.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Distance between the counts of `draws` texts of two tokens over a vocabulary of six and the target's law, in
/// standard deviations of what multinomial noise alone gives.
template <class Make>
double sigmas(Make make, const toy_backend& target, std::size_t draws) {
  const std::vector<token> prompt{2, 4};
  const text_law law = target_law(target, prompt, 2, plain);
  text_law counts;
  auto decoder = make();
  for (std::size_t i = 0; i < draws; ++i)
    counts[emitted_text(decoder, prompt, request{philox{1000 + i}, 2, {}})] += 1.0 / static_cast<double>(draws);
  // Each count is nearly normal with variance p(1 - p)/n, so E|X| = √(2/π)·s and Var|X| = (1 - 2/π)·s²; cells are
  // taken as independent.
  double mean = 0;
  double variance = 0;
  for (const auto& [text, p] : law) {
    const double s2 = p * (1 - p) / static_cast<double>(draws);
    mean += std::sqrt(2 / 3.14159265358979 * s2) / 2;
    variance += (1 - 2 / 3.14159265358979) * s2 / 4;
  }
  return (total_variation(counts, law) - mean) / std::sqrt(variance);
}

struct six_tokens {
  toy_backend target{6, hashed_law<float>(21, 2.0)};
  toy_backend draft{6, hashed_law<float>(22, 2.0)};
};

/// Philox, and a note of every counter that was read.
class audited {
 public:
  using key = std::tuple<std::uint64_t, node_id, purpose>;
  audited() = default;
  audited(philox inner, std::set<key>& read, std::size_t& twice) : inner_{inner}, read_{&read}, twice_{&twice} {}
  [[nodiscard]] audited split(std::uint32_t stage) const { return {inner_.split(stage), *read_, *twice_}; }
  [[nodiscard]] bool accept(draw_site at, float p, float q) const {
    note({at.round, at.node, purpose::accept});
    return inner_.accept(at, p, q);
  }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const float> w) const {
    note({at.round, at.node, why});
    return inner_.categorical(at, why, w);
  }
  void ordered_without_replacement(draw_site at, std::span<const float> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    note({at.round, at.node, purpose::draft});
    inner_.ordered_without_replacement(at, q, k, out);
  }
  [[nodiscard]] token at_position(std::uint64_t position, std::span<const float> logits) const {
    note({position, 0, purpose::target});
    return inner_.at_position(position, logits);
  }

 private:
  void note(const key& k) const { *twice_ += read_->insert(k).second ? std::size_t{0} : 1; }
  philox inner_;
  std::set<key>* read_ = nullptr;
  std::size_t* twice_ = nullptr;
};

template <class Make>
std::size_t counters_read_twice(Make make) {
  std::set<audited::key> read;
  std::size_t twice = 0;
  auto decoder = make();
  (void)emitted_text(decoder, {1}, basic_request<audited>{audited{philox{5}, read, twice}, 200, {}});
  REQUIRE(read.size() > 200);
  return twice;
}

}  // namespace

TEST_CASE("monte carlo: chains, trees, lookup and match lie within 3 sigma of the target's law", "[lossless]") {
  six_tokens m;
  const auto chain_of = [&] { return with_length(model_drafter(m.draft, plain), fixed_length{2}); };
  CHECK(sigmas([&] { return speculate(m.target, no_draft{}, rejection(plain)); }, m.target, 8000) < 3);
  CHECK(sigmas([&] { return speculate(m.target, chain_of(), rejection(plain)); }, m.target, 8000) < 3);
  CHECK(sigmas([&] { return speculate(m.target, chain_of(), match(plain)); }, m.target, 8000) < 3);
  CHECK(sigmas([&] { return speculate(m.target, constant_tree(m.draft, plain, {3}), rejection(plain)); }, m.target,
               8000) < 3);
}

TEST_CASE("monte carlo: coupled drafts keep the target's law", "[lossless]") {
  six_tokens m;
  const auto coupled_chain = [&] { return with_length(coupled_model_drafter(m.draft, plain), fixed_length{2}); };
  CHECK(sigmas([&] { return speculate(m.target, coupled_chain(), match(plain)); }, m.target, 8000) < 3);
}

TEST_CASE("monte carlo: a wrong q and a dropped token lie beyond 3 sigma", "[mutants]") {
  six_tokens m;
  CHECK(sigmas(
            [&] {
              return speculate(m.target, wrong_drafter<toy_backend, temperature, draft_bug::wrong_q>{m.draft, plain},
                               rejection(plain));
            },
            m.target, 8000) > 3);
  CHECK(sigmas(
            [&] {
              return speculate(m.target,
                               wrong_drafter<toy_backend, temperature, draft_bug::drops_unsure>{m.draft, plain},
                               rejection(plain));
            },
            m.target, 8000) > 3);
}

TEST_CASE("counters: no counter feeds two decisions in two hundred tokens", "[lossless]") {
  six_tokens m;
  const auto drafter = [&] { return with_length(model_drafter(m.draft, plain), fixed_length{3}); };
  const auto tree = [&] { return constant_tree(m.draft, plain, {2, 2}); };
  CHECK(counters_read_twice([&] { return speculate<audited>(m.target, drafter(), rejection(plain)); }) == 0);
  CHECK(counters_read_twice([&] { return speculate<audited>(m.target, drafter(), match(plain)); }) == 0);
  CHECK(counters_read_twice([&] { return speculate<audited>(m.target, tree(), rejection(plain)); }) == 0);
}

TEST_CASE("mutant: draws keyed by position read counters twice", "[mutants]") {
  six_tokens m;
  CHECK(counters_read_twice([&] {
          return speculate<audited>(m.target, with_length(model_drafter(m.draft, plain), fixed_length{3}),
                                    block_chain<temperature, true>{plain});
        }) > 0);
}
