// EXPECT: hunch: this drafter draws pairs (law `joint_pair`), this verifier is not exact for that; use spec_hub
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder = hunch::speculate(target, hunch::spec_hub_pairs(target, warp), hunch::multi_round(warp));
  (void)decoder;
}
