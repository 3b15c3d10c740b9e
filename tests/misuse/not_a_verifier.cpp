// EXPECT: hunch: a Verifier needs `void verify(tree, rows, context, verdict) const`, `sibling_laws` and
#include "parts.hpp"

struct judge {
  static constexpr bool lossless = true;
};

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, hunch::no_draft{}, judge{});
  (void)decoder;
}
