// EXPECT: hunch: a LengthPolicy needs `bool keep_drafting(const draft_signal&)`; see docs/concepts.md#length-policy
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder =
      hunch::speculate(target, hunch::with_length(hunch::prompt_lookup(3), 5), hunch::match(hunch::greedy{}));
  (void)decoder;
}
