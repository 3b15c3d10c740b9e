// Timed passes of a model behind a text: what `hunch curve` prints and what adaptive lengths are told.
#pragma once

#include <cstddef>

#include <hunch/core/draft_tree.hpp>
#include <hunch/cpu/backend.hpp>

namespace hunch::cli {

/// A sequence with `depth` tokens that look like text to the kernels: their time does not depend on which they are.
class timed_passes {
 public:
  timed_passes(cpu::backend& model, std::size_t depth);

  /// A chain of `rows` such tokens.
  [[nodiscard]] draft_tree chain(std::size_t rows) const;
  /// Seconds of one pass over `tree`, which leaves no trace.
  [[nodiscard]] double seconds(const draft_tree& tree);

 private:
  cpu::backend& model_;
  cpu::sequence sequence_;
};

}  // namespace hunch::cli
