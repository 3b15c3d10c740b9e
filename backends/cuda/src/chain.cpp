// Chains: passes and the draws between them, queued at once. The host waits when all tokens are drawn.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <string>

#include <hunch/core/error.hpp>

#include "answers.hpp"
#include "model.hpp"

namespace hunch::cuda::detail {

using by = chain_draws::by;

void model::draw_chain(sequence_state& s, token root, const chain_draws& how, std::vector<far_draw>& out,
                       const chain_judge& judge) {
  HUNCH_EXPECTS(how.most > 0, "a chain has at least one token");
  HUNCH_EXPECTS(how.what != by::draw || how.uniform.size() >= how.most, "a token is drawn by a number of its own");
  const std::size_t count = std::min<std::size_t>(how.most, max_rows);
  const std::size_t words = how.what == by::draw ? 2 * count : count;
  take_chain(s, root, count, how.what);
  bool ahead = false;
  try {
    make_room(1, s.slots.kept() + count);
    write_chain(s, root, count, how);
    run_chain(s.slots.kept() + count, count, how.what);
    queue.to_host(chain.heard.data(), chain.drawn.data(), words * sizeof(std::int32_t));
    chain.there.put(queue);
    ahead =
        judge.target != nullptr && count == how.most && judge.target->run_ahead(*judge.sequence, root, count, *this);
    chain.there.wait();
  } catch (...) {
    s.slots.retract(0);
    throw;
  }
  const std::int32_t* const heard = chain.heard.data();
  out.clear();
  for (node_id n = 0; n < count; ++n) {
    const token x = heard[n];
    if (how.what == by::draw)
      out.push_back({x, std::bit_cast<float>(heard[count + n]), left_at(s.laws[n])});
    else
      out.push_back({x, 0, {}});
    if (x == no_token || std::ranges::find(how.end_of_text, x) != how.end_of_text.end()) break;
  }
  s.slots.retract(out.size());  // tokens behind the end: the sequence has never heard of them
  s.hidden.keep(out.size());
  if (!ahead) return;
  judge.sequence->ahead.push_back(root);
  for (const far_draw& x : out)
    if (x.drawn != no_token) judge.sequence->ahead.push_back(x.drawn);
}

void model::take_chain(sequence_state& s, token root, std::size_t count, by what) {
  const node_id parent = no_node;
  const std::uint32_t depth = 0;
  rules.check_tree(s.slots, s.mask, {{&root, 1}, {&parent, 1}, {&depth, 1}, 0}, {});
  if (s.slots.pending() != 0)
    raise("cuda: " + std::to_string(s.slots.pending()) + " nodes are pending; commit before a chain");
  s.slots.append_chain(count);
  s.ahead.clear();
  try {
    s.pages.reserve(s.slots.kept() + count, queue);
    s.logits.need(1, 0, config.vocab, queue);  // of one row after another
    s.hidden.need(count, 0, config.width, queue);
    for (std::size_t n = 0; what == by::draw && n < count; ++n) (void)law_of(s, n);
  } catch (...) {
    s.slots.retract(0);
    throw;
  }
  s.rows.rows.clear();
  s.mask.clear();
}

void model::write_chain(sequence_state& s, token root, std::size_t count, const chain_draws& how) {
  pass_block& block = upload.next();
  const auto kept = static_cast<std::uint32_t>(s.slots.kept());
  block.rows = 1;
  block.row[0] = {.token = root,
                  .slot = kept,
                  .run = kept + 1,
                  .count = kept + 1,
                  .tail = 0,
                  .unused = 0,
                  .pages = s.pages.on_device(),
                  .logits = s.logits.on_device(0),
                  .hidden = s.hidden.on_device(0)};
  auto& draws = *reinterpret_cast<chain_block*>(&block + 1);
  draws = {.seed = how.seed, .position = how.position, .temperature = how.temperature, .unused = 0, .draws = {}};
  for (std::size_t n = 0; how.what == by::draw && n < count; ++n)
    draws.draws[n] = {how.uniform[n], s.laws[n].values.data()};
  upload.send(sizeof(chain_block) / sizeof(std::uint32_t), queue);
}

void model::run_chain(std::size_t positions, std::size_t count, by what) {
  const unsigned splits = split_bucket((positions + split_keys - 1) / split_keys);
  float* const probabilities = reinterpret_cast<float*>(chain.drawn.data() + count);
  const auto work = [&] {
    for (std::uint32_t n = 0; n < count; ++n) {
      ops.begin(upload.on_device(), 1, splits);
      graph.run(ops, {.mask = {}, .head = true});
      ask(queue, upload.on_device(),
          chain_link{.index = n,
                     .vocab = static_cast<std::uint32_t>(config.vocab),
                     .width = static_cast<std::uint32_t>(config.width),
                     .greedy = what == by::argmax,
                     .tokens = chain.drawn.data(),
                     .probabilities = what == by::draw ? probabilities : nullptr,
                     .sums = chain.sums.data()});
    }
  };
  if (graphs)
    recorded.run({1, splits, true, {}, count, what}, queue, work);
  else
    work();
}

}  // namespace hunch::cuda::detail
