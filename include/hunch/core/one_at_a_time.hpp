// Catches two threads in one backend where contracts are checked; free elsewhere.
#pragma once

#include <atomic>

#include <hunch/core/error.hpp>

namespace hunch {

/// A member of what is used from one thread at a time, whichever thread that is. Each entry point begins with
///
///   const auto visit = alone_.enter();
///
/// and two visits at once stop the program (HUNCH_EXPECTS). Entry points do not call each other. Copies and moved-to
/// objects are free, so that backends stay movable.
class one_at_a_time {
 public:
  one_at_a_time() noexcept = default;
  one_at_a_time(const one_at_a_time&) noexcept {}
  one_at_a_time& operator=(const one_at_a_time&) noexcept { return *this; }

#if HUNCH_CHECKS_CONTRACTS
  class visit {
   public:
    explicit visit(std::atomic<bool>& inside) noexcept : inside_{inside} {
      const bool entered = inside_.exchange(true, std::memory_order_acquire);
      HUNCH_EXPECTS(!entered, "a backend is used from one thread at a time, and two calls met in it");
    }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { inside_.store(false, std::memory_order_release); }

   private:
    std::atomic<bool>& inside_;
  };
#else
  class visit {
   public:
    explicit visit(std::atomic<bool>&) noexcept {}
    ~visit() {}  // not trivial: a visit that is only named is not an unused variable
  };
#endif
  [[nodiscard]] visit enter() const noexcept { return visit{inside_}; }

 private:
  mutable std::atomic<bool> inside_{false};  // also where nothing is checked: the layout is the same in all builds
};

}  // namespace hunch
