// EXPECT: hunch: this is a warper; give it to a verifier: match(warper) or rejection(warper)
#include "parts.hpp"

int main() {
  hunch::testing::toy_backend target = misuse::backend();
  auto decoder = hunch::speculate(target, hunch::no_draft{}, hunch::temperature{0.8f} | hunch::top_p{0.9f});
  (void)decoder;
}
