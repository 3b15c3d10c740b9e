// EXPECT: hunch: greedy ends a pipeline of warpers; nothing after it changes the law
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, hunch::no_draft{}, hunch::match(hunch::greedy{} | hunch::top_k{5}));
  (void)decoder;
}
