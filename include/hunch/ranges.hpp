// range-v3 views: children and paths of a tree, and a decoder's text as a lazy stream of tokens.
#pragma once

#include <span>

#include <range/v3/view/facade.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/transform.hpp>

#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/decoder.hpp>

namespace hunch {

/// The children of a node in the order in which they are judged.
template <class P>
class children_view : public ranges::view_facade<children_view<P>> {
  friend ranges::range_access;
  const basic_draft_tree<P>* tree_ = nullptr;
  node_id at_ = no_node;

  [[nodiscard]] node_id read() const { return at_; }
  [[nodiscard]] bool equal(ranges::default_sentinel_t) const { return at_ == no_node; }
  void next() { at_ = tree_->next_sibling(at_); }

 public:
  children_view() = default;
  children_view(const basic_draft_tree<P>& tree, node_id parent) : tree_{&tree}, at_{tree.first_child(parent)} {}
};

template <class P>
[[nodiscard]] children_view<P> children(const basic_draft_tree<P>& tree, node_id parent) {
  return {tree, parent};
}

/// All nodes, parents before children.
template <class P>
[[nodiscard]] auto nodes(const basic_draft_tree<P>& tree) {
  return ranges::views::iota(node_id{0}, static_cast<node_id>(tree.size()));
}

/// The accepted tokens of a verdict, without the root.
template <class P>
[[nodiscard]] auto path_tokens(const basic_draft_tree<P>& tree, const basic_verdict<P>& v) {
  return ranges::views::transform(std::span{v.path}.subspan(1), [&tree](node_id n) { return tree[n]; });
}

/// The tokens that a decoder emits, as a lazy input range that ends with the text; a step runs when the last one's
/// tokens are used up: stream(decoder) | views::take(128).
template <class Decoder>
class token_stream : public ranges::view_facade<token_stream<Decoder>, ranges::unknown> {
  friend ranges::range_access;
  Decoder* decoder_ = nullptr;
  std::span<const token> buffer_;

  class cursor {
   public:
    cursor() = default;
    explicit cursor(token_stream* s) : stream_{s} {}
    [[nodiscard]] token read() const {
      stream_->fill();
      return stream_->buffer_.front();
    }
    // Only looking at a token runs a step, so take(n) runs none that it does not need.
    void next() {
      stream_->fill();
      stream_->buffer_ = stream_->buffer_.subspan(1);
    }
    [[nodiscard]] bool equal(ranges::default_sentinel_t) const {
      stream_->fill();
      return stream_->buffer_.empty();
    }

   private:
    token_stream* stream_ = nullptr;
  };

  void fill() {
    while (buffer_.empty() && decoder_->status() == status::running) buffer_ = decoder_->step().emitted;
  }
  cursor begin_cursor() { return cursor{this}; }

 public:
  token_stream() = default;
  explicit token_stream(Decoder& d) : decoder_{&d} {}
};

template <class Decoder>
[[nodiscard]] token_stream<Decoder> stream(Decoder& decoder) {
  return token_stream<Decoder>{decoder};
}

}  // namespace hunch
