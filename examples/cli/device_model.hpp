// Any backend behind the interfaces of device.hpp.
#pragma once

#include <memory>
#include <utility>

#include <hunch/core/random.hpp>
#include <hunch/sampling/row.hpp>

#include "device.hpp"

namespace hunch::cli {

template <class B>
class sequence_on final : public device_sequence {
 public:
  sequence_on(B& backend, typename B::sequence s) : backend_{&backend}, sequence_{std::move(s)} {}

  [[nodiscard]] std::size_t room() const override { return backend_->room(sequence_); }
  void prefill(std::span<const token> tokens) override { backend_->prefill(sequence_, tokens); }
  void forward(tree_view tree, layer_mask skipped) override { rows_ = backend_->forward(sequence_, tree, skipped); }
  void commit(std::span<const node_id> path) override { backend_->commit(sequence_, path); }
  void rewind(std::size_t n) override { backend_->rewind(sequence_, n); }
  [[nodiscard]] std::unique_ptr<device_sequence> fork() const override {
    return std::make_unique<sequence_on>(*backend_, backend_->fork(sequence_));
  }

  [[nodiscard]] std::size_t row_count() const override { return rows_.size(); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const override { return rows_[i]; }
  [[nodiscard]] token argmax(std::size_t i) const override {
    if constexpr (ArgmaxRow<decltype(rows_[i])>)
      return rows_[i].argmax();
    else
      return hunch::argmax(row(i));
  }
  [[nodiscard]] token at_position(std::size_t i, std::uint64_t position, std::uint64_t seed, float t) const override {
    if constexpr (ArgmaxRow<decltype(rows_[i])>)
      return rows_[i].at_position(position, seed, t);
    else
      return philox{seed}.at_position(position, row(i), t);
  }
  [[nodiscard]] std::span<const float> hidden(node_id n) const override { return backend_->hidden(sequence_, n); }

 private:
  using rows = decltype(std::declval<B&>().forward(std::declval<typename B::sequence&>(), tree_view{}, layer_mask{}));

  B* backend_;
  typename B::sequence sequence_;
  rows rows_;
};

template <class B>
class model_on : public device_model {
 public:
  explicit model_on(B backend) : backend_{std::move(backend)} {}

  [[nodiscard]] std::unique_ptr<device_sequence> open() override {
    return std::make_unique<sequence_on<B>>(backend_, backend_.open());
  }
  [[nodiscard]] std::size_t vocab_size() const override { return backend_.vocab_size(); }
  [[nodiscard]] std::size_t layer_count() const override { return backend_.layer_count(); }
  [[nodiscard]] std::size_t context() const override { return backend_.context(); }
  [[nodiscard]] std::size_t weight_bytes() const override { return backend_.memory().weight_bytes; }
  [[nodiscard]] std::size_t kv_token_bytes() const override { return backend_.memory().kv_token_bytes; }

 protected:
  B backend_;
};

}  // namespace hunch::cli
