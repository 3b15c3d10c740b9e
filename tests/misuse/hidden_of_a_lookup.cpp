// EXPECT: hunch: this length policy reads the draft model's hidden state; only a model_drafter over a backend that
// models HiddenStates knows it
#include "parts.hpp"

hunch::acceptance_weights weights();

int main() {
  const hunch::specdec_pp length{hunch::acceptance_head{weights(), hunch::draft_draw::greedy}};
  auto drafter = hunch::with_length(hunch::prompt_lookup(3), length);
  (void)drafter;
}
