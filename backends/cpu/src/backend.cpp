#include <hunch/cpu/backend.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/core/one_at_a_time.hpp>
#include <hunch/transformer/graph.hpp>
#include <hunch/transformer/pass_rules.hpp>

#include "dispatch.hpp"
#include "ops.hpp"
#include "packed.hpp"
#include "pool.hpp"
#include "sequence_state.hpp"

namespace hunch::cpu {
namespace detail {
namespace {

constexpr std::size_t prefill_rows = 64;  // rows that share one reading of the weights

// Upper bound of the bytes of all packed matrices: any tensor may be one, and the embedding may be the head as well.
std::size_t arena_bytes(const gguf::file& from) {
  std::size_t bytes = 0;
  for (const auto& t : from.tensors())
    if (t.shape.size() == 2) bytes += packed_bytes(t);
  if (const gguf::tensor* embedding = from.find("token_embd.weight")) bytes += packed_bytes(*embedding);
  return bytes;
}

// Turns tensors into the forms of this backend.
struct weight_maker {
  const gguf::file& file;
  pool& threads;
  weight_arena arena;

  [[nodiscard]] row_table table(const gguf::tensor& t) const {
    row_table rows = table_of(t);
    rows.file = &file;
    return rows;
  }
  [[nodiscard]] float_vector vector(const gguf::tensor& t) const { return vector_of(t); }
  // Piece by piece, so that no matrix is in memory twice: what was packed leaves the map.
  [[nodiscard]] packed_matrix matrix(const gguf::tensor& t) {
    const auto rows = static_cast<std::size_t>(t.rows());
    const std::size_t row_bytes = row_bytes_of(t);
    // Of whole pairs of strips: those take a multiple of 64 bytes in every format, so that pieces join.
    constexpr std::size_t together = 2 * strip_outputs;
    const std::size_t most = std::max<std::size_t>(1, piece_bytes / row_bytes / together) * together;
    packed_matrix whole;
    gguf::tensor piece = t;
    for (std::size_t first = 0; first < rows; first += most) {
      const std::size_t count = std::min(most, rows - first);
      piece.shape = {t.shape[0], count};
      piece.data = t.data.subspan(first * row_bytes, count * row_bytes);
      const packed_matrix packed = pack(piece, arena, threads);
      if (first == 0) whole = packed;
      file.release(piece);
    }
    whole.outputs = rows;
    return whole;
  }

  static constexpr std::size_t piece_bytes = std::size_t{8} << 20;
};

}  // namespace

struct model {
  model(const gguf::file& from, const options& with)
      : file{from},
        config{gguf::read_config(file)},
        rules{"cpu", config},
        context{with.context == 0 ? config.context_length : with.context},
        threads{with.threads},
        kernels{kernels_for(with.kernels)},
        maker{file, threads, weight_arena{arena_bytes(file)}},
        weights{transformer::load_weights<row_table, packed_matrix, float_vector>(file, config, maker)},
        graph{config, weights},
        ops{config, kernels, threads} {
    if (config.head_dim % 16 != 0)
      raise("cpu: '" + file.name() + "': heads of " + std::to_string(config.head_dim) +
            " values are not supported; a multiple of 16 is");
    (void)rules.checked_context(context);
  }

  // Adds the tree's fresh nodes to the sequence and to the rows of the pass.
  void take(sequence_state& s, const tree_view& tree, layer_mask mask) {
    rules.check_tree(s.slots, s.mask, tree, mask);
    s.slots.append(tree);
    s.mask.assign(mask.begin(), mask.end());
  }

  void add_rows(sequence_state& s, std::size_t first, std::span<const token> tokens) {
    for (std::size_t n = first; n < s.slots.pending(); ++n) {
      const auto id = static_cast<node_id>(n);
      rows.push_back({&s, tokens[n], s.slots.slot(id), s.slots.visible(id), n});
    }
  }

  // Space for logits and hidden states of the nodes from `first` on; adds the rows of logits.
  void add_outputs(sequence_state& s, std::size_t first) {
    const std::size_t fresh = s.slots.pending() - first;
    s.logits.need(fresh * config.vocab);
    s.hidden.need(s.slots.pending() * config.width, first * config.width);
    s.hidden_rows = s.slots.pending();
    for (std::size_t r = 0; r < fresh; ++r) logits.push_back(s.logits.data() + r * config.vocab);
  }

  void run(const transformer::pass& p) {
    if (rows.empty()) return;
    ops.begin(rows, logits);
    graph.run(ops, p);
    ops.finish();
  }

  gguf::file file;
  gguf::model_config config;
  transformer::pass_rules rules;
  std::size_t context;
  pool threads;
  const kernel_table& kernels;
  weight_maker maker;
  cpu_ops::weights weights;
  transformer::graph<cpu_ops> graph;
  cpu_ops ops;
  std::vector<pass_row> rows;
  std::vector<float*> logits;
  one_at_a_time alone;
};

}  // namespace detail

using detail::model;
using detail::sequence_state;

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
unsigned backend::threads() const noexcept { return model_->threads.size(); }
const char* backend::kernels() const noexcept { return model_->kernels.name; }
std::size_t backend::context() const noexcept { return model_->context; }
memory_use backend::memory() const noexcept {
  return {model_->maker.arena.used(), transformer::kv_token_bytes(model_->config)};
}

sequence backend::open() { return sequence{std::make_unique<sequence_state>(model_->config, model_->context)}; }

std::size_t backend::room(const sequence& s) const noexcept { return s.state_->slots.room(); }

void backend::prefill(sequence& s, std::span<const token> tokens) {
  const auto visit = model_->alone.enter();
  sequence_state& state = *s.state_;
  model_->rules.check_prefill(state.slots, tokens);
  state.hidden_rows = 0;
  while (!tokens.empty()) {
    const std::size_t count = std::min(detail::prefill_rows, tokens.size());
    state.slots.append_chain(count);
    model_->rows.clear();
    model_->logits.clear();
    model_->add_rows(state, 0, tokens.first(count));
    model_->run({.mask = {}, .head = false});
    state.slots.commit_chain();
    tokens = tokens.subspan(count);
  }
}

matrix_view backend::forward(sequence& s, tree_view tree) { return forward(s, tree, {}); }

matrix_view backend::forward(sequence& s, tree_view tree, layer_mask mask) {
  const auto visit = model_->alone.enter();
  sequence_state& state = *s.state_;
  mask = transformer::normal(mask);
  model_->take(state, tree, mask);
  model_->rows.clear();
  model_->logits.clear();
  model_->add_rows(state, tree.first, tree.tokens);
  model_->add_outputs(state, tree.first);
  model_->run({.mask = mask, .head = true});
  return {state.logits.data(), tree.fresh(), model_->config.vocab};
}

logit_rows backend::forward(std::span<const batch_entry<sequence>> work) {
  const auto visit = model_->alone.enter();
  if (work.empty()) return {};
  model_->rules.check_batch(work);
  for (std::size_t i = 0; i < work.size(); ++i) {  // all or nothing: undo what was taken when an entry is refused
    try {
      model_->take(*work[i].sequence->state_, work[i].tree, {});
    } catch (...) {
      for (std::size_t j = 0; j < i; ++j) work[j].sequence->state_->slots.retract(work[j].tree.first);
      throw;
    }
  }
  model_->rows.clear();
  model_->logits.clear();
  for (const auto& entry : work) {
    model_->add_rows(*entry.sequence->state_, entry.tree.first, entry.tree.tokens);
    model_->add_outputs(*entry.sequence->state_, entry.tree.first);
  }
  model_->run({.mask = {}, .head = true});
  auto& rows = work.front().sequence->state_->batch_rows;
  rows.assign(model_->logits.begin(), model_->logits.end());
  return {rows, model_->config.vocab};
}

void backend::commit(sequence& s, std::span<const node_id> path) {
  const auto visit = model_->alone.enter();
  sequence_state& state = *s.state_;
  model_->rules.check_commit(path, state.mask);
  state.carry_out(state.slots.commit(path));
  state.mask.clear();
}

void backend::rewind(sequence& s, std::size_t n) {
  const auto visit = model_->alone.enter();
  s.state_->slots.rewind(n);
  s.state_->mask.clear();
}

sequence backend::fork(const sequence& s) {
  const auto visit = model_->alone.enter();
  const sequence_state& from = *s.state_;
  HUNCH_EXPECTS(from.slots.pending() == 0, "commit before fork");
  sequence copy = open();
  copy.state_->slots.append_chain(from.slots.kept());
  copy.state_->slots.commit_chain();
  copy.state_->copy_kept_from(from);
  return copy;
}

std::span<const float> backend::hidden(const sequence& s, node_id n) const {
  HUNCH_EXPECTS(n < s.state_->hidden_rows, "the last pass of this sequence had no such node");
  const std::size_t width = model_->config.width;
  return {s.state_->hidden.data() + n * width, width};
}

}  // namespace hunch::cpu
