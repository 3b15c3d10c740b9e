// What the tests of trees and their verifiers share.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lossless/fixtures.hpp"

namespace hunch::test {

using branching_vector = std::vector<std::uint32_t>;

/// One round of a drafter from `make_drafter()` under `verifier`, over all outcomes.
template <class MakeDrafter, class V>
round_law judged(pair_of_models& m, MakeDrafter make_drafter, const V& verifier) {
  return one_round([&] { return speculate<branching>(m.target, make_drafter(), verifier); });
}

/// Distance of the text of several rounds from the target's law.
template <class MakeDrafter, class V>
double text_distance_of(pair_of_models& m, MakeDrafter make_drafter, const V& verifier, std::size_t length) {
  return text_distance([&] { return speculate<branching>(m.target, make_drafter(), verifier); }, m.target, length);
}

inline auto rsd_c(pair_of_models& m, const branching_vector& shape) {
  return [&m, shape] { return gumbel_top_k(m.draft, plain, shape); };
}
inline auto independent(pair_of_models& m, const branching_vector& shape) {
  return [&m, shape] { return iid_children(m.draft, plain, shape); };
}

/// The law of one round by Philox draws: counts, and accepted drafts on average.
template <class MakeDrafter, class V>
round_law sampled(pair_of_models& m, MakeDrafter make_drafter, const V& verifier, std::size_t draws,
                  std::uint64_t seed = 1) {
  round_law out;
  auto decoder = speculate(m.target, make_drafter(), verifier);
  for (std::size_t i = 0; i < draws; ++i) {
    decoder.start(start_text, request{philox{seed + i}});
    const auto emitted = decoder.step().emitted;
    out.emitted[{emitted.begin(), emitted.end()}] += 1.0 / static_cast<double>(draws);
    out.accepted += static_cast<double>(decoder.last_verdict().accepted()) / static_cast<double>(draws);
  }
  return out;
}

/// Three times the usual distance of `draws` samples from a law of `cells` equal cells.
inline double sampling_threshold(double cells, std::size_t draws) {
  return 3 * 0.4 * std::sqrt(cells / static_cast<double>(draws));
}

}  // namespace hunch::test
