#include "costs.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "passes.hpp"
#include "report.hpp"

namespace hunch::cli {
namespace {

constexpr std::size_t depth = 128;  // tokens before the passes
constexpr int repetitions = 3;

timed_passes passes_of(device_backend& model) { return {model, std::min(depth, model.context() / 2)}; }

/// Median seconds of a pass over a chain of `rows`.
double seconds_of(timed_passes& passes, std::size_t rows) {
  const draft_tree chain = passes.chain(rows);
  (void)passes.seconds(chain);  // warm
  std::vector<double> took;
  for (int i = 0; i < repetitions; ++i) took.push_back(passes.seconds(chain));
  return median(took);
}

}  // namespace

draft_costs measured_costs(device_backend& target, device_backend* draft) {
  timed_passes checking = passes_of(target);
  const double one = seconds_of(checking, 1);
  draft_costs costs{0.0, {1.0}};
  if (draft != nullptr) {
    timed_passes drafting = passes_of(*draft);
    costs.draft = seconds_of(drafting, 1) / one;
  }
  for (const std::size_t rows : std::array<std::size_t, 4>{2, 4, 8, 16}) {  // between them by straight lines
    const double before = costs.pass.back();
    const auto steps = static_cast<double>(rows - costs.pass.size());
    const double slope = (std::max(seconds_of(checking, rows) / one, before) - before) / steps;
    for (double i = 1; i <= steps; ++i) costs.pass.push_back(before + i * slope);
  }
  return costs;
}

}  // namespace hunch::cli
