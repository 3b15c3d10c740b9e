// The transformer, written once for all devices.
#pragma once

#include <cstddef>

#include <hunch/core/types.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/transformer/weights.hpp>

namespace hunch::transformer {

/// What one pass computes. `Ops` knows the rows of the pass: their tokens, positions, slots and sequences.
struct pass {
  layer_mask mask;   // sub-layers to leave out; empty: none
  bool head = true;  // logits for all rows; false: only the cache is filled
};

/// Runs one pass of `Ops` rows through the model.
///
/// Ops has buffers for the rows of a pass (x, h, q, k, v, att, out, gate, up; each [rows, its width]) and
///   embed(table, scale, x)                    rows of the embedding times scale
///   rms_norm(in, weight, width, eps, out)     every run of `width` values on its own; out may be in
///   multiply(in, {matrix, bias, out}...)      products that share an input
///   rotate(x, heads, layer)                   rotary positions of the layer's base
///   store(layer, k, v)                        into the rows' slots of the cache
///   attend(layer, q, window, out)             each row over the slots it sees; window 0: all
///   gate(kind, gate, up)                      gate = activation(gate) * up
///   add(x, y)                                 x += y
///   hidden(h), head(matrix, h)                final hidden state kept; logits of all rows
/// No row's value may depend on the other rows of the pass (law B4).
template <class Ops>
class graph {
 public:
  using weights = typename Ops::weights;
  using layer = typename Ops::layer;

  graph(const gguf::model_config& config, const weights& w) : c_{config}, w_{w} {}

  void run(Ops& ops, const pass& p) const {
    auto& b = ops.buffers();
    ops.embed(w_.embedding, c_.embedding_scale, b.x);
    for (std::size_t i = 0; i < c_.layers; ++i) {
      const skip left_out = p.mask.empty() ? skip::none : p.mask[i];
      const bool fill_only = !p.head && i + 1 == c_.layers;  // nobody reads what the last layer adds to the rows
      if (!skips(left_out, skip::attention)) attention(ops, b, i, fill_only);
      if (!skips(left_out, skip::mlp) && !fill_only) feed_forward(ops, b, w_.layers[i]);
    }
    if (!p.head) return;
    ops.rms_norm(b.x, w_.output_norm, c_.width, c_.rms_eps, b.h);
    ops.hidden(b.h);
    ops.head(w_.head, b.h);
  }

 private:
  template <class Buffers>
  void attention(Ops& ops, Buffers& b, std::size_t i, bool fill_only) const {
    const layer& l = w_.layers[i];
    ops.rms_norm(b.x, l.attn_norm, c_.width, c_.rms_eps, b.h);
    ops.multiply(b.h, {{&l.q, &l.q_bias, &b.q}, {&l.k, &l.k_bias, &b.k}, {&l.v, &l.v_bias, &b.v}});
    if (c_.qk_norm) {
      ops.rms_norm(b.q, l.q_norm, c_.head_dim, c_.rms_eps, b.q);
      ops.rms_norm(b.k, l.k_norm, c_.head_dim, c_.rms_eps, b.k);
    }
    ops.rotate(b.q, c_.heads, i);
    ops.rotate(b.k, c_.kv_heads, i);
    ops.store(i, b.k, b.v);
    if (fill_only) return;
    ops.attend(i, b.q, c_.is_sliding(i) ? c_.sliding_window : 0, b.att);
    ops.multiply(b.att, {{&l.attn_output, nullptr, &b.out}});
    if (c_.post_norms) ops.rms_norm(b.out, l.post_attention_norm, c_.width, c_.rms_eps, b.out);
    ops.add(b.x, b.out);
  }

  template <class Buffers>
  void feed_forward(Ops& ops, Buffers& b, const layer& l) const {
    ops.rms_norm(b.x, l.ffn_norm, c_.width, c_.rms_eps, b.h);
    ops.multiply(b.h, {{&l.gate, nullptr, &b.gate}, {&l.up, nullptr, &b.up}});
    ops.gate(c_.gate, b.gate, b.up);
    ops.multiply(b.gate, {{&l.down, nullptr, &b.out}});
    if (c_.post_norms) ops.rms_norm(b.out, l.post_ffw_norm, c_.width, c_.rms_eps, b.out);
    ops.add(b.x, b.out);
  }

  const gguf::model_config& c_;
  const weights& w_;
};

}  // namespace hunch::transformer
