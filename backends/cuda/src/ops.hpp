// The operations of the graph on the device. Same functions as the CPU's, so that the same graph runs
// (hunch/transformer/graph.hpp); each launches at most one kernel, and several wait for the next one to do their work.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include <hunch/gguf/config.hpp>
#include <hunch/transformer/kv_slots.hpp>
#include <hunch/transformer/weights.hpp>

#include "layout.hpp"
#include "pass.hpp"
#include "runtime.hpp"

namespace hunch::cuda {

/// Floats in device memory, or null.
struct float_vector {
  const float* data = nullptr;
};

/// Values of the rows of a pass: [max_rows, width].
struct row_buffer {
  unsigned width = 0;
  device_array<float> memory;
  bool as_32 = false;  // matrices of these kinds read it
  bool as_256 = false;
};

class cuda_ops {
 public:
  using weights = transformer::model_weights<matrix_view, matrix_view, float_vector>;
  using layer = transformer::layer_weights<matrix_view, float_vector>;
  struct row_buffers {
    row_buffer x, h, q, k, v, att, out, gate, up;
  };
  struct target {
    const matrix_view* matrix;
    const float_vector* bias;
    row_buffer* out;
  };

  /// Throws hunch::error for shapes that the kernels do not know and when the device is out of memory.
  cuda_ops(const gguf::model_config& config, const weights& w, stream& s);

  /// Whether rows with up to `positions` keys need more room than there is. Getting it moves buffers: recorded graphs
  /// are void, and nothing may be running.
  [[nodiscard]] bool must_grow(unsigned rows, std::size_t positions) const noexcept;
  void grow(unsigned rows, std::size_t positions);
  /// Begins a pass of at most `rows` rows (a bucket) that see at most `splits` splits of keys.
  void begin(const pass_block* pass, unsigned rows, unsigned splits);

  [[nodiscard]] row_buffers& buffers() noexcept { return buffers_; }
  void embed(const matrix_view& table, float scale, row_buffer& out);
  void rms_norm(row_buffer& in, const float_vector& weight, std::size_t width, float eps, row_buffer& out);
  void multiply(const row_buffer& in, std::initializer_list<target> targets);
  void rotate(row_buffer& x, std::size_t heads, std::size_t index);
  void store(std::size_t index, const row_buffer& k, const row_buffer& v);
  void attend(std::size_t index, const row_buffer& q, std::size_t window, row_buffer& out);
  void gate(gguf::activation kind, row_buffer& gate, const row_buffer& up);
  void add(row_buffer& x, const row_buffer& y);
  void hidden(const row_buffer& h);
  void head(const matrix_view& matrix, const row_buffer& h);

  [[nodiscard]] page_shape pages() const noexcept { return pages_; }

 private:
  /// Rounded rows; one buffer is rounded at a time, and read before the next one is.
  struct rounded_store {
    device_array<std::int8_t> q;
    device_array<float> scale;
    device_array<float> scaled_sum;   // of 32
    device_array<std::int16_t> sums;  // of 256
  };
  /// Rotations of positions for one base.
  struct rotation {
    std::vector<double> frequency;  // [head_dim / 2]
    device_array<float> cos;        // [positions, head_dim / 2]
    device_array<float> sin;
  };
  struct partial_results {
    device_array<float> tops, sums, values;
  };

  void check_shape() const;
  [[nodiscard]] std::size_t parts_of(unsigned rows, std::size_t positions) const noexcept;
  void fill(rotation& r, std::size_t positions);
  [[nodiscard]] struct rounded_rows rounded(const row_buffer& b) const;
  void run_products(const struct product_list& work, const row_buffer& in, bool floats);
  void read_by(row_buffer& in, const matrix_view& m) noexcept;

  const gguf::model_config& c_;
  stream& stream_;
  page_shape pages_;
  row_buffers buffers_;
  rounded_store by_32_;
  rounded_store by_256_;
  rotation global_;
  rotation local_;
  std::size_t positions_ = 0;
  partial_results parts_;
  std::size_t part_count_ = 0;  // rows * heads * splits that there is room for

  const pass_block* pass_ = nullptr;
  unsigned rows_ = 1;
  unsigned splits_ = 1;
  bool adds_out_ = false;  // x += out is still to be done, by the norm that comes next
};

/// Does the moves in the pages of one sequence.
void move_kept(stream& s, std::uint16_t* const* pages, page_shape shape,
               std::span<const transformer::kv_slots::move> moves);

}  // namespace hunch::cuda
