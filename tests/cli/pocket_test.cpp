// `hunch generate` with the pocket models of examples/models: trained models of three sizes, without a download.
#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

std::string pocket(const std::string& size) { return HUNCH_TEST_DATA "/../examples/models/pocket-" + size + ".gguf"; }

nlohmann::json generate(const list& arguments) {
  return run_well({"generate", "-m", pocket("large"), "-p", "Once upon a time", "-n", "40", "-t", "1", "--output",
                   "json", "--ignore-eos"},
                  arguments)
      .json();
}

}  // namespace

TEST_CASE("pocket: small models draft for the large one, three levels deep, and its text stays", "[cli]") {
  const std::string medium = "model:" + pocket("medium"), small = "model:" + pocket("small");
  for (const list& law : {list{}, list{"--temp", "1", "-s", "4"}}) {
    const auto plain = generate(law);
    for (const std::string& spec : {medium + ",len=4", "staged(" + medium + ",len=4|" + small + ",len=2)",
                                    "best-first:" + pocket("small") + ",nodes=8"}) {
      INFO(spec);
      list with{"--spec", spec};
      with.insert(with.end(), law.begin(), law.end());
      const auto j = generate(with);
      CHECK(j["text"] == plain["text"]);
      CHECK(j["tokens"] == plain["tokens"]);
      CHECK(j["stats"]["tau"] > 1.2);  // they learned something of what the large one knows
    }
  }
}

TEST_CASE("pocket: a trained head decides how long to draft, and the text stays", "[cli]") {
  const std::string head = HUNCH_TEST_DATA "/../examples/models/pocket-medium.head.safetensors";
  const std::string drafts = "specdec++:" + pocket("medium") + ",head=" + head;
  for (const list& law : {list{}, list{"--temp", "1", "-s", "4"}}) {
    const auto plain = generate(law);
    const auto by_head = [&](const std::string& threshold) {
      list with{"--spec", drafts + ",threshold=" + threshold};
      with.insert(with.end(), law.begin(), law.end());
      const auto j = generate(with);
      CHECK(j["text"] == plain["text"]);
      CHECK(j["tokens"] == plain["tokens"]);
      return j["stats"]["drafted"].get<int>() / j["stats"]["steps"].get<double>();
    };
    CHECK(by_head("0.1") < by_head("0.5"));
    CHECK(by_head("0.5") < by_head("0.95"));
  }
  check_refused(run_program({"generate", "-m", pocket("large"), "-p", "x", "--spec",
                             "specdec++:" + pocket("small") + ",head=" + head}),
                1, "is for draft models of width 128 and '" + pocket("small") + "' has 64; train one for this pair");
  check_refused(run_program({"generate", "-m", pocket("large"), "-p", "x", "--spec",
                             "specdec++:" + pocket("medium") + ",head=" + pocket("small")}),
                1, "head: '" + pocket("small") + "': its header would have");
  check_refused(run_program({"generate", "-m", pocket("large"), "-p", "x", "--spec",
                             "specdec++:" + pocket("medium") + ",head=/nowhere"}),
                1, "cannot read '/nowhere'");
}
