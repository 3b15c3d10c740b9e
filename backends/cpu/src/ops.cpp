#include "ops.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

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

void cpu_ops::put_off(const row_step& step, std::size_t values) {
  steps_.push_back(step);
  values_ += values;
}

void cpu_ops::run_steps() {
  const auto run = [&](unsigned, std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      for (const row_step& s : steps_) s.run(*this, s, r);
  };
  if (rows_.size() * values_ < worth_sharing)
    run(0, 0, rows_.size());
  else
    threads_.share(rows_.size(), run);
  steps_.clear();
  values_ = 0;
}

void cpu_ops::begin(std::span<const pass_row> rows, std::span<float* const> logits) {
  rows_ = rows;
  logits_ = logits;
  group_ = group_of(kernels_, rows.size());
  row_buffers& b = buffers_;
  for (row_buffer* each : {&b.x, &b.h, &b.q, &b.k, &b.v, &b.att, &b.out, &b.gate, &b.up}) each->need(rows.size());

  const std::size_t widest = std::max({c_.width, c_.q_dim(), c_.ff_width});
  for (quantised* each : {&by_32_, &by_256_}) {
    const std::size_t values = round_up(rows.size(), group_) * round_up(widest, 256);
    each->q.need(values);
    each->scale.need(values / 32);
    each->scaled_sum.need(values / 32);
    each->sum.need(values / 32);
    each->offset.need(values / 16);
    each->sum_256.need(values / 32);
  }
  plan_attention();
  std::size_t positions = 0;
  for (const pass_row& r : rows_) positions = std::max(positions, r.visible.size());
  fill(global_, positions);
  if (!local_.frequency.empty()) fill(local_, positions);
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

void cpu_ops::fill(rotation& r, std::size_t positions) {
  if (positions <= r.positions) return;
  const std::size_t half = c_.head_dim / 2;
  r.cos.need(positions * half, r.positions * half);
  r.sin.need(positions * half, r.positions * half);
  for (std::size_t p = r.positions; p < positions; ++p) {
    for (std::size_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) * r.frequency[i];
      r.cos.data()[p * half + i] = static_cast<float>(std::cos(angle));
      r.sin.data()[p * half + i] = static_cast<float>(std::sin(angle));
    }
  }
  r.positions = positions;
}

void cpu_ops::embed(const row_table& table, float scale, row_buffer& out) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    s.table->read(static_cast<std::size_t>(ops.rows_[r].id), s.number, s.out->rows[r]);
  };
  put_off({.run = run, .out = &out, .table = &table, .number = scale}, c_.width);
}

void cpu_ops::rms_norm(row_buffer& in, const float_vector& weight, std::size_t width, float eps, row_buffer& out) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    for (std::size_t at = 0; at < s.in->width; at += s.width)
      ops.kernels_.rms_norm(s.in->rows[r] + at, s.weight, s.width, s.number, s.out->rows[r] + at);
  };
  put_off({.run = run, .in = &in, .out = &out, .weight = weight.data, .width = width, .number = eps}, in.width);
}

activation_rows cpu_ops::quantise(activation_kind kind, const row_buffer& in) {
  if (kind == activation_kind::f32) return {.f32 = in.memory.data()};
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    const bool small = s.width == 32;
    quantised& to = small ? ops.by_32_ : ops.by_256_;
    const std::size_t at = block_at(r, 0, s.in->width / s.width, ops.group_);
    const quantised_row row{to.q.data() + at * s.width,
                            to.scale.data() + at,
                            to.scaled_sum.data() + at,
                            to.sum.data() + at,
                            to.offset.data() + 16 * at,
                            to.sum_256.data() + 8 * at,
                            ops.group_};
    (small ? ops.kernels_.quantise_32 : ops.kernels_.quantise_256)(s.in->rows[r], s.in->width, row);
  };
  const bool small = kind == activation_kind::int8_32;
  put_off({.run = run, .in = &in, .width = small ? std::size_t{32} : std::size_t{256}}, 2 * in.width);
  const quantised& to = small ? by_32_ : by_256_;
  return {nullptr,       to.q.data(),      to.scale.data(),   to.scaled_sum.data(),
          to.sum.data(), to.offset.data(), to.sum_256.data(), group_};
}

// Threads get whole pairs of strips, which is what a tile of the kernels takes.
void cpu_ops::run_products(std::span<product> products) {
  const auto pairs_of = [](const product& p) { return (p.last_strip + 1) / 2; };
  std::size_t pairs = 0;
  for (const product& p : products) pairs += pairs_of(p);
  threads_.share(pairs, [&](unsigned, std::size_t first, std::size_t last) {
    std::size_t before = 0;
    for (const product& p : products) {
      const std::size_t after = before + pairs_of(p);
      product mine = p;
      mine.first_strip = 2 * (std::clamp(first, before, after) - before);
      mine.last_strip = std::min(2 * (std::clamp(last, before, after) - before), p.last_strip);
      before = after;
      if (mine.first_strip < mine.last_strip) kernels_.multiply[static_cast<std::size_t>(mine.kind)](mine);
    }
  });
}

void cpu_ops::multiply(const row_buffer& in, std::initializer_list<target> targets) {
  std::array<std::optional<activation_rows>, 3> forms;
  std::array<product, 3> products;
  std::size_t count = 0;
  for (const target& t : targets) {
    const activation_kind kind = activations_of(t.matrix->kind);
    auto& form = forms[static_cast<std::size_t>(kind)];
    if (!form) form = quantise(kind, in);
    products[count++] = {.kind = t.matrix->kind,
                         .weights = reinterpret_cast<const unsigned char*>(t.matrix->data),
                         .bias = t.bias == nullptr ? nullptr : t.bias->data,
                         .inputs = t.matrix->inputs,
                         .outputs = t.matrix->outputs,
                         .in = *form,
                         .rows = rows_.size(),
                         .out = t.out->rows.data(),
                         .first_strip = 0,
                         .last_strip = t.matrix->strips()};
  }
  run_steps();
  run_products({products.data(), count});
}

void cpu_ops::head(const packed_matrix& matrix, const row_buffer& h) {
  product p{.kind = matrix.kind,
            .weights = reinterpret_cast<const unsigned char*>(matrix.data),
            .bias = nullptr,
            .inputs = matrix.inputs,
            .outputs = matrix.outputs,
            .in = quantise(activations_of(matrix.kind), h),
            .rows = rows_.size(),
            .out = logits_.data(),
            .first_strip = 0,
            .last_strip = matrix.strips()};
  run_steps();
  run_products({&p, 1});
}

void cpu_ops::rotate(row_buffer& x, std::size_t heads, std::size_t index) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    const gguf::model_config& c = ops.c_;
    const rotation& by = c.is_sliding(s.index) ? ops.local_ : ops.global_;
    const bool pairs = c.rope == gguf::rope_style::adjacent_pairs;
    const std::size_t at = (ops.rows_[r].visible.size() - 1) * (c.head_dim / 2);
    (pairs ? ops.kernels_.rotate_pairs : ops.kernels_.rotate_halves)(s.out->rows[r], s.width, c.head_dim,
                                                                     by.cos.data() + at, by.sin.data() + at);
  };
  put_off({.run = run, .out = &x, .width = heads, .index = index}, x.width);
}

void cpu_ops::store(std::size_t index, const row_buffer& k, const row_buffer& v) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    const gguf::model_config& c = ops.c_;
    const pass_row& row = ops.rows_[r];
    for (std::size_t h = 0; h < c.kv_heads; ++h) {
      const std::size_t head = s.index * c.kv_heads + h;
      const std::size_t at = h * c.head_dim;
      ops.kernels_.store_key(s.in->rows[r] + at, c.head_dim, row.sequence->key(head, row.slot));
      ops.kernels_.store_value(s.out->rows[r] + at, c.head_dim, row.sequence->values(head) + row.slot * c.head_dim);
    }
  };
  put_off({.run = run, .in = &k, .out = &v, .index = index}, 2 * k.width);
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
  run_steps();
  const std::size_t pieces = (group() + heads_together_ - 1) / heads_together_;
  constexpr std::size_t each = 16;  // items are few and long: with two in a range a thread would often wait for one
  const auto run = [&](unsigned worker, std::size_t first, std::size_t last) {
    float* const scratch = attention_.data() + worker * scratch_floats_;
    for (std::size_t i = first; i < last; ++i) attend_tile(index, window, q, out, i, scratch);
  };
  threads_.share(c_.kv_heads * (tiles_.size() - 1) * pieces, run, each);
}

void cpu_ops::gate(gguf::activation kind, row_buffer& gate, const row_buffer& up) {
  const auto silu = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    ops.kernels_.silu_gate(s.out->rows[r], s.in->rows[r], s.out->width);
  };
  const auto gelu = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    ops.kernels_.gelu_gate(s.out->rows[r], s.in->rows[r], s.out->width);
  };
  put_off({.run = kind == gguf::activation::swiglu ? silu : gelu, .in = &up, .out = &gate}, 4 * gate.width);
}

void cpu_ops::add(row_buffer& x, const row_buffer& y) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    ops.kernels_.add(s.out->rows[r], s.in->rows[r], s.out->width);
  };
  put_off({.run = run, .in = &y, .out = &x}, x.width);
}

void cpu_ops::hidden(const row_buffer& h) {
  const auto run = +[](cpu_ops& ops, const row_step& s, std::size_t r) {
    const std::size_t width = ops.c_.width;
    const pass_row& row = ops.rows_[r];
    std::memcpy(row.sequence->hidden.data() + row.node * width, s.in->rows[r], width * sizeof(float));
  };
  put_off({.run = run, .in = &h}, c_.width);
}

}  // namespace hunch::cpu
