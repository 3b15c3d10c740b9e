#include "model.hpp"

#include <algorithm>

namespace hunch::cuda::detail {
namespace {

constexpr std::size_t usual_tails = 16384;  // slots of the tails of one run: trees of 64 nodes, 256 deep

}  // namespace

pass_upload::pass_upload(std::size_t tails)
    : tails_{tails}, device_{(sizeof(pass_block) + tails * sizeof(std::uint32_t) + 7) / 8} {
  for (buffer& b : buffers_) b.memory = pinned_array<std::uint64_t>{device_.size()};
}

pass_block& pass_upload::next() {
  buffer& b = buffers_[at_];
  if (b.used) b.sent.wait();
  return *reinterpret_cast<pass_block*>(b.memory.data());
}

void pass_upload::send(std::size_t tails, stream& s) {
  buffer& b = buffers_[at_];
  s.to_device(device_.data(), b.memory.data(), sizeof(pass_block) + tails * sizeof(std::uint32_t));
  b.sent.put(s);
  b.used = true;
  at_ = (at_ + 1) % buffers_.size();
}

model::model(const gguf::file& from, const options& with)
    : device{use_device(with.device)},
      config{gguf::read_config(from)},
      rules{"cuda", config},
      context{with.context == 0 ? config.context_length : with.context},
      graphs{with.graphs},
      store{queue},
      weights{transformer::load_weights<matrix_view, matrix_view, float_vector>(from, config, store)},
      graph{config, weights},
      ops{config, weights, queue},
      pool{std::make_shared<page_pool>(ops.pages())},
      upload{std::max(usual_tails, rules.checked_context(context))},
      chain{config.vocab},
      promised{config.vocab} {}

void model::take(sequence_state& s, const tree_view& tree, layer_mask mask) {
  rules.check_tree(s.slots, s.mask, tree, mask);
  s.slots.append(tree);
  s.ahead.clear();
  try {
    const std::size_t pending = s.slots.pending();
    s.pages.reserve(s.slots.kept() + pending, queue);
    s.logits.need(pending - tree.first, 0, config.vocab, queue);
    s.hidden.need(pending, tree.first, config.width, queue);
    s.depths.assign(tree.depths.begin() + static_cast<std::ptrdiff_t>(tree.first), tree.depths.end());
    s.first = tree.first;
    s.answers.asked.reset();
    s.children.asked.reset();
    s.mask.assign(mask.begin(), mask.end());
  } catch (...) {
    s.slots.retract(tree.first);
    throw;
  }
}

void model::add_rows(sequence_state& s, std::size_t first, std::span<const token> tokens, bool head) {
  for (std::size_t n = first; n < s.slots.pending(); ++n)
    rows.push_back({&s, tokens[n], static_cast<node_id>(n), head ? s.logits.on_device(n - first) : nullptr,
                    head ? s.hidden.on_device(n) : nullptr});
}

std::size_t model::write_pass(std::size_t first, std::size_t& longest) {
  pass_block& block = upload.next();
  std::uint32_t* const tails = pass_upload::tails_of(block);
  std::size_t used = 0;
  block.rows = 0;
  longest = 0;
  for (std::size_t i = first; i < rows.size() && block.rows < max_rows; ++i) {
    const host_row& r = rows[i];
    const auto sees = r.sequence->slots.visible(r.node);
    if (used + sees.tail.size() > upload.capacity()) break;  // never for the first row: a tail is below the context
    block.row[block.rows++] = {.token = r.id,
                               .slot = static_cast<std::uint32_t>(r.sequence->slots.slot(r.node)),
                               .run = static_cast<std::uint32_t>(sees.run),
                               .count = static_cast<std::uint32_t>(sees.size()),
                               .tail = static_cast<std::uint32_t>(used),
                               .unused = 0,
                               .pages = r.sequence->pages.on_device(),
                               .logits = r.logits,
                               .hidden = r.hidden};
    std::copy(sees.tail.begin(), sees.tail.end(), tails + used);
    used += sees.tail.size();
    longest = std::max(longest, sees.size());
  }
  upload.send(used, queue);
  return block.rows;
}

void model::make_room(unsigned row_limit, std::size_t positions) {
  if (!ops.must_grow(row_limit, positions)) return;
  queue.wait();
  recorded.clear();
  ops.grow(row_limit, positions);
}

void model::run_tree(sequence_state& s, const tree_view& tree, layer_mask mask, model* chain_model) {
  take(s, tree, mask);
  try {
    rows.clear();
    add_rows(s, tree.first, tree.tokens, true);
    run({.mask = mask, .head = true}, chain_model);
  } catch (...) {
    s.slots.retract(tree.first);
    throw;
  }
}

void model::run(const transformer::pass& p, model* chain_model) {
  for (std::size_t done = 0; done < rows.size();) {
    std::size_t longest = 0;
    const std::size_t count = write_pass(done, longest);
    const unsigned row_limit = row_bucket(count);
    const unsigned split_limit = split_bucket((longest + split_keys - 1) / split_keys);
    make_room(row_limit, longest);
    if (chain_model != nullptr) take_tokens(*chain_model, done);
    const auto work = [&] {
      ops.begin(upload.on_device(), row_limit, split_limit);
      graph.run(ops, p);
    };
    if (graphs)
      recorded.run({row_limit, split_limit, p.head, {p.mask.begin(), p.mask.end()}, 0, {}}, queue, work);
    else
      work();
    done += count;
  }
}

}  // namespace hunch::cuda::detail
