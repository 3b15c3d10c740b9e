// A real model: reads a GGUF file, writes text by plain decoding and with prompt lookup, and checks that it is the
// same.
#include <iostream>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/detokenizer.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

using namespace hunch;

namespace {

constexpr std::string_view prompt = "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, Monday, Tuesday,";

/// Runs a decoder to the end of its text; calls `show` with the tokens of each step.
template <class Decoder, class Show>
std::vector<token> run(Decoder& decoder, const std::vector<token>& text, request wish, Show show) {
  decoder.start(text, std::move(wish));
  std::vector<token> out;
  while (decoder.status() == status::running)
    for (const token t : decoder.step().emitted) {
      out.push_back(t);
      show(t);
    }
  return out;
}

int generate(const char* path) {
  const gguf::file file{path};
  const gguf::tokenizer tokenizer{file};
  cpu::backend target{file};

  const auto text = tokenizer.encode(prompt);
  const auto ends = tokenizer.end_of_generation();
  request wish;
  wish.max_tokens = 24;
  wish.end_of_text.assign(ends.begin(), ends.end());

  // Two decoders over the same weights; each has its own cache.
  auto plain = speculate(target, no_draft{}, match{greedy{}}, stats{});
  auto lookup = speculate(target, with_length(prompt_lookup{3}, fixed_length{8}), match{greedy{}}, stats{});

  gguf::streaming_detokenizer words{tokenizer};
  std::cout << prompt;
  const auto expected = run(plain, text, wish, [&](token t) { std::cout << words.push(t) << std::flush; });
  std::cout << words.flush() << "\n\n";
  const auto drafted = run(lookup, text, wish, [](token) {});

  std::cout << "plain:  " << plain.observer().steps << " passes\n"
            << "lookup: " << lookup.observer().steps << " passes, tau = " << lookup.observer().tau() << '\n'
            << "identical: " << (drafted == expected ? "yes" : "no") << '\n';
  return drafted == expected ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: 02_real_model MODEL.gguf (examples/get_model.sh smollm2 gets one)\n";
    return 2;
  }
  try {
    return generate(argv[1]);
  } catch (const error& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
