// Files of acceptance heads: what is read makes a head that says a probability; refusals name the file.
#include <string_view>
#include <vector>

#include <hunch/drafters/acceptance_head.hpp>

#include "fuzz.hpp"
#include "head_file.hpp"

using namespace hunch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  acceptance_weights weights;
  try {
    weights = cli::read_head(std::as_bytes(std::span{data, size}), "fuzz.head");
  } catch (const hunch::error& e) {
    fuzz::check(std::string_view{e.what()}.substr(0, 19) == "head: 'fuzz.head': ", "a refusal names the file");
    return 0;
  }
  const std::vector<float> state(weights.hidden);
  draft_signal drawn{1, 0.5f, 1};
  drawn.hidden = state;
  const double said = acceptance_head{std::move(weights), draft_draw::greedy}.acceptance(drawn);
  // Finite weights may still overflow on the way: no number, or infinite odds.
  fuzz::check(!(said < 0) && !(said > 1), "acceptance is a probability");
  return 0;
}
