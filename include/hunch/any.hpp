// Run-time choice of a drafter or of a whole decoder: one virtual call a step, none per token of the vocabulary.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/trace/stats.hpp>

namespace hunch {

/// Holds any warper: one indirect call a row. Empty: leaves rows as they are. Copies copy what it holds.
class any_warper : public warper_base {
 public:
  any_warper() = default;
  template <class W>
  requires(!std::same_as<std::remove_cvref_t<W>, any_warper> && Warper<W>) any_warper(W warp)
      : held_{std::move(warp)} {  // NOLINT: conversion is the point
    static_assert(!is_greedy<W>(), "hunch: greedy is known by its type; write any_warper(...) | greedy{}");
  }

  void operator()(std::span<float> row, const prefix_view& at) const {
    if (held_) held_(row, at);
  }

 private:
  std::function<void(std::span<float>, const prefix_view&)> held_;
};

/// Holds any Drafter; its laws are checked when the decoder is built.
class any_drafter {
 public:
  // What it holds is known at run time only: accepted by every verifier here, checked by the decoder.
  static constexpr laws sibling_laws{};

  template <class D>
  requires(!std::same_as<std::remove_cvref_t<D>, any_drafter> && Drafter<D>) any_drafter(D drafter)
      : held_{std::make_unique<model<D>>(std::move(drafter))} {}  // NOLINT: conversion is the point

  void propose(const decode_context& ctx, draft_tree& tree) { held_->propose(ctx, tree); }
  void observe(const draft_tree& tree, const verdict& v, rows_ref rows) { held_->observe(tree, v, rows); }
  [[nodiscard]] laws laws_at_run_time() const noexcept { return held_->laws_at_run_time(); }
  [[nodiscard]] bool learns_from_any() const { return held_->learns_from_any(); }
  /// 0: the drafter has none of its own.
  [[nodiscard]] std::size_t vocab_size() const { return held_->vocab_size(); }

 private:
  struct interface {
    virtual ~interface() = default;
    virtual void propose(const decode_context&, draft_tree&) = 0;
    virtual void observe(const draft_tree&, const verdict&, rows_ref) = 0;
    [[nodiscard]] virtual laws laws_at_run_time() const noexcept = 0;
    [[nodiscard]] virtual bool learns_from_any() const = 0;
    [[nodiscard]] virtual std::size_t vocab_size() const = 0;
  };
  template <class D>
  struct model final : interface {
    explicit model(D d) : drafter{std::move(d)} {}
    void propose(const decode_context& ctx, draft_tree& tree) override { drafter.propose(ctx, tree); }
    void observe(const draft_tree& tree, const verdict& v, rows_ref rows) override { tell(drafter, tree, v, rows); }
    [[nodiscard]] laws laws_at_run_time() const noexcept override { return detail::held_laws(drafter); }
    [[nodiscard]] bool learns_from_any() const override { return detail::learns_from_any(drafter); }
    [[nodiscard]] std::size_t vocab_size() const override { return detail::vocab_size_of(drafter); }
    D drafter;
  };
  std::unique_ptr<interface> held_;
};

/// Holds any decoder that observes with `stats`; everything inside stays static.
class any_decoder {
 public:
  template <class B, class D, class V>
  any_decoder(decoder<B, D, V, stats> d)  // NOLINT: conversion is the point
      : held_{std::make_unique<model<decoder<B, D, V, stats>>>(std::move(d))} {}

  void start(std::span<const token> text, request wish = {}) { held_->start(text, std::move(wish)); }
  step_result step(std::size_t budget = 64) { return held_->step(budget); }
  [[nodiscard]] std::span<const token> text() const { return held_->text(); }
  [[nodiscard]] hunch::status status() const { return held_->status(); }
  [[nodiscard]] stats& observer() { return held_->observer(); }
  [[nodiscard]] const draft_tree& tree() const { return held_->tree(); }
  [[nodiscard]] const verdict& last_verdict() const { return held_->last_verdict(); }

 private:
  struct interface {
    virtual ~interface() = default;
    virtual void start(std::span<const token>, request) = 0;
    virtual step_result step(std::size_t) = 0;
    [[nodiscard]] virtual std::span<const token> text() const = 0;
    [[nodiscard]] virtual hunch::status status() const = 0;
    [[nodiscard]] virtual stats& observer() = 0;
    [[nodiscard]] virtual const draft_tree& tree() const = 0;
    [[nodiscard]] virtual const verdict& last_verdict() const = 0;
  };
  template <class Decoder>
  struct model final : interface {
    explicit model(Decoder d) : decoder{std::move(d)} {}
    void start(std::span<const token> text, request wish) override { decoder.start(text, std::move(wish)); }
    step_result step(std::size_t budget) override { return decoder.step(budget); }
    [[nodiscard]] std::span<const token> text() const override { return decoder.text(); }
    [[nodiscard]] hunch::status status() const override { return decoder.status(); }
    [[nodiscard]] stats& observer() override { return decoder.observer(); }
    [[nodiscard]] const draft_tree& tree() const override { return decoder.tree(); }
    [[nodiscard]] const verdict& last_verdict() const override { return decoder.last_verdict(); }
    Decoder decoder;
  };
  std::unique_ptr<interface> held_;
};

}  // namespace hunch
