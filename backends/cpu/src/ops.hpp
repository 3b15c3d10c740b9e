// The operations of the graph on the processor.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include <hunch/gguf/config.hpp>
#include <hunch/transformer/weights.hpp>

#include "kernels/table.hpp"
#include "memory.hpp"
#include "packed.hpp"
#include "pool.hpp"
#include "sequence_state.hpp"

namespace hunch::cpu {

/// One row of a pass.
struct pass_row {
  detail::sequence_state* sequence;
  token id;
  std::size_t slot;
  transformer::kv_slots::view visible;
  std::size_t node;  // in its sequence's tree
};

/// Values of the rows of a pass: [rows, width].
struct row_buffer {
  std::size_t width = 0;
  buffer<float> memory;
  std::vector<float*> rows;

  void need(std::size_t count);
};

class cpu_ops {
 public:
  using weights = transformer::model_weights<row_table, packed_matrix, float_vector>;
  using layer = transformer::layer_weights<packed_matrix, float_vector>;
  struct row_buffers {
    row_buffer x, h, q, k, v, att, out, gate, up;
  };
  struct target {
    const packed_matrix* matrix;
    const float_vector* bias;
    row_buffer* out;
  };

  cpu_ops(const gguf::model_config& config, const kernel_table& kernels, pool& threads);

  /// Sets the rows of the next pass; `logits` [rows] is where their logits go, empty without a head.
  void begin(std::span<const pass_row> rows, std::span<float* const> logits);
  /// Ends the pass: what was put off is done.
  void finish() { run_steps(); }

  // Work on single rows (embed, rms_norm, rotate, store, gate, add, hidden) is put off until the next product or
  // attention, and then done row by row in one go: fewer waits for other threads, and rows stay in the cache.

  [[nodiscard]] row_buffers& buffers() noexcept { return buffers_; }
  void embed(const row_table& table, float scale, row_buffer& out);
  void rms_norm(row_buffer& in, const float_vector& weight, std::size_t width, float eps, row_buffer& out);
  void multiply(const row_buffer& in, std::initializer_list<target> targets);
  void rotate(row_buffer& x, std::size_t heads, std::size_t index);
  void store(std::size_t index, const row_buffer& k, const row_buffer& v);
  void attend(std::size_t index, const row_buffer& q, std::size_t window, row_buffer& out);
  void gate(gguf::activation kind, row_buffer& gate, const row_buffer& up);
  void add(row_buffer& x, const row_buffer& y);
  void hidden(const row_buffer& h);
  void head(const packed_matrix& matrix, const row_buffer& h);

 private:
  /// Quantised rows of one kind.
  struct quantised {
    buffer<signed char> q;
    buffer<float> scale;
    buffer<float> scaled_sum;
    buffer<std::int32_t> sum;
    buffer<std::int32_t> offset;
    buffer<std::int16_t> sum_256;
  };
  /// Rotations of every position so far, for one base.
  struct rotation {
    std::vector<double> frequency;  // [head_dim / 2]
    buffer<float> cos;              // [positions, head_dim / 2]
    buffer<float> sin;
    std::size_t positions = 0;
  };
  /// Work on single rows that was put off. What the members mean is up to `run`.
  struct row_step {
    void (*run)(cpu_ops& ops, const row_step& step, std::size_t row);
    const row_buffer* in = nullptr;
    const row_buffer* out = nullptr;  // the rows that it points to are written
    const float* weight = nullptr;
    const row_table* table = nullptr;
    std::size_t width = 0;
    std::size_t index = 0;
    float number = 0;
  };

  /// Query heads that share a key-value head.
  [[nodiscard]] std::size_t group() const noexcept { return c_.heads / c_.kv_heads; }
  void put_off(const row_step& step, std::size_t values);
  void run_steps();
  void fill(rotation& r, std::size_t positions);
  void plan_attention();
  void attend_tile(std::size_t index, std::size_t window, const row_buffer& q, row_buffer& out, std::size_t item,
                   float* scratch);
  /// Rows of `in` in the form that a matrix reads, once run_steps() was called.
  [[nodiscard]] activation_rows quantise(activation_kind kind, const row_buffer& in);
  void run_products(std::span<product> products);

  const gguf::model_config& c_;
  const kernel_table& kernels_;
  pool& threads_;
  std::span<const pass_row> rows_;
  std::span<float* const> logits_;
  std::size_t group_ = group_rows;  // of quantised rows, in this pass
  row_buffers buffers_;
  std::vector<row_step> steps_;
  std::size_t values_ = 0;  // that the steps touch, of one row
  quantised by_32_;
  quantised by_256_;
  rotation global_;
  rotation local_;
  std::vector<std::size_t> tiles_;  // first rows of what is attended together, then the number of rows
  std::size_t heads_together_ = 1;  // of a group, in one call
  std::size_t scratch_floats_ = 0;  // of one thread
  buffer<float> attention_;         // [threads, scratch]
};

}  // namespace hunch::cpu
