// hunch::cuda: runs GGUF models on an NVIDIA GPU. Architectures llama, qwen2, gemma3. For any host compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <hunch/core/backend.hpp>
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

/// Logits of a pass, [rows][vocab], on the device until they are asked for. Valid until the next pass of a sequence
/// that took part.
class logit_rows {
 public:
  logit_rows() = default;
  explicit logit_rows(const detail::row_set& rows) noexcept : rows_{&rows} {}

  [[nodiscard]] std::size_t size() const noexcept;
  /// Row i; the first call copies it to the host. Throws hunch::error when the device has failed.
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const;

  /// What hunch::argmax gives for row i. The first call finds it for all rows of the sequence, on the device: a few
  /// bytes cross to the host, no logits.
  [[nodiscard]] token argmax(std::size_t i) const;
  /// What hunch::philox{seed}.at_position(position, row i, temperature) gives: the same noise, the same token. The
  /// first call finds it for all rows of the sequence, each at its own position.
  [[nodiscard]] token at_position(std::size_t i, std::uint64_t position, std::uint64_t seed, float temperature) const;

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

/// A model in device memory. Models Backend, Rewindable, Forkable, LayerSkippable, BatchBackend, HiddenStates.
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
