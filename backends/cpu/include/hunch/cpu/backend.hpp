// hunch::cpu: runs GGUF models on the processor. Architectures llama, qwen2, gemma3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <hunch/core/backend.hpp>
#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/gguf/file.hpp>

namespace hunch::cpu {

/// Instruction sets with kernels of their own. All give the same bits; `best` takes the last that the processor has and
/// the system lets a process use. `amx` is avx512 with AMX's matrix unit for passes of many rows.
enum class isa : std::uint8_t { best, scalar, avx2, avx_vnni, avx512, amx };

struct options {
  unsigned threads = 0;     // 0: all cores
  std::size_t context = 0;  // tokens that a sequence can hold; 0: what the file says
  isa kernels = isa::best;
};

/// Logits of a batched pass, [rows][vocab]: the rows of each entry, one entry after another.
class logit_rows {
 public:
  logit_rows() = default;
  logit_rows(std::span<float* const> rows, std::size_t vocab) : rows_{rows}, vocab_{vocab} {}
  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const noexcept {
    HUNCH_EXPECTS(i < rows_.size(), "row index out of range");
    return {rows_[i], vocab_};
  }

 private:
  std::span<float* const> rows_;
  std::size_t vocab_ = 0;
};

/// Memory of a backend and of its sequences.
struct memory_use {
  std::size_t weight_bytes = 0;    // matrices as they are held, in the order of the kernels
  std::size_t kv_token_bytes = 0;  // of one token of one sequence; an untouched context takes none
};

namespace detail {
struct model;
struct sequence_state;
}  // namespace detail

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

/// A model in memory. Models Backend, Rewindable, Forkable, LayerSkippable, BatchBackend, HiddenStates.
///
/// Rows live until the next pass of their sequence; sequences may be used alternately, from one thread at a time.
/// No bit of a row depends on what else is in the pass, on the number of threads or on the instruction set (law B4).
/// A pass throws hunch::error, with the sequence as it was before, for tokens outside the vocabulary, trees that do
/// not continue the pending nodes and passes that do not fit (ask room()). No allocation once warm.
class backend {
 public:
  using sequence = cpu::sequence;

  /// Reorders the weights for the kernels; keeps a copy of `from`, which shares the mapping.
  /// Throws hunch::error naming the tensor for types other than F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K,
  /// Q5_K and Q6_K, missing tensors and wrong shapes. Cost: reads the file once.
  explicit backend(const gguf::file& from, const options& with = {});
  backend(backend&&) noexcept;
  backend& operator=(backend&&) noexcept;
  ~backend();

  [[nodiscard]] std::size_t vocab_size() const noexcept;
  [[nodiscard]] sequence open();
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept;
  void prefill(sequence& s, std::span<const token> tokens);
  matrix_view forward(sequence& s, tree_view tree);
  void commit(sequence& s, std::span<const node_id> path);

  void rewind(sequence& s, std::size_t n);
  [[nodiscard]] sequence fork(const sequence& s);

  [[nodiscard]] std::size_t layer_count() const noexcept;
  /// A pass without the sub-layers of `mask`. Its nodes can only be rolled back, and as long as they are pending
  /// further passes must use the same mask; otherwise throws hunch::error.
  matrix_view forward(sequence& s, tree_view tree, layer_mask mask);

  /// Each sequence at most once.
  logit_rows forward(std::span<const batch_entry<sequence>> work);

  /// [width] what the output head read for a node of the last tree.
  [[nodiscard]] std::span<const float> hidden(const sequence& s, node_id n) const;

  [[nodiscard]] const gguf::model_config& config() const noexcept;
  [[nodiscard]] unsigned threads() const noexcept;
  [[nodiscard]] const char* kernels() const noexcept;  // instruction set in use: "avx512", "amx"
  [[nodiscard]] std::size_t context() const noexcept;
  [[nodiscard]] memory_use memory() const noexcept;

 private:
  std::unique_ptr<detail::model> model_;
};

}  // namespace hunch::cpu
