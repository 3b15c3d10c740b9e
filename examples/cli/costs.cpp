#include "costs.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include <hunch/core/draft_tree.hpp>

#include "report.hpp"

namespace hunch::cli {
namespace {

constexpr std::size_t depth = 128;  // tokens before the passes
constexpr int repetitions = 3;

/// Tokens that look like text to the kernels: their time does not depend on which they are.
token some_token(std::size_t i, std::size_t vocab) { return static_cast<token>((i * 7919 + 1000) % vocab); }

class passes {
 public:
  explicit passes(cpu::backend& model) : model_{model}, sequence_{model.open()} {
    std::vector<token> text;
    for (std::size_t i = 0; i < std::min(depth, model.context() / 2); ++i)
      text.push_back(some_token(i, model.vocab_size()));
    model_.prefill(sequence_, text);
  }
  /// Median seconds of a pass over a chain of `rows`.
  [[nodiscard]] double seconds(std::size_t rows) {
    const std::size_t vocab = model_.vocab_size();
    draft_tree chain{vocab};
    chain.reset(some_token(0, vocab));
    for (node_id tip = 0; chain.size() < rows;) tip = chain.add(tip, some_token(chain.size(), vocab));
    std::vector<double> took;
    for (int i = 0; i <= repetitions; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      (void)model_.forward(sequence_, chain.view());
      took.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      model_.commit(sequence_, {});
    }
    took.erase(took.begin());  // warm
    return median(took);
  }

 private:
  cpu::backend& model_;
  cpu::sequence sequence_;
};

}  // namespace

draft_costs measured_costs(cpu::backend& target, cpu::backend* draft) {
  passes checking{target};
  const double one = checking.seconds(1);
  draft_costs costs{draft == nullptr ? 0.0 : passes{*draft}.seconds(1) / one, {1.0}};
  for (const std::size_t rows : std::array<std::size_t, 4>{2, 4, 8, 16}) {  // between them by straight lines
    const double before = costs.pass.back();
    const auto steps = static_cast<double>(rows - costs.pass.size());
    const double slope = (std::max(checking.seconds(rows) / one, before) - before) / steps;
    for (double i = 1; i <= steps; ++i) costs.pass.push_back(before + i * slope);
  }
  return costs;
}

}  // namespace hunch::cli
