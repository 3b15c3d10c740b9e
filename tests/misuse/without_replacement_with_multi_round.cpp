// EXPECT: hunch: this drafter draws siblings one after another from what is left (law `without_replacement`)
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder = hunch::speculate(target, hunch::gumbel_top_k(target, warp, {2, 2}), hunch::multi_round(warp));
  (void)decoder;
}
