// Writes the traces of data/ from SmolLM2: make_traces MODEL FOLDER. greedy.trace and sampled.trace are the target's,
// NAME.draft.trace the rows of the same model without some layers along the same texts.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>
#include <hunch/trace/recorder.hpp>

using namespace hunch;

namespace {

/// The target without the middle layers: rows of passes that skip, a cache that was filled by passes that do not.
class skipped_rows {
 public:
  using sequence = cpu::sequence;

  skipped_rows(cpu::backend& of, std::vector<skip> mask) : of_{&of}, mask_{std::move(mask)} {}
  [[nodiscard]] std::size_t vocab_size() const { return of_->vocab_size(); }
  [[nodiscard]] sequence open() { return of_->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return of_->room(s); }
  void prefill(sequence& s, std::span<const token> tokens) { of_->prefill(s, tokens); }
  matrix_view forward(sequence& s, tree_view tree) {
    tokens_.assign(tree.tokens.begin(), tree.tokens.end());
    return of_->forward(s, tree, mask_);
  }
  void commit(sequence& s, std::span<const node_id> path) {
    std::vector<token> kept;
    for (const node_id n : path) kept.push_back(tokens_[n]);
    of_->commit(s, {});  // what a pass without all layers wrote is never kept
    if (!kept.empty()) of_->prefill(s, kept);
  }

 private:
  cpu::backend* of_;
  std::vector<skip> mask_;
  std::vector<token> tokens_;
};

const char* const prompts[] = {
    "Write this list again in capital letters: apple, banana, cherry, apple pie, banana bread, cherry cake.",
    "Why is the sky blue? Answer in three sentences.",
    "Write a C function that reverses a string in place, then one that reverses a list in place.",
    "Say this text again: The quick brown fox jumps over the lazy dog. The lazy dog does not jump over the fox.",
};

trace_sink to_file(std::ofstream& file) {
  return [&file](std::string_view line) { file << line << '\n'; };
}

template <class W>
void record(cpu::backend& target, skipped_rows& draft, const gguf::file& file, const gguf::tokenizer& tokenizer,
            const std::string& path, const char* warper, const W& warp) {
  std::ofstream said{path + ".trace"};
  std::ofstream drafted{path + ".draft.trace"};
  const auto ends = tokenizer.end_of_generation();
  for (std::uint64_t seed = 0; seed < std::size(prompts); ++seed) {
    const gguf::chat_message question{"user", prompts[seed]};
    const auto prompt = tokenizer.encode(gguf::chat_format{file}.render({&question, 1}, true), {.parse_special = true});
    const std::string about = std::string{"SmolLM2-135M-Instruct Q4_1, "} + warper;
    auto decoder = speculate(target, no_draft{}, match(warp),
                             trace_recorder{to_file(said), {.top = 8, .seed = seed, .about = about}});
    request wish{.random = philox{seed}, .max_tokens = 48};
    wish.end_of_text.assign(ends.begin(), ends.end());
    decoder.start(prompt, wish);
    while (decoder.status() == status::running) decoder.step();
    record_rows(draft, decoder.text(), prompt.size(), to_file(drafted),
                {.top = 8, .seed = seed, .about = about + ", without some layers"},
                first_by_noise(philox{seed}, warp, 2));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_traces MODEL FOLDER\n");
    return 2;
  }
  const gguf::file file{argv[1]};
  const gguf::tokenizer tokenizer{file};
  cpu::backend target{file};
  std::vector<skip> mask(target.layer_count(), skip::none);
  for (std::size_t i = 12; i < 18; i += 2) mask[i] = skip::attention;
  skipped_rows draft{target, std::move(mask)};
  record(target, draft, file, tokenizer, std::string{argv[2]} + "/greedy", "greedy", greedy{});
  record(target, draft, file, tokenizer, std::string{argv[2]} + "/sampled", "temperature 0.8", temperature(0.8f));
}
