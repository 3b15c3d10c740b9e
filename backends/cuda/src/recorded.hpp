// Passes as graphs.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include <hunch/core/device_rows.hpp>
#include <hunch/core/types.hpp>

#include "runtime.hpp"

namespace hunch::cuda::detail {

/// Recorded passes and chains by shape. A shape is recorded when it comes the second time.
class graph_cache {
 public:
  struct shape {
    unsigned rows;
    unsigned splits;
    bool head;
    std::vector<skip> mask;
    std::size_t chain = 0;  // tokens; 0: a pass
    chain_draws::by draws{};
    // clang-tidy 14 takes the zero that <=> is compared with for a pointer.
    auto operator<=>(const shape&) const = default;  // NOLINT(modernize-use-nullptr)
  };
  /// Runs `work`, which only launches kernels, or what was recorded of it.
  template <class F>
  void run(const shape& key, stream& s, F&& work) {
    if (known_.size() >= most && !known_.contains(key)) {
      s.wait();  // for graphs that still run
      known_.clear();
    }
    const auto [at, fresh] = known_.try_emplace(key);
    if (fresh) return work();
    if (!at->second.recorded) {
      s.record();
      try {
        work();
      } catch (...) {
        (void)s.recorded();
        throw;
      }
      at->second.work = s.recorded();
      at->second.recorded = true;
    }
    s.replay(at->second.work);
  }
  void clear() noexcept { known_.clear(); }

 private:
  static constexpr std::size_t most = 64;  // search for skip sets makes many masks
  struct entry {
    bool recorded = false;
    graph work;
  };
  std::map<shape, entry> known_;
};

}  // namespace hunch::cuda::detail
