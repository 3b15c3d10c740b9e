// EXPECT: hunch: this drafter draws one token at a time; give it a length: with_length(drafter, fixed_length{5})
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, hunch::prompt_lookup(3), hunch::match(hunch::greedy{}));
  (void)decoder;
}
