// EXPECT: hunch: iid_children draws; with a greedy warper use gumbel_top_k
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  const hunch::temperature warp{0.8f};
  auto decoder =
      hunch::speculate(target, hunch::iid_children(target, hunch::greedy{}, {2, 2}), hunch::multi_round(warp));
  (void)decoder;
}
