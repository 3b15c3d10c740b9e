// EXPECT: hunch: this drafter shares the noise of the target's own draw (law `coupled`); only the match verifier is
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder = hunch::speculate(target, hunch::coupled_gumbel_top_k(target, warp, {2, 2}), hunch::traversal(warp));
  (void)decoder;
}
