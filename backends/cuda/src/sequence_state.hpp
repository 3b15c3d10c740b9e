// What a sequence owns: slots, pages, the rows of its last pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/types.hpp>
#include <hunch/transformer/kv_slots.hpp>

#include "pages.hpp"
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
  row_set rows;                       // of the last pass that this sequence was first in
  mutable device_answers answers;
  mutable device_array<token> scratch;  // of answers, on the device
};

/// Tokens that the device finds for the last pass of `s`; from the last answer where the question is the same.
[[nodiscard]] std::span<const token> ask(const sequence_state& s, const device_answers::question& what);

}  // namespace hunch::cuda::detail
