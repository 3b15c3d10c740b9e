// The smallest whole program: a model that is a table, a drafter that repeats, and how many passes that saves.
#include <array>
#include <iostream>
#include <string_view>
#include <vector>

#include <hunch/hunch.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;

constexpr std::array<std::string_view, 3> words{"a", "rose", "is"};

int main() {
  // After "a" comes "rose", after "rose" comes "is", after "is" comes "a": the law of the model, one row a word.
  const std::vector<std::vector<float>> rows{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}};
  testing::toy_backend target{words.size(), testing::markov_law<float>(rows[0], rows)};

  // What guesses: copy what followed the last two words before. What judges: the target's own choice.
  auto drafter = with_length(prompt_lookup{2}, fixed_length{4});
  auto decoder = speculate(target, std::move(drafter), match{greedy{}}, stats{});

  const std::vector<token> prompt{0};
  request wish;
  wish.max_tokens = 15;
  decoder.start(prompt, wish);

  std::cout << words[0];
  for (const token t : stream(decoder)) std::cout << ' ' << words[static_cast<std::size_t>(t)];

  const stats& s = decoder.observer();
  std::cout << "\n\n" << s.emitted << " words in " << s.steps << " passes of the model: tau = " << s.tau() << '\n';
  std::cout << s.accepted << " of " << s.drafted << " guesses were right; plain decoding takes " << s.emitted
            << " passes\n";
}
