// A model on the processor or on a GPU, chosen when the program starts: a virtual call a pass and a row, none a token
// of the vocabulary, and one set of decoders for all devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <hunch/core/backend.hpp>
#include <hunch/core/device_rows.hpp>
#include <hunch/gguf/file.hpp>

namespace hunch::cli {

/// A sequence and the rows of its last pass, on some device. See Backend and ArgmaxRow.
class device_sequence {
 public:
  virtual ~device_sequence() = default;
  [[nodiscard]] virtual std::size_t room() const = 0;
  virtual void prefill(std::span<const token> tokens) = 0;
  virtual void forward(tree_view tree, layer_mask skipped) = 0;
  virtual void commit(std::span<const node_id> path) = 0;
  virtual void rewind(std::size_t n) = 0;
  [[nodiscard]] virtual std::unique_ptr<device_sequence> fork() const = 0;

  [[nodiscard]] virtual std::size_t row_count() const = 0;
  [[nodiscard]] virtual std::span<const float> row(std::size_t i) const = 0;
  [[nodiscard]] virtual token argmax(std::size_t i) const = 0;
  [[nodiscard]] virtual token at_position(std::size_t i, std::uint64_t position, std::uint64_t seed, float t) const = 0;
  [[nodiscard]] virtual std::span<const float> hidden(node_id n) const = 0;
};

/// The weights.
class device_model {
 public:
  virtual ~device_model() = default;
  [[nodiscard]] virtual std::unique_ptr<device_sequence> open() = 0;
  /// Until passes that were queued are done.
  virtual void wait() const {}
  [[nodiscard]] virtual std::size_t vocab_size() const = 0;
  [[nodiscard]] virtual std::size_t layer_count() const = 0;
  [[nodiscard]] virtual std::size_t context() const = 0;
  [[nodiscard]] virtual std::size_t weight_bytes() const = 0;
  [[nodiscard]] virtual std::size_t kv_token_bytes() const = 0;
  [[nodiscard]] virtual std::string kernels() const = 0;  // "avx512", or the name of a GPU
  [[nodiscard]] virtual unsigned threads() const = 0;     // of the processor
};

/// Rows of the last pass of a sequence; valid until the next one.
class device_rows {
 public:
  class row {
   public:
    row(const device_sequence& of, std::size_t i, std::size_t vocab) noexcept : of_{&of}, i_{i}, vocab_{vocab} {}
    [[nodiscard]] std::size_t size() const noexcept { return vocab_; }
    [[nodiscard]] const float* data() const { return of_->row(i_).data(); }
    [[nodiscard]] const float* begin() const { return data(); }
    [[nodiscard]] const float* end() const { return data() + vocab_; }
    [[nodiscard]] const float& operator[](std::size_t x) const { return data()[x]; }
    [[nodiscard]] token argmax() const { return of_->argmax(i_); }
    [[nodiscard]] token at_position(std::uint64_t position, std::uint64_t seed, float t) const {
      return of_->at_position(i_, position, seed, t);
    }

   private:
    const device_sequence* of_;
    std::size_t i_;
    std::size_t vocab_;
  };

  device_rows() = default;
  device_rows(const device_sequence& of, std::size_t vocab) : of_{&of}, vocab_{vocab} {}
  [[nodiscard]] std::size_t size() const { return of_ == nullptr ? 0 : of_->row_count(); }
  [[nodiscard]] row operator[](std::size_t i) const noexcept { return {*of_, i, vocab_}; }

 private:
  const device_sequence* of_ = nullptr;
  std::size_t vocab_ = 0;
};

/// A model in memory, wherever. Models Backend, Rewindable, Forkable, LayerSkippable.
class device_backend {
 public:
  using sequence = std::unique_ptr<device_sequence>;

  /// `device`: cpu, cuda or cuda:N. Throws hunch::error where this build, or this machine, has no such device.
  device_backend(const gguf::file& from, const std::string& device, unsigned threads, std::size_t context);

  [[nodiscard]] std::size_t vocab_size() const { return model_->vocab_size(); }
  [[nodiscard]] sequence open() { return model_->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return s->room(); }
  void prefill(sequence& s, std::span<const token> tokens) { s->prefill(tokens); }
  device_rows forward(sequence& s, tree_view tree, layer_mask skipped = {}) {
    s->forward(tree, skipped);
    return {*s, vocab_size()};
  }
  void commit(sequence& s, std::span<const node_id> path) { s->commit(path); }
  void rewind(sequence& s, std::size_t n) { s->rewind(n); }
  [[nodiscard]] sequence fork(const sequence& s) { return s->fork(); }
  [[nodiscard]] std::span<const float> hidden(const sequence& s, node_id n) const { return s->hidden(n); }

  void wait() const { model_->wait(); }
  [[nodiscard]] std::size_t layer_count() const { return model_->layer_count(); }
  [[nodiscard]] std::size_t context() const { return model_->context(); }
  [[nodiscard]] const device_model& about() const noexcept { return *model_; }

 private:
  std::unique_ptr<device_model> model_;
};

static_assert(Rewindable<device_backend> && Forkable<device_backend> && LayerSkippable<device_backend>);
static_assert(LogitRows<device_rows> && ArgmaxRow<device_rows::row>);

/// A model on GPU `index`. Throws hunch::error where this build or this machine has none.
[[nodiscard]] std::unique_ptr<device_model> open_cuda(const gguf::file& from, int index, std::size_t context);

}  // namespace hunch::cli
