// EXPECT: hunch: this drafter draws siblings independently of each other (law `iid`), this verifier is not
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder = hunch::speculate(target, hunch::iid_children(target, warp, {2, 2}), hunch::rejection(warp));
  (void)decoder;
}
