// EXPECT: hunch: a Backend needs a movable type `sequence`, the handle of one KV cache; see docs/concepts.md#backend
#include "parts.hpp"

struct engine {
  [[nodiscard]] std::size_t vocab_size() const { return 3; }
};

int main() {
  engine target;
  auto decoder = hunch::speculate(target, hunch::no_draft{}, hunch::match(hunch::greedy{}));
  (void)decoder;
}
