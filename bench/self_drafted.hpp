// A model that drafts for itself, prompts, and the texts of plain decoding.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

namespace hunch::bench {

/// Counts its passes.
class draft_model : public skipping<cpu::backend> {
 public:
  using skipping::skipping;
  [[nodiscard]] matrix_view forward(sequence& s, tree_view tree) {
    ++passes;
    return skipping::forward(s, tree);
  }
  std::size_t passes = 0;
};

inline const char* const questions[] = {
    "Write this list again in capital letters: apple, banana, cherry, apple pie, banana bread, cherry cake.",
    "Why is the sky blue? Answer in three sentences.",
    "Write a C function that reverses a string in place, then one that reverses a list in place.",
    "Say this text again: The quick brown fox jumps over the lazy dog. The lazy dog does not jump over the fox.",
    "Translate to German: The train to Berlin leaves at nine, and the one to Hamburg at ten.",
    "A farmer has 17 sheep, buys 5 and sells 8. How many are left? Think step by step.",
    "Summarize in one sentence: The library was closed in spring for repairs. In summer it opened again with new "
    "rooms.",
    "Write a short poem about the sea.",
};

struct models {
  gguf::file file;
  gguf::tokenizer words{file};
  cpu::backend target{file};
  skip_set skipped;
  draft_model draft;
  std::size_t tokens;
  std::vector<std::vector<token>> prompts;
  std::map<std::string, std::vector<std::vector<token>>> plain;  // texts by warper

  models(const std::string& path, double share, std::size_t most, std::size_t texts)
      : file{path}, skipped{spread_skips(target.layer_count(), share)}, draft{target, skipped}, tokens{most} {
    const gguf::chat_format chat{file};
    for (const char* question : questions) {
      const gguf::chat_message message{"user", question};
      prompts.insert(prompts.end(), texts, words.encode(chat.render({&message, 1}, true), {.parse_special = true}));
    }
  }
  [[nodiscard]] request wish(std::size_t prompt) const {
    const auto ends = words.end_of_generation();
    return {.random = philox{prompt}, .max_tokens = tokens, .end_of_text = {ends.begin(), ends.end()}};
  }
};

template <class W>
const std::vector<std::vector<token>>& plain_texts(models& m, const std::string& name, const W& warp) {
  auto& texts = m.plain[name];
  if (!texts.empty()) return texts;
  auto decoder = speculate(m.target, no_draft{}, match(warp));
  for (std::size_t i = 0; i < m.prompts.size(); ++i) {
    decoder.start(m.prompts[i], m.wish(i));
    while (decoder.status() == status::running) decoder.step();
    texts.emplace_back(decoder.text().begin(), decoder.text().end());
  }
  return texts;
}

/// Probability that the sibling of each rank is the accepted one, for `sequoia`.
template <class W>
std::vector<double> rates_by_rank(models& m, const W& warp) {
  constexpr std::size_t ranks = 5;
  std::vector<double> hits(ranks);
  double steps = 0;
  auto decoder = speculate(m.target, gumbel_top_k(m.draft, warp, {ranks}), rejection(warp));
  for (std::size_t i = 0; i < m.prompts.size(); ++i) {
    decoder.start(m.prompts[i], m.wish(i));
    while (decoder.status() == status::running) {
      decoder.step();
      steps += 1;
      if (const auto& path = decoder.last_verdict().path; path.size() > 1) hits[path[1] - 1] += 1;
    }
  }
  for (double& h : hits) h /= steps;
  return hits;
}

}  // namespace hunch::bench
