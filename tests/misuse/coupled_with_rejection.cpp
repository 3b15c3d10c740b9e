// EXPECT: hunch: this drafter shares the noise of the target's own draw (law `coupled`); only the match verifier is
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder =
      hunch::speculate(target, hunch::with_length(hunch::coupled_model_drafter(target, warp), hunch::fixed_length{4}),
                       hunch::rejection(warp));
  (void)decoder;
}
