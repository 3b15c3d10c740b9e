// EXPECT: hunch: a Drafter needs `void propose(const decode_context&, draft_tree&)`; see docs/concepts.md#drafter
#include "parts.hpp"

struct oracle {
  int propose(int) { return 0; }
};

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, oracle{}, hunch::match(hunch::greedy{}));
  (void)decoder;
}
