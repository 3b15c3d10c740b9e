#include "ops.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace hunch::cpu {
namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// Values below which work on rows is not worth waking the other threads.
constexpr std::size_t worth_sharing = 8192;

}  // namespace

void row_buffer::need(std::size_t count) {
  if (rows.size() >= count) return;
  memory.need(count * width);
  rows.resize(count);
  for (std::size_t r = 0; r < count; ++r) rows[r] = memory.data() + r * width;
}

cpu_ops::cpu_ops(const gguf::model_config& config, const kernel_table& kernels, pool& threads)
    : c_{config}, kernels_{kernels}, threads_{threads} {
  row_buffers& b = buffers_;
  b.x.width = b.h.width = b.out.width = c_.width;
  b.q.width = b.att.width = c_.q_dim();
  b.k.width = b.v.width = c_.kv_dim();
  b.gate.width = b.up.width = c_.ff_width;
  const auto frequencies = [&](rotation& r, double base) {
    for (std::size_t i = 0; i < c_.head_dim / 2; ++i)
      r.frequency.push_back(std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(c_.head_dim)));
  };
  frequencies(global_, static_cast<double>(c_.rope_base));
  if (c_.sliding_pattern != 0) frequencies(local_, static_cast<double>(c_.rope_local_base));
}

/// Calls f(row) for every row; with other threads' help when rows * cost values are many.
template <class F>
void cpu_ops::each_row(std::size_t cost, F&& f) {
  const std::size_t n = rows_.size();
  if (n == 1 || n * cost < worth_sharing) {
    for (std::size_t r = 0; r < n; ++r) f(r);
    return;
  }
  threads_.share(n, [&](unsigned, std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) f(r);
  });
}

void cpu_ops::begin(std::span<const pass_row> rows, std::span<float* const> logits) {
  rows_ = rows;
  logits_ = logits;
  row_buffers& b = buffers_;
  for (row_buffer* each : {&b.x, &b.h, &b.q, &b.k, &b.v, &b.att, &b.out, &b.gate, &b.up}) each->need(rows.size());

  const std::size_t widest = std::max({c_.width, c_.q_dim(), c_.ff_width});
  for (quantised* each : {&by_32_, &by_256_}) {
    const std::size_t values = rows.size() * round_up(widest, 256);
    each->q.need(values);
    each->scale.need(values / 32);
    each->scaled_sum.need(values / 32);
    each->sum.need(values / 32);
    each->offset.need(values / 16);
    each->sum_256.need(values / 32);
  }
  plan_attention();
  fill(global_);
  if (!local_.frequency.empty()) fill(local_);
}

// Rows of one sequence share the reading of keys and values, as many as one call of the kernel may have. Where that
// leaves threads idle, heads of a group go to different calls.
void cpu_ops::plan_attention() {
  const std::size_t together = std::max<std::size_t>(1, most_queries / group());
  std::size_t slots = 0;
  tiles_.clear();
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const bool fits = r != 0 && rows_[r].sequence == rows_[r - 1].sequence && r - tiles_.back() < together;
    if (!fits) tiles_.push_back(r);
    slots = std::max(slots, rows_[r].slot + 1);
  }
  const std::size_t calls = tiles_.size() * c_.kv_heads;
  const std::size_t pieces =
      std::max((group() + most_queries - 1) / most_queries, (threads_.size() + calls - 1) / calls);
  heads_together_ = std::max<std::size_t>(1, group() / pieces);
  tiles_.push_back(rows_.size());
  scratch_floats_ = round_up(attention_scratch(c_.head_dim, slots), 16);
  attention_.need(threads_.size() * scratch_floats_);
}

void cpu_ops::fill(rotation& r) {
  const std::size_t half = c_.head_dim / 2;
  r.cos.need(rows_.size() * half);
  r.sin.need(rows_.size() * half);
  each_row(16 * half, [&](std::size_t row) {
    const auto position = static_cast<double>(rows_[row].visible.size() - 1);
    for (std::size_t i = 0; i < half; ++i) {
      r.cos.data()[row * half + i] = static_cast<float>(std::cos(position * r.frequency[i]));
      r.sin.data()[row * half + i] = static_cast<float>(std::sin(position * r.frequency[i]));
    }
  });
}

void cpu_ops::embed(const row_table& table, float scale, row_buffer& out) {
  each_row(c_.width, [&](std::size_t r) { table.read(static_cast<std::size_t>(rows_[r].id), scale, out.rows[r]); });
}

void cpu_ops::rms_norm(row_buffer& in, const float_vector& weight, std::size_t width, float eps, row_buffer& out) {
  each_row(in.width, [&](std::size_t r) {
    for (std::size_t at = 0; at < in.width; at += width)
      kernels_.rms_norm(in.rows[r] + at, weight.data, width, eps, out.rows[r] + at);
  });
}

void cpu_ops::quantise(activation_kind kind, const row_buffer& in) {
  if (kind == activation_kind::f32) return;
  const bool small = kind == activation_kind::int8_32;
  quantised& to = small ? by_32_ : by_256_;
  const std::size_t n = in.width;
  each_row(n, [&](std::size_t r) {
    const quantised_row row{to.q.data() + r * n,
                            to.scale.data() + r * (n / (small ? 32 : 256)),
                            to.scaled_sum.data() + r * (n / 32),
                            to.sum.data() + r * (n / 32),
                            to.offset.data() + r * (n / 16),
                            to.sum_256.data() + r * (n / 32)};
    (small ? kernels_.quantise_32 : kernels_.quantise_256)(in.rows[r], n, row);
  });
}

activation_rows cpu_ops::quantised_rows(activation_kind kind, const row_buffer& in) const {
  if (kind == activation_kind::f32) return {.f32 = in.memory.data()};
  const quantised& from = kind == activation_kind::int8_32 ? by_32_ : by_256_;
  return {nullptr,         from.q.data(),      from.scale.data(),  from.scaled_sum.data(),
          from.sum.data(), from.offset.data(), from.sum_256.data()};
}

void cpu_ops::run_products(std::span<product> products) {
  std::size_t strips = 0;
  for (const product& p : products) strips += p.last_strip;
  threads_.share(strips, [&](unsigned, std::size_t first, std::size_t last) {
    std::size_t before = 0;
    for (const product& p : products) {
      product mine = p;
      mine.first_strip = std::clamp(first, before, before + p.last_strip) - before;
      mine.last_strip = std::clamp(last, before, before + p.last_strip) - before;
      before += p.last_strip;
      if (mine.first_strip < mine.last_strip) kernels_.multiply[static_cast<std::size_t>(mine.kind)](mine);
    }
  });
}

void cpu_ops::multiply(const row_buffer& in, std::initializer_list<target> targets) {
  std::array<bool, 3> done{};
  std::array<product, 3> products;
  std::size_t count = 0;
  for (const target& t : targets) {
    const activation_kind kind = activations_of(t.matrix->kind);
    if (!std::exchange(done[static_cast<std::size_t>(kind)], true)) quantise(kind, in);
    products[count++] = {.kind = t.matrix->kind,
                         .weights = reinterpret_cast<const unsigned char*>(t.matrix->data),
                         .bias = t.bias == nullptr ? nullptr : t.bias->data,
                         .inputs = t.matrix->inputs,
                         .outputs = t.matrix->outputs,
                         .in = quantised_rows(kind, in),
                         .rows = rows_.size(),
                         .out = t.out->rows.data(),
                         .first_strip = 0,
                         .last_strip = t.matrix->strips()};
  }
  run_products({products.data(), count});
}

void cpu_ops::head(const packed_matrix& matrix, const row_buffer& h) {
  const activation_kind kind = activations_of(matrix.kind);
  quantise(kind, h);
  product p{.kind = matrix.kind,
            .weights = reinterpret_cast<const unsigned char*>(matrix.data),
            .bias = nullptr,
            .inputs = matrix.inputs,
            .outputs = matrix.outputs,
            .in = quantised_rows(kind, h),
            .rows = rows_.size(),
            .out = logits_.data(),
            .first_strip = 0,
            .last_strip = matrix.strips()};
  run_products({&p, 1});
}

void cpu_ops::rotate(row_buffer& x, std::size_t heads, std::size_t index) {
  const rotation& by = c_.is_sliding(index) ? local_ : global_;
  const auto kernel = c_.rope == gguf::rope_style::adjacent_pairs ? kernels_.rotate_pairs : kernels_.rotate_halves;
  const std::size_t half = c_.head_dim / 2;
  each_row(x.width, [&](std::size_t r) {
    kernel(x.rows[r], heads, c_.head_dim, by.cos.data() + r * half, by.sin.data() + r * half);
  });
}

void cpu_ops::store(std::size_t index, const row_buffer& k, const row_buffer& v) {
  each_row(2 * k.width, [&](std::size_t r) {
    const pass_row& row = rows_[r];
    for (std::size_t h = 0; h < c_.kv_heads; ++h) {
      const std::size_t head = index * c_.kv_heads + h;
      const std::size_t at = h * c_.head_dim;
      kernels_.store_key(k.rows[r] + at, c_.head_dim, row.sequence->key(head, row.slot));
      kernels_.store_value(v.rows[r] + at, c_.head_dim, row.sequence->values(head) + row.slot * c_.head_dim);
    }
  });
}

// Items are [kv_head, tile, heads of the group].
void cpu_ops::attend_tile(std::size_t index, std::size_t window, const row_buffer& q, row_buffer& out, std::size_t item,
                          float* scratch) {
  const std::size_t pieces = (group() + heads_together_ - 1) / heads_together_;
  const std::size_t tiles = tiles_.size() - 1;
  const std::size_t kv_head = item / pieces / tiles;
  const std::size_t first_row = tiles_[item / pieces % tiles];
  const std::size_t in_group = item % pieces * heads_together_;
  const std::size_t column = (kv_head * group() + in_group) * c_.head_dim;
  attention_row rows[most_queries];
  std::size_t count = 0;
  for (std::size_t r = first_row; r < tiles_[item / pieces % tiles + 1]; ++r) {
    const transformer::kv_slots::view& sees = rows_[r].visible;
    const std::size_t keys = sees.size();
    rows[count++] = {.q = q.rows[r] + column,
                     .out = out.rows[r] + column,
                     .tail = sees.tail.data(),
                     .first = window != 0 && keys > window ? keys - window : 0,
                     .count = keys,
                     .run = sees.run};
  }
  const std::size_t head = index * c_.kv_heads + kv_head;
  const detail::sequence_state& from = *rows_[first_row].sequence;
  kernels_.attend({.k = from.keys(head),
                   .v = from.values(head),
                   .rows = rows,
                   .row_count = count,
                   .heads = std::min(heads_together_, group() - in_group),
                   .head_dim = c_.head_dim,
                   .scale = c_.query_scale,
                   .scratch = scratch});
}

void cpu_ops::attend(std::size_t index, const row_buffer& q, std::size_t window, row_buffer& out) {
  const std::size_t pieces = (group() + heads_together_ - 1) / heads_together_;
  threads_.share(c_.kv_heads * (tiles_.size() - 1) * pieces, [&](unsigned worker, std::size_t first, std::size_t last) {
    float* const scratch = attention_.data() + worker * scratch_floats_;
    for (std::size_t i = first; i < last; ++i) attend_tile(index, window, q, out, i, scratch);
  });
}

void cpu_ops::gate(gguf::activation kind, row_buffer& gate, const row_buffer& up) {
  const auto kernel = kind == gguf::activation::swiglu ? kernels_.silu_gate : kernels_.gelu_gate;
  each_row(4 * gate.width, [&](std::size_t r) { kernel(gate.rows[r], up.rows[r], gate.width); });
}

void cpu_ops::add(row_buffer& x, const row_buffer& y) {
  each_row(x.width, [&](std::size_t r) { kernels_.add(x.rows[r], y.rows[r], x.width); });
}

void cpu_ops::hidden(const row_buffer& h) {
  for (std::size_t r = 0; r < rows_.size(); ++r)
    std::memcpy(rows_[r].sequence->hidden.data() + rows_[r].node * c_.width, h.rows[r], c_.width * sizeof(float));
}

}  // namespace hunch::cpu
