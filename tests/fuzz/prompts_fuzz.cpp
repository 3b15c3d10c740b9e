// Prompt files: what is read is what a line says, and what is refused is refused with its line.
#include <sstream>

#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "prompts.hpp"

using namespace hunch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::byte_source source{data, size};
  const std::size_t limit = source.below(4);
  std::istringstream in{std::string{source.rest()}};
  std::vector<cli::bench_prompt> prompts;
  try {
    prompts = cli::read_prompts(in, "fuzz.jsonl", limit);
  } catch (const hunch::error& e) {
    fuzz::check(std::string_view{e.what()}.substr(0, 11) == "fuzz.jsonl:", "a refusal names the file");
    return 0;
  }
  fuzz::check(!prompts.empty() && (limit == 0 || prompts.size() <= limit), "as many prompts as were asked for");
  std::stringstream again;
  for (const auto& p : prompts) {
    fuzz::check(!p.turns.empty(), "a prompt has a turn");
    again << nlohmann::json{{"question_id", p.id}, {"category", p.category}, {"turns", p.turns}}.dump() << '\n';
  }
  const auto second = cli::read_prompts(again, "again.jsonl");
  fuzz::check(second.size() == prompts.size(), "prompts that are written again are read again");
  for (std::size_t i = 0; i < second.size(); ++i)
    fuzz::check(second[i].id == prompts[i].id && second[i].category == prompts[i].category &&
                    second[i].turns == prompts[i].turns,
                "a prompt that is written again is the same");
  return 0;
}
