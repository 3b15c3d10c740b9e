// EXPECT: hunch: an Observer needs `void on_step(const step_event&)`; see docs/concepts.md#observer
#include "parts.hpp"

struct watcher {
  void on_step(int) {}
};

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, hunch::no_draft{}, hunch::match(hunch::greedy{}), watcher{});
  (void)decoder;
}
