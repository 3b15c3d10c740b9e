// A pass that is queued behind the chain it runs over, before the host knows the chain's tokens.
#include <algorithm>
#include <cstddef>

#include "answers.hpp"
#include "model.hpp"

namespace hunch::cuda::detail {
namespace {

bool is_chain(const tree_view& tree) noexcept {
  for (std::size_t i = 1; i < tree.parents.size(); ++i)
    if (tree.parents[i] != i - 1) return false;
  return true;
}

}  // namespace

bool model::run_ahead(sequence_state& s, token root, std::size_t count, model& chain_model) noexcept {
  s.ahead.clear();
  const bool possible = chain_model.device.index == device.index && chain_model.config.vocab == config.vocab &&
                        s.slots.pending() == 0 && s.slots.room() > count;
  if (!possible) return false;
  try {
    promised.reset(root);
    for (node_id n = 0; n < count; ++n) promised.add(n, 0);
    s.ahead.reserve(promised.size());
    run_tree(s, promised.view(), {}, &chain_model);
  } catch (...) {  // the pass runs when it is asked for, and says then what is wrong
    return false;
  }
  s.slots.retract(0);
  return true;
}

void model::take_tokens(model& chain_model, std::size_t first) {
  const bool other = &chain_model != this;
  if (other) chain_model.chain.there.hold(queue);
  take_drawn(queue, upload.on_device(), chain_model.chain.drawn.data(), first);
  if (!other) return;
  taken.put(queue);
  taken.hold(chain_model.queue);  // or the next chain could overtake
}

bool model::find_ahead(sequence_state& s, const tree_view& tree, layer_mask mask) {
  const std::size_t size = tree.size();
  const bool ran = mask.empty() && tree.first == 0 && size > 0 && size <= s.ahead.size() &&
                   std::equal(tree.tokens.begin(), tree.tokens.end(), s.ahead.begin()) && is_chain(tree);
  if (!ran) return false;
  s.slots.append(tree);
  s.logits.keep(size);  // rows behind it: nobody has ever heard of them
  s.hidden.keep(size);
  s.depths.resize(size);
  s.ahead.clear();
  return true;
}

}  // namespace hunch::cuda::detail
