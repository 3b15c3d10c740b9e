// `hunch generate` with the draft model and the acceptance head that examples/models holds for SmolLM2-135M-Instruct.
#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

const std::string folder = HUNCH_TEST_DATA "/../examples/models/";

nlohmann::json answer(const list& arguments) {
  return run_well({"generate", "-m", model_path("smollm2")->string(), "-p", "Why is the sky blue?", "-n", "48", "-t",
                   "1", "-c", "512", "--output", "json", "--chat"},
                  arguments)
      .json();
}

}  // namespace

TEST_CASE("drafter: the draft model for SmolLM2 is often right, and the text stays", "[cli][model]") {
  if (!model_path("smollm2")) HUNCH_SKIP(absent_model("smollm2"));
  const std::string file = folder + "smollm2-135m-drafter.gguf";
  const std::string head = folder + "smollm2-135m-drafter.head.safetensors";
  for (const list& law : {list{}, list{"--temp", "0.8", "-s", "3"}}) {
    const auto plain = answer(law);
    for (const std::string& spec : {"model:" + file + ",len=4", "specdec++:" + file + ",threshold=0.6,head=" + head,
                                    "first(sam:len=8,match=3|model:" + file + ",len=3)"}) {
      INFO(spec);
      list with{"--spec", spec};
      with.insert(with.end(), law.begin(), law.end());
      const auto j = answer(with);
      CHECK(j["text"] == plain["text"]);
      CHECK(j["tokens"] == plain["tokens"]);
      CHECK(j["stats"]["tau"] > 1.2);
    }
  }
}
