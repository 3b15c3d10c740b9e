// A drafter of your own: one verb, its laws checked, and the text is the same whatever it guesses.
#include <algorithm>
#include <iostream>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/drafter_laws.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;

/// Guesses that numbers go on as they did: 3 5 → 7 9 11 … modulo the vocabulary.
struct progression {
  // Chosen, not drawn: no row of probabilities goes with the guesses, so any lossless verifier may judge them.
  static constexpr laws sibling_laws = deterministic;
  token vocab;
  std::uint32_t length;

  void propose(const decode_context& ctx, draft_tree& tree) const {
    const std::size_t n = ctx.text.size();
    if (n < 2) return;
    const token step = ctx.text[n - 1] - ctx.text[n - 2];
    node_id tip = 0;
    for (std::uint32_t d = 1; d <= std::min(length, ctx.max_depth) && tree.size() < ctx.budget; ++d)
      tip = tree.add(tip, ((tree[tip] + step) % vocab + vocab) % vocab);
  }
};
static_assert(Drafter<progression>);

int main() {
  constexpr token vocab = 32;

  // Laws first: what it breaks, in words. A drafter that keeps them cannot spoil a text, only waste rows.
  const auto broken = testing::drafter_laws([] { return progression{vocab, 4}; }, vocab);
  for (const auto& violation : broken) std::cout << violation << '\n';
  std::cout << broken.size() << " laws broken\n";

  // A model of 32 numbers that mostly adds 3, and sometimes says anything.
  const auto law = [](std::span<const token> context, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.1f / vocab);
    row[static_cast<std::size_t>((context.back() + 3) % vocab)] += 0.9f;
  };
  testing::toy_backend target{vocab, law};
  const auto warp = temperature(1.0f);

  const auto write = [&](auto drafter) {
    auto decoder = speculate(target, std::move(drafter), match{warp}, stats{});
    const std::vector<token> prompt{0, 3};
    request wish;
    wish.random = philox{2};
    wish.max_tokens = 40;
    decoder.start(prompt, wish);
    while (decoder.status() == status::running) decoder.step();
    for (const token t : decoder.text()) std::cout << t << ' ';
    std::cout << "\n  in " << decoder.observer().steps << " passes, tau = " << decoder.observer().tau() << '\n';
  };
  std::cout << "plain: ";
  write(no_draft{});
  std::cout << "progression: ";
  write(progression{vocab, 4});
  return broken.empty() ? 0 : 1;
}
