// Trace files: what is read keeps its contract and plays back; what is refused is refused with its line.
#include <sstream>
#include <string_view>

#include <hunch/core.hpp>
#include <hunch/replay/backend.hpp>
#include <hunch/replay/trace.hpp>
#include <hunch/trace/recorder.hpp>

#include "fuzz.hpp"

using namespace hunch;

namespace {

/// Follows the text through the backend that plays it back.
void play(const replay::recorded_text& text) {
  if (text.vocab > 4096) return;  // rows of whole vocabularies: a matter of memory, not of traces
  replay::replay_backend target{{&text, 1}, replay::rows_given::decided};
  auto decoder = speculate(target, with_length(prompt_lookup{1}, fixed_length{3}), match(greedy{}));
  decoder.start(text.prompt, {.max_tokens = 64});
  while (decoder.status() == status::running) decoder.step();
  for (const token t : decoder.text())
    fuzz::check(t >= 0 && static_cast<std::size_t>(t) < text.vocab, "a replayed token lies in the vocabulary");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in{std::string{reinterpret_cast<const char*>(data), size}};
  std::vector<replay::recorded_text> texts;
  try {
    texts = replay::read_trace(in, "fuzz.trace");
  } catch (const hunch::error& e) {
    fuzz::check(std::string_view{e.what()}.substr(0, 11) == "fuzz.trace:", "a refusal names the file");
    return 0;
  }
  fuzz::check(!texts.empty(), "a trace has a text");
  for (const auto& text : texts) {
    fuzz::check(text.text.size() >= text.prompt.size() && !text.prompt.empty(), "a text goes on from its prompt");
    for (const auto& step : text.steps) {
      fuzz::check(step.rows.size() == step.tokens.size() && step.parents.size() == step.tokens.size(),
                  "each node has a parent and a row");
      for (const auto& row : step.rows) fuzz::check(row.ids.size() == row.values.size(), "each id has a value");
    }
    play(text);
  }
  return 0;
}
