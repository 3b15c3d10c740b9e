// EXPECT: nothing, this one is right
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder = hunch::speculate(target, hunch::with_length(hunch::prompt_lookup(3), hunch::fixed_length{5}),
                                  hunch::match(hunch::top_k{5} | hunch::greedy{}), hunch::stats{});
  (void)decoder;
}
