#include <hunch/cuda/backend.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <hunch/core/error.hpp>

#include "model.hpp"

namespace hunch::cuda {

using detail::model;
using detail::row_set;
using detail::sequence_state;

std::string why_no_device(int device) {
  try {
    (void)use_device(device);
    return {};
  } catch (const error& e) {
    return e.what();
  }
}

sequence::sequence(std::unique_ptr<sequence_state> state) : state_{std::move(state)} {}
sequence::sequence(sequence&&) noexcept = default;
sequence& sequence::operator=(sequence&&) noexcept = default;
sequence::~sequence() = default;
std::size_t sequence::kept() const noexcept { return state_->slots.kept(); }
std::size_t sequence::pending() const noexcept { return state_->slots.pending(); }

backend::backend(const gguf::file& from, const options& with) : model_{std::make_unique<model>(from, with)} {}
backend::backend(backend&&) noexcept = default;
backend& backend::operator=(backend&&) noexcept = default;
backend::~backend() = default;

std::size_t backend::vocab_size() const noexcept { return model_->config.vocab; }
std::size_t backend::layer_count() const noexcept { return model_->config.layers; }
const gguf::model_config& backend::config() const noexcept { return model_->config; }
const std::string& backend::device_name() const noexcept { return model_->device.name; }
std::size_t backend::context() const noexcept { return model_->context; }
void backend::wait() const { model_->queue.wait(); }
memory_use backend::memory() const noexcept {
  return {model_->store.bytes(), transformer::kv_token_bytes(model_->config), model_->pool->size()};
}

sequence backend::open() {
  const auto visit = model_->enter();
  return sequence{std::make_unique<sequence_state>(model_->pool, model_->context, model_->queue)};
}
std::size_t backend::room(const sequence& s) const noexcept { return s.state_->slots.room(); }

void backend::prefill(sequence& s, std::span<const token> tokens) {
  const auto visit = model_->enter();
  sequence_state& state = *s.state_;
  model_->rules.check_prefill(state.slots, tokens);
  state.hidden.clear();
  state.ahead.clear();
  while (!tokens.empty()) {
    const std::size_t count = std::min<std::size_t>(max_rows, tokens.size());
    state.pages.reserve(state.slots.kept() + count, model_->queue);
    model_->rows.clear();
    state.slots.append_chain(count);
    try {
      model_->add_rows(state, 0, tokens.first(count), false);
      model_->run({.mask = {}, .head = false});
    } catch (...) {
      state.slots.retract(0);
      throw;
    }
    state.slots.commit_chain();
    tokens = tokens.subspan(count);
  }
}

logit_rows backend::forward(sequence& s, tree_view tree) { return forward(s, tree, {}); }

logit_rows backend::forward(sequence& s, tree_view tree, layer_mask mask) {
  const auto visit = model_->enter();
  sequence_state& state = *s.state_;
  mask = transformer::normal(mask);
  if (!model_->find_ahead(state, tree, mask)) model_->run_tree(state, tree, mask);
  state.rows.rows.clear();
  for (std::size_t r = 0; r < tree.fresh(); ++r) state.rows.rows.push_back({&state, r});
  return logit_rows{state.rows};
}

logit_rows backend::forward(std::span<const batch_entry<sequence>> work) {
  const auto visit = model_->enter();
  if (work.empty()) return {};
  model_->rules.check_batch(work);
  std::size_t taken = 0;
  try {  // all or nothing: undo what was taken when an entry is refused
    for (; taken < work.size(); ++taken) model_->take(*work[taken].sequence->state_, work[taken].tree, {});
    model_->rows.clear();
    for (const auto& entry : work) model_->add_rows(*entry.sequence->state_, entry.tree.first, entry.tree.tokens, true);
    model_->run({.mask = {}, .head = true});
  } catch (...) {
    for (std::size_t j = 0; j < taken; ++j) work[j].sequence->state_->slots.retract(work[j].tree.first);
    throw;
  }
  row_set& all = work.front().sequence->state_->rows;
  all.rows.clear();
  for (const auto& entry : work)
    for (std::size_t r = 0; r < entry.tree.fresh(); ++r) all.rows.push_back({entry.sequence->state_.get(), r});
  return logit_rows{all};
}

void backend::draw_chain(sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out) {
  const auto visit = model_->enter();
  model_->draw_chain(*s.state_, root, how, out);
}

void backend::draw_chain(sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out, backend& target,
                         sequence& t) {
  HUNCH_EXPECTS(s.state_ != t.state_, "a chain is judged by another sequence");
  const auto draw = [&] {
    const auto visit = model_->enter();
    model_->draw_chain(*s.state_, root, how, out, {target.model_.get(), t.state_.get()});
  };
  if (target.model_ == model_) return draw();
  const auto visit = target.model_->enter();
  draw();
}

void backend::commit(sequence& s, std::span<const node_id> path) {
  const auto visit = model_->enter();
  sequence_state& state = *s.state_;
  model_->rules.check_commit(path, state.mask);
  const auto moves = state.slots.commit(path);
  state.mask.clear();
  state.ahead.clear();
  move_kept(model_->queue, state.pages.on_device(), state.pages.shape(), moves);
}

void backend::rewind(sequence& s, std::size_t n) {
  const auto visit = model_->enter();
  s.state_->slots.rewind(n);
  s.state_->mask.clear();
  s.state_->ahead.clear();
}

sequence backend::fork(const sequence& s) {
  const sequence_state& from = *s.state_;
  HUNCH_EXPECTS(from.slots.pending() == 0, "commit before fork");
  sequence copy = open();
  const auto visit = model_->enter();
  copy.state_->pages.copy_from(from.pages, from.slots.kept(), model_->queue);
  copy.state_->slots.append_chain(from.slots.kept());
  copy.state_->slots.commit_chain();
  return copy;
}

std::span<const float> backend::hidden(const sequence& s, node_id n) const {
  HUNCH_EXPECTS(n < s.state_->hidden.size(), "the last pass of this sequence had no such node");
  return s.state_->hidden.fetch(n, model_->queue);
}

}  // namespace hunch::cuda
