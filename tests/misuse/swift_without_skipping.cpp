// EXPECT: hunch: swift() needs a backend with layer_count() and forward(sequence, tree, layer_mask); see
// docs/concepts.md#layer-skippable
#include <hunch/drafters/swift.hpp>

#include "parts.hpp"

int main() {
  hunch::testing::toy_backend inner = misuse::backend();
  hunch::testing::append_only target{inner};
  auto decoder = hunch::speculate(target, hunch::swift(hunch::greedy{}, hunch::spread_skips(4, 0.5)),
                                  hunch::match(hunch::greedy{}));
  (void)decoder;
}
