// What a sequence owns: slots, pages, the rows of its last pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/transformer/kv_slots.hpp>

#include "pages.hpp"
#include "questions.hpp"
#include "runtime.hpp"

namespace hunch::cuda::detail {

struct sequence_state;

/// Rows of a pass, of one sequence or of several.
struct row_set {
  struct entry {
    const sequence_state* sequence;
    std::size_t row;
  };
  std::vector<entry> rows;
};

/// Rows of floats on the device, copied to the host one by one when they are asked for.
class fetched_rows {
 public:
  /// Room for `count` rows of `width`, of which the first `keep` stay. All others are new: not fetched yet.
  void need(std::size_t count, std::size_t keep, std::size_t width, stream& s) {
    width_ = width;
    const bool grows = device_.size() < count * width;
    if (grows) {
      device_array<float> larger{(count + count / 2) * width};
      host_ = pinned_array<float>{(count + count / 2) * width};
      if (keep != 0) s.on_device(larger.data(), device_.data(), keep * width * sizeof(float));
      s.wait();  // for the copy, and for passes that still write to what is given up
      device_ = std::move(larger);
    }
    there_.resize(grows ? 0 : std::min(keep, there_.size()));
    there_.resize(count, false);
  }
  [[nodiscard]] float* on_device(std::size_t row) const noexcept { return device_.data() + row * width_; }
  [[nodiscard]] std::size_t size() const noexcept { return there_.size(); }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  void clear() noexcept { there_.clear(); }
  /// Forgets all but the first `count`.
  void keep(std::size_t count) { there_.resize(std::min(count, there_.size())); }

  [[nodiscard]] std::span<const float> fetch(std::size_t row, stream& s) const {
    float* const host = host_.data() + row * width_;
    if (!there_[row]) {
      s.to_host(host, on_device(row), width_ * sizeof(float));
      s.wait();
      there_[row] = true;
    }
    return {host, width_};
  }

 private:
  std::size_t width_ = 0;
  device_array<float> device_;       // [rows, width]
  pinned_array<float> host_;         // [rows, width]
  mutable std::vector<bool> there_;  // [rows]
};

/// What the device said about the rows of the last pass: a token each.
struct device_answers {
  struct question {
    bool greedy = true;
    std::uint64_t seed = 0;
    std::uint64_t base = 0;  // position of what a row of depth 0 decides
    float temperature = 1;
    bool operator==(const question&) const = default;
  };
  std::optional<question> asked;
  std::vector<token> tokens;  // [rows]
};

/// A law on the device: that of the children of a node, drawn when the node's row was asked.
struct kept_law {
  device_array<float> values;  // [vocab]
  stream* queue = nullptr;     // of the sequence that drew it
};

/// Children that were drawn for the rows of the last pass.
struct device_children {
  struct question {
    std::uint32_t k = 0;
    std::uint32_t round = 0, node = 0, last = 0;  // of row 0
    std::uint64_t key = 0;
    float temperature = 1;
    bool operator==(const question&) const = default;
  };
  std::optional<question> asked;
  std::vector<drawn_child> drawn;  // [rows, k]
  device_array<drawn_child> on_device;
};

/// Room for a verdict.
struct verdict_room {
  pinned_array<judged_node> nodes;
  device_array<judged_node> on_device;
  device_array<float> laws;     // [nodes, vocab]
  device_array<float> scratch;  // [2, vocab]
  device_array<std::int32_t> answer;
  std::vector<std::int32_t> heard;
};

struct sequence_state {
  sequence_state(std::shared_ptr<page_pool> pool, std::size_t context, stream& s)
      : slots{context}, pages{std::move(pool), context}, queue{&s} {}

  transformer::kv_slots slots;
  page_table pages;
  stream* queue;                      // of the backend, which must live while rows are read
  fetched_rows logits;                // [rows of the last pass, vocab]
  fetched_rows hidden;                // [nodes of the last tree, width]
  std::vector<skip> mask;             // what the pending nodes were run without; empty: nothing
  std::vector<std::uint32_t> depths;  // [rows of the last pass]
  std::size_t first = 0;              // node of the first of these rows
  row_set rows;                       // of the last pass that this sequence was first in
  std::vector<token> ahead;           // what a pass ran over that was queued ahead; empty: there is none
  mutable device_answers answers;
  mutable device_array<token> scratch;  // of answers, on the device
  mutable std::deque<kept_law> laws;    // [nodes]: where they are does not change
  mutable device_array<double> sums;    // of blocks of a row
  mutable device_array<drawn_token> drawn;
  mutable device_children children;
  mutable verdict_room verdict;
};

}  // namespace hunch::cuda::detail
