// Timed passes of a model behind a text: what `hunch curve` prints and what adaptive lengths are told.
#pragma once

#include <cstddef>

#include <hunch/core/draft_tree.hpp>

#include "device.hpp"

namespace hunch::cli {

/// A sequence with `depth` tokens that look like text to the kernels: their time does not depend on which they are.
class timed_passes {
 public:
  timed_passes(device_backend& model, std::size_t depth);

  /// A chain of `rows` such tokens.
  [[nodiscard]] draft_tree chain(std::size_t rows) const;
  /// Seconds of one pass over `tree`, which leaves no trace.
  [[nodiscard]] double seconds(const draft_tree& tree);

 private:
  device_backend& model_;
  device_backend::sequence sequence_;
};

}  // namespace hunch::cli
