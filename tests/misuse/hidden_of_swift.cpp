// EXPECT: hunch: this length policy reads a draft model's hidden state; swift has none
#include "parts.hpp"

hunch::acceptance_weights weights();

int main() {
  const hunch::specdec_pp length{hunch::acceptance_head{weights(), hunch::draft_draw::greedy}};
  auto drafter = hunch::swift(hunch::greedy{}, hunch::spread_skips(4, 0.5), length);
  (void)drafter;
}
