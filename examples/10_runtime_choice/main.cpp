// What guesses is chosen while the program runs: any_drafter hides it behind one virtual call a step.
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;
using testing::toy_backend;

/// By name, as from a command line. Throws hunch::error for names that it does not know.
any_drafter make_drafter(const std::string& name, toy_backend& draft) {
  if (name == "none") return no_draft{};
  if (name == "lookup") return with_length(prompt_lookup{2}, fixed_length{8});
  if (name == "model") return with_length(model_drafter{draft, greedy{}}, fixed_length{4});
  if (name == "lookup, else model") return first_of{make_drafter("lookup", draft), make_drafter("model", draft)};
  throw error("unknown drafter '" + name + "'; known: none, lookup, model");
}

/// The text that a decoder writes with the drafter of that name, and how many passes it took.
std::vector<token> write(toy_backend& target, toy_backend& draft, const std::string& name) {
  any_decoder decoder = speculate(target, make_drafter(name, draft), match{greedy{}}, stats{});
  const std::vector<token> prompt{1, 2, 3};
  request wish;
  wish.max_tokens = 64;
  decoder.start(prompt, wish);
  while (decoder.status() == status::running) decoder.step();
  std::cout << std::left << std::setw(20) << name << decoder.observer().steps << " passes";
  return {decoder.text().begin(), decoder.text().end()};
}

int main() {
  // Two models of 16 tokens; the draft says what the target says except after the tokens 3, 7, 11 and 15.
  const auto target_law = testing::hashed_law<float>(1, 8.0);
  const auto other_law = testing::hashed_law<float>(2, 8.0);
  const auto draft_law = [=](std::span<const token> context, std::span<float> row) {
    (context.back() % 4 == 3 ? other_law : target_law)(context, row);
  };
  toy_backend target{16, target_law};
  toy_backend draft{16, draft_law};

  const auto plain = write(target, draft, "none");
  std::cout << '\n';
  for (const std::string name : {"lookup", "model", "lookup, else model"})
    std::cout << (write(target, draft, name) == plain ? ", the same text\n" : ", another text\n");
  try {
    write(target, draft, "magic");
  } catch (const error& e) {
    std::cout << e.what() << '\n';
  }
}
