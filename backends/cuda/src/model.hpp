// A model on the device: weights, the graph, and how a pass gets there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <hunch/core/one_at_a_time.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/transformer/graph.hpp>
#include <hunch/transformer/pass_rules.hpp>

#include "ops.hpp"
#include "pages.hpp"
#include "recorded.hpp"
#include "runtime.hpp"
#include "sequence_state.hpp"
#include "weights.hpp"

namespace hunch::cuda::detail {

/// Passes on their way to the device: a few host buffers in turn, so that the host can prepare the next pass while the
/// copy of the last one is still to be done.
class pass_upload {
 public:
  /// Room for `tails` slots beside the rows.
  explicit pass_upload(std::size_t tails);
  /// The next host buffer, free to be written. Waits only when all are on their way.
  [[nodiscard]] pass_block& next();
  [[nodiscard]] static std::uint32_t* tails_of(pass_block& p) noexcept {
    return reinterpret_cast<std::uint32_t*>(&p + 1);
  }
  /// Copies it, with `tails` slots, to on_device().
  void send(std::size_t tails, stream& s);
  [[nodiscard]] pass_block* on_device() const noexcept { return reinterpret_cast<pass_block*>(device_.data()); }
  [[nodiscard]] std::size_t capacity() const noexcept { return tails_; }

 private:
  struct buffer {
    pinned_array<std::uint64_t> memory;
    fence sent;
    bool used = false;
  };
  std::size_t tails_;
  std::array<buffer, 4> buffers_;
  std::size_t at_ = 0;
  device_array<std::uint64_t> device_;
};

/// What the draws of a chain write to. Never grows: graphs know where it is.
struct chain_room {
  explicit chain_room(std::size_t vocab) : sums{sum_blocks(vocab)} {}
  device_array<double> sums;
  device_array<std::int32_t> drawn{2 * max_rows};  // tokens, then probabilities
  pinned_array<std::int32_t> heard{2 * max_rows};
  fence there;  // behind the copy to `heard`
};

/// Who judges a chain: a model, of this device or another one, and a sequence of it.
struct chain_judge {
  struct model* target = nullptr;
  sequence_state* sequence = nullptr;
};

struct model {
  model(const gguf::file& from, const options& with);

  /// Begins a call: one at a time, on this model's device, whichever thread calls.
  [[nodiscard]] one_at_a_time::visit enter() {
    select_device(device.index);
    return alone.enter();
  }

  /// Adds the tree's fresh nodes to the sequence and makes room for what the pass writes. Throws with the sequence as
  /// it was.
  void take(sequence_state& s, const tree_view& tree, layer_mask mask);
  /// Rows of the nodes from `first` on.
  void add_rows(sequence_state& s, std::size_t first, std::span<const token> tokens, bool head);
  /// The rows, or where `chain_model` draws them the first one and its tokens behind.
  void run(const transformer::pass& p, model* chain_model = nullptr);
  /// Takes a tree and runs its rows, as above. If that throws nothing was taken.
  void run_tree(sequence_state& s, const tree_view& tree, layer_mask mask, model* chain_model = nullptr);
  /// See ChainBackend and, with a judge, ChainBackendFor.
  void draw_chain(sequence_state& s, token root, const chain_draws& how, std::vector<far_draw>& out,
                  const chain_judge& judge = {});
  /// The pass of the tree, if the last one was queued ahead and ran over it: the sequence is as that pass leaves it.
  [[nodiscard]] bool find_ahead(sequence_state& s, const tree_view& tree, layer_mask mask);

  struct host_row {
    sequence_state* sequence;
    token id;
    node_id node;
    float* logits;
    float* hidden;
  };

  device_facts device;
  gguf::model_config config;
  transformer::pass_rules rules;
  std::size_t context;
  bool graphs;
  stream queue;
  weight_store store;
  cuda_ops::weights weights;
  transformer::graph<cuda_ops> graph;
  cuda_ops ops;
  std::shared_ptr<page_pool> pool;
  pass_upload upload;
  graph_cache recorded;
  std::vector<host_row> rows;
  chain_room chain;
  draft_tree promised;  // a chain whose tokens are still to be drawn
  fence taken;          // behind the copy of such tokens
  one_at_a_time alone;

 private:
  /// Writes rows from `first` on as far as they fit one run; returns their number.
  std::size_t write_pass(std::size_t first, std::size_t& longest);
  /// Makes the room that passes of up to `row_limit` rows with up to `positions` keys need.
  void make_room(unsigned row_limit, std::size_t positions);
  /// Adds the chain's nodes to the sequence, as `take`.
  void take_chain(sequence_state& s, token root, std::size_t count, chain_draws::by what);
  /// Sends the first pass of a chain, and what its draws need.
  void write_chain(sequence_state& s, token root, std::size_t count, const chain_draws& how);
  void run_chain(std::size_t positions, std::size_t count, chain_draws::by what);
  /// Queues the pass of `root` and the `count` tokens that `chain_model` draws; s.ahead has room for them. False if it
  /// cannot be. Either way nothing is pending that was not before.
  [[nodiscard]] bool run_ahead(sequence_state& s, token root, std::size_t count, model& chain_model) noexcept;
  /// Fills in the tokens of a pass that was sent, whose first row is number `first`.
  void take_tokens(model& chain_model, std::size_t first);
};

}  // namespace hunch::cuda::detail
