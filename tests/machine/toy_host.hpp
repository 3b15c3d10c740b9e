// A host that owns its caches and runs what a machine asks for, checking every plan.
#pragma once

#include <map>
#include <span>
#include <vector>

#include <hunch/core/pass.hpp>
#include <hunch/testing/toy_backend.hpp>

namespace hunch::testing {

/// Runs passes on toy models by id. The toy backend raises where a plan breaks its calling contract.
template <class P>
class toy_host {
 public:
  void add(std::uint32_t id, basic_toy_backend<P>& model) { caches_.emplace(id, cache{&model, model.open()}); }

  basic_matrix_view<P> run(const pass& wanted) {
    cache& c = caches_.at(wanted.model);
    if (wanted.cache) apply(wanted.model, *wanted.cache);
    ++passes_;
    if (!wanted.skipped.empty()) return c.model->forward(c.sequence, wanted.tree, wanted.skipped);
    return c.model->forward(c.sequence, wanted.tree);
  }
  void apply(std::uint32_t id, const kv_plan& plan) {
    cache& c = caches_.at(id);
    if (plan.keep < c.sequence.kept.size()) {
      if (!plan.move.empty()) raise("toy_host: a plan truncates and moves");
      c.model->commit(c.sequence, {});
      c.model->rewind(c.sequence, plan.keep);
    } else {
      c.model->commit(c.sequence, plan.move);
    }
    if (!plan.append.empty()) c.model->prefill(c.sequence, plan.append);
  }
  [[nodiscard]] std::span<const token> kept(std::uint32_t id) const { return caches_.at(id).sequence.kept; }
  /// Places that are taken, pending nodes included.
  [[nodiscard]] std::size_t places(std::uint32_t id) const {
    return caches_.at(id).sequence.kept.size() + caches_.at(id).sequence.tokens.size();
  }
  [[nodiscard]] std::size_t passes() const noexcept { return passes_; }

 private:
  struct cache {
    basic_toy_backend<P>* model;
    typename basic_toy_backend<P>::sequence sequence;
  };
  std::map<std::uint32_t, cache> caches_;
  std::size_t passes_ = 0;
};

}  // namespace hunch::testing
