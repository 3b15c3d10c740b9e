// `hunch generate` with the pocket models of examples/models: trained models of three sizes, without a download.
#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

std::string pocket(const std::string& size) { return HUNCH_TEST_DATA "/../examples/models/pocket-" + size + ".gguf"; }

nlohmann::json generate(const list& arguments) {
  list all{"generate", "-m", pocket("large"), "-p",   "Once upon a time", "-n", "40",
           "-t",       "1",  "--output",      "json", "--ignore-eos"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto r = run_program(all);
  INFO(r.err);
  REQUIRE(r.code == 0);
  return r.json();
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
