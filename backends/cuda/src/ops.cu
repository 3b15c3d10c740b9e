#include "ops.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <hunch/core/error.hpp>

#include "kernels/attention.hpp"
#include "kernels/cache.hpp"
#include "kernels/float_products.hpp"
#include "kernels/products.hpp"
#include "kernels/rows.hpp"
#include "launch.hpp"

namespace hunch::cuda {
namespace {

constexpr unsigned pieces(unsigned n, unsigned of) { return (n + of - 1) / of; }

template <unsigned Tiles>
unsigned grid_of(const product_list& work) {
  unsigned blocks = 0;
  for (unsigned i = 0; i < work.count; ++i) blocks += pieces(work.of[i].matrix.tiles(), block_tiles<Tiles>);
  return blocks;
}

template <unsigned Tiles>
void launch_products(stream& s, const product_list& work, const quantised_view& by_32, const quantised_view& by_256,
                     const pass_block* pass) {
  launch(s, multiply<Tiles>, {grid_of<Tiles>(work)}, block_threads<Tiles>, work, by_32, by_256, pass);
}

template <unsigned Heads>
void launch_attention(stream& s, const attention_work& work, unsigned rows, const pass_block* pass) {
  launch(s, attend_split<Heads>, {work.splits, work.pages.kv_heads, rows}, attention_threads, work, pass);
}

}  // namespace

cuda_ops::cuda_ops(const gguf::model_config& config, const weights& w, stream& s)
    : c_{config},
      stream_{s},
      pages_{static_cast<std::uint32_t>(config.layers), static_cast<std::uint32_t>(config.kv_heads),
             static_cast<std::uint32_t>(config.head_dim)} {
  check_shape();
  row_buffers& b = buffers_;
  b.x.width = b.h.width = b.out.width = static_cast<unsigned>(c_.width);
  b.q.width = b.att.width = static_cast<unsigned>(c_.q_dim());
  b.k.width = b.v.width = static_cast<unsigned>(c_.kv_dim());
  b.gate.width = b.up.width = static_cast<unsigned>(c_.ff_width);
  for (row_buffer* each : {&b.x, &b.h, &b.q, &b.k, &b.v, &b.att, &b.out, &b.gate, &b.up})
    each->memory = device_array<float>{std::size_t{max_rows} * each->width};
  for (const layer& l : w.layers) {
    for (const matrix_view* m : {&l.q, &l.k, &l.v, &l.gate, &l.up}) read_by(b.h, *m);
    read_by(b.att, l.attn_output);
    read_by(b.gate, l.down);
  }
  read_by(b.h, w.head);
  const std::size_t widest = std::size_t{max_rows} * std::max({b.h.width, b.att.width, b.gate.width});
  by_32_ = {device_array<std::int8_t>{widest}, device_array<float>{widest / 32}, device_array<float>{widest / 32}, {}};
  by_256_ = {device_array<std::int8_t>{widest},
             device_array<float>{widest / 256},
             {},
             device_array<std::int16_t>{widest / 32}};
  const auto frequencies = [&](rotation& r, double base) {
    for (std::size_t i = 0; i < c_.head_dim / 2; ++i)
      r.frequency.push_back(std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(c_.head_dim)));
  };
  frequencies(global_, static_cast<double>(c_.rope_base));
  if (c_.sliding_pattern != 0) frequencies(local_, static_cast<double>(c_.rope_local_base));
}

void cuda_ops::check_shape() const {
  if (c_.head_dim % 16 != 0 || c_.head_dim > 256)
    raise("cuda: heads of " + std::to_string(c_.head_dim) + " values are not supported; a multiple of 16 up to 256 is");
}

void cuda_ops::read_by(row_buffer& in, const matrix_view& m) noexcept {
  in.as_32 |= !is_float(m.kind) && !has_blocks_of_256(m.kind);
  in.as_256 |= has_blocks_of_256(m.kind);
}

std::size_t cuda_ops::parts_of(unsigned rows, std::size_t positions) const noexcept {
  return std::size_t{rows} * c_.heads * split_bucket((positions + split_keys - 1) / split_keys);
}

bool cuda_ops::must_grow(unsigned rows, std::size_t positions) const noexcept {
  return positions > positions_ || parts_of(rows, positions) > part_count_;
}

void cuda_ops::grow(unsigned rows, std::size_t positions) {
  if (positions > positions_) {
    const std::size_t more = std::max<std::size_t>({positions, 2 * positions_, 1024});
    fill(global_, more);
    if (!local_.frequency.empty()) fill(local_, more);
    positions_ = more;
  }
  const std::size_t parts = parts_of(rows, positions);
  if (parts <= part_count_) return;
  part_count_ = 0;
  parts_ = {};  // first, so that both need not fit
  parts_ = {device_array<float>{parts}, device_array<float>{parts}, device_array<float>{parts * c_.head_dim}};
  part_count_ = parts;
}

void cuda_ops::fill(rotation& r, std::size_t positions) {
  const std::size_t half = c_.head_dim / 2;
  std::vector<float> cos(positions * half), sin(positions * half);
  for (std::size_t p = 0; p < positions; ++p)
    for (std::size_t i = 0; i < half; ++i) {
      cos[p * half + i] = static_cast<float>(std::cos(static_cast<double>(p) * r.frequency[i]));
      sin[p * half + i] = static_cast<float>(std::sin(static_cast<double>(p) * r.frequency[i]));
    }
  r.cos = device_array<float>{cos.size()};
  r.sin = device_array<float>{sin.size()};
  stream_.to_device(r.cos.data(), cos.data(), cos.size() * sizeof(float));
  stream_.to_device(r.sin.data(), sin.data(), sin.size() * sizeof(float));
  stream_.wait();
}

void cuda_ops::begin(const pass_block* pass, unsigned rows, unsigned splits) {
  pass_ = pass;
  rows_ = rows;
  splits_ = splits;
  adds_out_ = false;
}

rounded_rows cuda_ops::rounded(const row_buffer& b) const {
  rounded_rows to;
  if (b.as_32) {
    to.q_32 = by_32_.q.data();
    to.scale_32 = by_32_.scale.data();
    to.scaled_sum_32 = by_32_.scaled_sum.data();
  }
  if (b.as_256) {
    to.q_256 = by_256_.q.data();
    to.scale_256 = by_256_.scale.data();
    to.sums_256 = by_256_.sums.data();
  }
  return to;
}

void cuda_ops::embed(const matrix_view& table, float scale, row_buffer& out) {
  adds_out_ = false;
  launch(stream_, cuda::embed<>, {rows_, pieces(out.width, 256)}, 256, table, scale, out.memory.data(), pass_);
}

void cuda_ops::rms_norm(row_buffer& in, const float_vector& weight, std::size_t width, float eps, row_buffer& out) {
  norm_work work{};
  work.x = in.memory.data();
  if (&in == &buffers_.x && std::exchange(adds_out_, false)) work.more = buffers_.out.memory.data();
  work.weight = weight.data;
  work.out = out.memory.data();
  work.width = static_cast<unsigned>(width);
  work.stride = in.width;
  work.eps = eps;
  if (&out == &buffers_.h) work.rounded = rounded(out);
  launch(stream_, cuda::rms_norm<>, {rows_, in.width / work.width}, 256, work, pass_);
}

void cuda_ops::run_products(const product_list& work, const row_buffer& in, bool floats) {
  if (work.count == 0) return;
  if (floats) {
    launch(stream_, multiply_floats<>, {grid_of<1>(work)}, 256, work, in.memory.data(), pass_);
    return;
  }
  const quantised_view by_32{by_32_.q.data(), by_32_.scale.data(), by_32_.scaled_sum.data(), nullptr};
  const quantised_view by_256{by_256_.q.data(), by_256_.scale.data(), nullptr, by_256_.sums.data()};
  if (rows_ <= 8)
    launch_products<1>(stream_, work, by_32, by_256, pass_);
  else if (rows_ <= 16)
    launch_products<2>(stream_, work, by_32, by_256, pass_);
  else if (rows_ <= 32)
    launch_products<4>(stream_, work, by_32, by_256, pass_);
  else
    launch_products<8>(stream_, work, by_32, by_256, pass_);
}

void cuda_ops::multiply(const row_buffer& in, std::initializer_list<target> targets) {
  product_list quantised, floats;
  for (const target& t : targets) {
    product_list& list = is_float(t.matrix->kind) ? floats : quantised;
    list.of[list.count++] = {*t.matrix, t.bias == nullptr ? nullptr : t.bias->data, t.out->memory.data(), t.out->width};
  }
  run_products(quantised, in, false);
  run_products(floats, in, true);
}

/// Queries and keys turn on their way into the cache: store, which comes next, does it.
void cuda_ops::rotate(row_buffer&, std::size_t, std::size_t) {}

void cuda_ops::store(std::size_t index, const row_buffer& k, const row_buffer& v) {
  const rotation& by = c_.is_sliding(index) ? local_ : global_;
  rotate_work work{};
  work.q = buffers_.q.memory.data();
  work.k = k.memory.data();
  work.v = v.memory.data();
  work.cos = by.cos.data();
  work.sin = by.sin.data();
  work.pages = pages_;
  work.heads = static_cast<unsigned>(c_.heads);
  work.layer = static_cast<unsigned>(index);
  work.adjacent = c_.rope == gguf::rope_style::adjacent_pairs;
  launch(stream_, rotate_and_store<>, {rows_, work.heads + 2 * pages_.kv_heads}, 64, work, pass_);
}

void cuda_ops::attend(std::size_t index, const row_buffer& q, std::size_t window, row_buffer& out) {
  attention_work work{};
  work.q = q.memory.data();
  work.pages = pages_;
  work.heads = static_cast<unsigned>(c_.heads);
  work.layer = static_cast<unsigned>(index);
  work.window = static_cast<unsigned>(window);
  // A window of n keys touches at most n / 64 + 2 splits.
  work.splits = window == 0 ? splits_ : std::min(splits_, split_bucket(window / split_keys + 2));
  work.scale = c_.query_scale;
  work.tops = parts_.tops.data();
  work.sums = parts_.sums.data();
  work.values = parts_.values.data();
  const std::size_t group = c_.heads / c_.kv_heads;
  if (group == 1)
    launch_attention<1>(stream_, work, rows_, pass_);
  else if (group == 2)
    launch_attention<2>(stream_, work, rows_, pass_);
  else if (group <= 4)
    launch_attention<4>(stream_, work, rows_, pass_);
  else
    launch_attention<8>(stream_, work, rows_, pass_);
  launch(stream_, join_splits<>, {rows_, pieces(out.width, 1024)}, 128, work, out.memory.data(), rounded(out), pass_);
}

void cuda_ops::gate(gguf::activation kind, row_buffer& gate, const row_buffer& up) {
  launch(stream_, gate_rows<>, {rows_, pieces(gate.width, 1024)}, 128, gate.memory.data(), up.memory.data(), gate.width,
         kind == gguf::activation::geglu_tanh, rounded(gate), pass_);
}

/// The sum is taken by the norm that comes next: nothing else reads x.
void cuda_ops::add(row_buffer& x, const row_buffer& y) {
  HUNCH_EXPECTS(&x == &buffers_.x && &y == &buffers_.out && !adds_out_, "x += out, once before each norm of x");
  static_cast<void>(x);
  static_cast<void>(y);
  adds_out_ = true;
}

void cuda_ops::hidden(const row_buffer& h) {
  launch(stream_, keep_hidden<>, {rows_, pieces(h.width, 256)}, 256, h.memory.data(), h.width, pass_);
}

void cuda_ops::head(const matrix_view& matrix, const row_buffer& h) {
  product_list work;
  work.of[work.count++] = {matrix, nullptr, nullptr, 0};
  run_products(work, h, is_float(matrix.kind));
}

void move_kept(stream& s, std::uint16_t* const* pages, page_shape shape,
               std::span<const transformer::kv_slots::move> moves) {
  for (std::size_t first = 0; first < moves.size(); first += slot_moves::most) {
    slot_moves list;
    list.count = static_cast<unsigned>(std::min<std::size_t>(slot_moves::most, moves.size() - first));
    for (unsigned i = 0; i < list.count; ++i) list.of[i] = {moves[first + i].from, moves[first + i].to};
    launch(s, move_slots<>, {shape.layers * shape.kv_heads * 2}, 64, pages, shape, list);
  }
}

}  // namespace hunch::cuda
