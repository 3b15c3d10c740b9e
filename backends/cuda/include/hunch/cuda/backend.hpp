// hunch::cuda: runs GGUF models on an NVIDIA GPU. Architectures llama, qwen2, gemma3. For any host compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/device_rows.hpp>
#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/gguf/file.hpp>

namespace hunch::cuda {

struct options {
  int device = 0;           // as CUDA counts them
  std::size_t context = 0;  // tokens that a sequence can hold; 0: what the file says
  bool graphs = true;       // passes of a known shape are launched as one graph
};

/// Why there is no device that can run a backend, in words; empty where there is one.
[[nodiscard]] std::string why_no_device(int device = 0);

/// Memory on the device.
struct memory_use {
  std::size_t weight_bytes = 0;    // matrices and vectors
  std::size_t kv_token_bytes = 0;  // of one token of one sequence
  std::size_t kv_pages = 0;        // pages of 64 tokens that were ever taken, free ones included
};

namespace detail {
struct model;
struct sequence_state;
struct row_set;
}  // namespace detail

/// A row of logits [vocab], on the device until one of them is asked for; then all are copied to the host, once.
/// Models ArgmaxRow and DrawingRow. Valid as long as the rows it belongs to. All but size() throw hunch::error when the
/// device has failed.
class logit_row {
 public:
  logit_row(const detail::sequence_state& of, std::size_t row) noexcept : of_{&of}, row_{row} {}

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] const float* data() const;
  [[nodiscard]] const float* begin() const { return data(); }
  [[nodiscard]] const float* end() const { return data() + size(); }
  [[nodiscard]] const float& operator[](std::size_t i) const { return data()[i]; }

  /// What hunch::argmax gives for this row. The first call finds it for all rows of the sequence, on the device: a few
  /// bytes cross to the host, no logits.
  [[nodiscard]] token argmax() const;
  /// What hunch::philox{seed}.at_position(position, row, temperature) gives: the same noise, the same token. The first
  /// call finds it for all rows of the sequence, each at its own position.
  [[nodiscard]] token at_position(std::uint64_t position, std::uint64_t seed, float temperature) const;
  /// What hunch::philox::categorical gives for softmax(row / temperature) where its uniform number is `uniform`. The
  /// law stays on the device until the sequence's next tree; eight bytes cross. Cost: two sums over the row.
  [[nodiscard]] far_draw draw(double uniform, float temperature) const;
  /// What random.ordered_without_replacement(at, softmax(row / temperature), k, out) gives. The first call finds it for
  /// all rows of the sequence, each at the node that lies as far from `at`. Nothing where k is above 16.
  [[nodiscard]] std::optional<far_law> draw(const philox& random, draw_site at, std::size_t k, float temperature,
                                            std::vector<candidate>& out) const;

 private:
  const detail::sequence_state* of_;
  std::size_t row_;
};

/// Logits of a pass, one row a node. Models RejectingRows. Valid until the next pass of a sequence that took part.
class logit_rows {
 public:
  logit_rows() = default;
  explicit logit_rows(const detail::row_set& rows) noexcept : rows_{&rows} {}

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] logit_row operator[](std::size_t i) const;

  /// The verdict of hunch::rejection{temperature{t}} over the tree of these rows, bit for bit, without its laws. A few
  /// bytes a node cross. False where laws of the tree are not on this device, or the rows are of several sequences.
  /// Cost: a block of threads a node for its law, then one for the walk. Takes nodes · vocab floats on the device.
  [[nodiscard]] bool reject(const draft_tree& tree, const decode_context& ctx, float t, verdict& out) const;

 private:
  const detail::row_set* rows_ = nullptr;
};

/// KV cache of one text, with the logits of its last pass. Movable; may outlive the backend but not run without it.
class sequence {
 public:
  sequence(sequence&&) noexcept;
  sequence& operator=(sequence&&) noexcept;
  ~sequence();

  [[nodiscard]] std::size_t kept() const noexcept;     // tokens in the cache
  [[nodiscard]] std::size_t pending() const noexcept;  // nodes of the last tree, not committed yet

 private:
  friend class backend;
  explicit sequence(std::unique_ptr<detail::sequence_state> state);
  std::unique_ptr<detail::sequence_state> state_;
};

/// A model in device memory. Models Backend, Rewindable, Forkable, LayerSkippable, BatchBackend, HiddenStates,
/// ChainBackend, and ChainBackendFor itself.
///
/// Passes are queued and run beside the host; whoever reads a row waits for it. No bit of a row depends on what else is
/// in the pass (law B4). Sequences may be used alternately, from one thread at a time.
/// A pass throws hunch::error, with the sequence as it was before, for tokens outside the vocabulary, trees that do not
/// continue the pending nodes, passes that do not fit (ask room()), and when the device is out of memory.
class backend {
 public:
  using sequence = cuda::sequence;

  /// Copies the weights to the device. Throws hunch::error where there is no device or driver that can run them, when
  /// its memory is too small, and for tensors without a kernel, missing ones and wrong shapes, by name.
  /// Cost: reads the file once.
  explicit backend(const gguf::file& from, const options& with = {});
  backend(backend&&) noexcept;
  backend& operator=(backend&&) noexcept;
  ~backend();

  [[nodiscard]] std::size_t vocab_size() const noexcept;
  [[nodiscard]] sequence open();
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept;
  void prefill(sequence& s, std::span<const token> tokens);
  logit_rows forward(sequence& s, tree_view tree);
  void commit(sequence& s, std::span<const node_id> path);

  void rewind(sequence& s, std::size_t n);
  [[nodiscard]] sequence fork(const sequence& s);

  [[nodiscard]] std::size_t layer_count() const noexcept;
  /// A pass without the sub-layers of `mask`. Its nodes can only be rolled back, and as long as they are pending
  /// further passes must use the same mask; otherwise throws hunch::error.
  logit_rows forward(sequence& s, tree_view tree, layer_mask mask);

  /// Draws a chain of up to 64 tokens: passes and draws are queued together, the host waits once, for four bytes a
  /// token (eight where each is drawn from its law). See ChainBackend; errors as for a pass.
  void draw_chain(sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out);

  /// The same, with the pass of `target` behind it, if that is on the same device, with the same vocabulary, has room
  /// and nothing pending in `t`; chains of more than 64 tokens have none. See ChainBackendFor.
  void draw_chain(sequence& s, token root, const chain_draws& how, std::vector<far_draw>& out, backend& target,
                  sequence& t);

  /// Each sequence at most once.
  logit_rows forward(std::span<const batch_entry<sequence>> work);

  /// [width] what the output head read for a node of the last tree; copied to the host when it is asked for.
  [[nodiscard]] std::span<const float> hidden(const sequence& s, node_id n) const;

  /// Waits for all passes. Throws hunch::error when the device has failed.
  void wait() const;

  [[nodiscard]] const gguf::model_config& config() const noexcept;
  [[nodiscard]] const std::string& device_name() const noexcept;
  [[nodiscard]] std::size_t context() const noexcept;
  [[nodiscard]] memory_use memory() const noexcept;

 private:
  std::unique_ptr<detail::model> model_;
};

}  // namespace hunch::cuda
