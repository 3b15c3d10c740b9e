#include "passes.hpp"

#include <chrono>
#include <vector>

namespace hunch::cli {
namespace {

token some_token(std::size_t i, std::size_t vocab) { return static_cast<token>((i * 7919 + 1000) % vocab); }

}  // namespace

timed_passes::timed_passes(device_backend& model, std::size_t depth) : model_{model}, sequence_{model.open()} {
  std::vector<token> text;
  for (std::size_t i = 0; i < depth; ++i) text.push_back(some_token(i, model.vocab_size()));
  model_.prefill(sequence_, text);
}

draft_tree timed_passes::chain(std::size_t rows) const {
  const std::size_t vocab = model_.vocab_size();
  draft_tree tree{vocab};
  tree.reset(some_token(0, vocab));
  for (node_id tip = 0; tree.size() < rows;) tip = tree.add(tip, some_token(tree.size(), vocab));
  return tree;
}

double timed_passes::seconds(const draft_tree& tree) {
  const auto begin = std::chrono::steady_clock::now();
  (void)model_.forward(sequence_, tree.view());
  model_.wait();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  model_.commit(sequence_, {});
  return took;
}

}  // namespace hunch::cli
