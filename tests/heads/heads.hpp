// Small acceptance heads.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <hunch/drafters/acceptance_head.hpp>

namespace hunch::test {

/// Width 1, no blocks: acceptance is the logistic function of weights·(state, log-odds of the drawn token) + bias.
inline acceptance_head linear_head(std::vector<float> weights, float bias, draft_draw draw = draft_draw::greedy) {
  const std::size_t hidden = weights.size() - 1;
  return {{hidden, 1, {std::move(weights), {bias}}, {}, {{1, 1, 1}, {0, 0, 0}}}, draw};
}

}  // namespace hunch::test
