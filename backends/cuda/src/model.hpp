// A model on the device: weights, the graph, and how a pass gets there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <hunch/core/one_at_a_time.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/transformer/graph.hpp>
#include <hunch/transformer/pass_rules.hpp>

#include "ops.hpp"
#include "pages.hpp"
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
  [[nodiscard]] const pass_block* on_device() const noexcept {
    return reinterpret_cast<const pass_block*>(device_.data());
  }
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

/// Recorded passes by shape. A shape is recorded when it comes the second time.
class graph_cache {
 public:
  struct shape {
    unsigned rows;
    unsigned splits;
    bool head;
    std::vector<skip> mask;
    // clang-tidy 14 takes the zero that <=> is compared with for a pointer.
    auto operator<=>(const shape&) const = default;  // NOLINT(modernize-use-nullptr)
  };
  /// Runs `work`, which only launches kernels, or what was recorded of it.
  template <class F>
  void run(const shape& key, stream& s, F&& work);
  void clear() noexcept { known_.clear(); }

 private:
  static constexpr std::size_t most = 64;  // search for skip sets makes many masks
  struct entry {
    bool recorded = false;
    graph work;
  };
  std::map<shape, entry> known_;
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
  void run(const transformer::pass& p);

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
  one_at_a_time alone;

 private:
  /// Writes rows from `first` on as far as they fit one run; returns their number.
  std::size_t write_pass(std::size_t first, std::size_t& longest);
};

}  // namespace hunch::cuda::detail
