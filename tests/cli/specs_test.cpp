// Every spec of the program says, under every exact verifier, what it must on a real model: under `match` the text of
// plain decoding, token for token; greedy the same under all of them.
//
// HUNCH_IDENTITY=full runs all prompts; otherwise one.
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "engine.hpp"
#include "session.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "usage.hpp"

using namespace hunch;
using namespace hunch::cli;

namespace {

std::vector<std::string> prompts() {
  std::vector<std::string> all{
      "Repeat the list and add two animals: cat, dog, cow, cat, dog, cow, cat, dog,",
      "Once upon a time, in a small village by the sea, there lived an old fisherman who",
      "Q: What is 12 times 7?\nA: 84\nQ: What is 9 times 8?\nA: 72\nQ: What is 6 times 7?\nA:"};
  if (std::getenv("HUNCH_IDENTITY") == nullptr) all.resize(1);
  return all;
}

/// Every kind of drafter; the target's own file drafts, so that much is accepted and much is committed.
std::vector<std::string> specs(const std::string& file, bool greedy) {
  std::vector<std::string> out{"lookup:n=2,len=6,min=1,place=earliest",
                               "anpd:n=3,len=5",
                               "sam:len=7",
                               "recycling:nodes=12",
                               "swift:skip=0.1,len=3,stop=0.2",
                               "swift:skip=0.3,len=3,stop=0.3,tree=caterpillar,search=on",
                               "model:" + file + ",len=3,adapt=on",
                               "confidence:" + file + ",threshold=0.5,len=4",
                               "entropy:" + file + ",nats=1.5,len=4",
                               "heuristic:" + file + ",len=5",
                               "specdec++:" + file + ",threshold=0.6,len=5",
                               "translate:" + file + ",len=3",
                               "rsd-c:" + file + ",b=2x2",
                               "best-first:" + file + ",nodes=8,depth=3",
                               "model:self,len=3,skip=0.1",
                               "rsd-c:self,b=2x2,skip=0.1",
                               "best-first:self,nodes=8,depth=3,skip=0.1",
                               "first(lookup:n=4,len=3|model:" + file + ",len=2)",
                               "staged:(model:" + file + ",len=4|lookup:n=1,len=3)",
                               "cascade:(model:" + file + ",len=2|lookup:n=1,len=3)"};
  if (!greedy) out.push_back("rsd-s:" + file + ",w=2,len=2");
  return out;
}

std::vector<token> tokens_of(engine& models, const std::string& spec, const sampling_options& sampling,
                             const std::string& prompt) {
  session s{models, parse_spec(spec), sampling};
  return s.run(models.target().tokenizer.encode(prompt), {.max_tokens = 20}).text.tokens();
}

struct loaded {
  std::string file = test::model_path("smollm2")->string();
  std::ostringstream notes{};
  engine models{{.path = file, .context = 512}, notes};
};

}  // namespace

TEST_CASE("specs: SmolLM2's text under match does not depend on the spec", "[cli][model]") {
  if (!test::model_path("smollm2")) HUNCH_SKIP(test::absent_model("smollm2"));
  loaded l;
  for (const float temperature : {0.0f, 0.8f})
    for (const std::string& prompt : prompts()) {
      const sampling_options sampling{.temperature = temperature, .seed = 5};
      const auto plain = tokens_of(l.models, "none", sampling, prompt);
      REQUIRE(plain.size() == 20);
      for (const std::string& spec : specs(l.file, temperature == 0)) {
        INFO(spec << " at " << temperature << " after: " << prompt);
        CHECK(tokens_of(l.models, spec, sampling, prompt) == plain);
      }
    }
}

TEST_CASE("specs: greedy text does not depend on the verifier", "[cli][model]") {
  if (!test::model_path("smollm2")) HUNCH_SKIP(test::absent_model("smollm2"));
  loaded l;
  sampling_options sampling{.seed = 5};
  const auto plain = tokens_of(l.models, "none", sampling, prompts().front());
  for (const auto rule : {verify_rule::rejection, verify_rule::block, verify_rule::traversal, verify_rule::multi_round,
                          verify_rule::k_sequence, verify_rule::spec_hub})
    for (const std::string& spec : {"model:" + l.file + ",len=3", "rsd-c:" + l.file + ",b=2x1",
                                    "staged:(model:" + l.file + ",len=3|lookup:n=1,len=2)"}) {
      INFO(spec << " under " << name_of(rule));
      sampling.verify = rule;
      CHECK(tokens_of(l.models, spec, sampling, prompts().front()) == plain);
    }
}

TEST_CASE("specs: a pair whose law would be biased is refused with what to use", "[cli][model]") {
  if (!test::model_path("smollm2")) HUNCH_SKIP(test::absent_model("smollm2"));
  loaded l;
  const auto refusal = [&](const std::string& spec, verify_rule rule) -> std::string {
    try {
      const session s{l.models, parse_spec(spec), {.temperature = 0.8f, .verify = rule}};
    } catch (const usage_error& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(refusal("rsd-s:" + l.file, verify_rule::multi_round) ==
        "--verify multi-round cannot judge 'rsd-s': it judges independent draws; use rsd-c:FILE,b=…");
  CHECK(refusal("rsd-c:" + l.file + ",b=3x2", verify_rule::spec_hub) ==
        "--verify spechub cannot judge 'rsd-c': it judges pairs; every level of b is to be 2, for instance b=2x2");
  for (const auto rule : {verify_rule::rejection, verify_rule::block, verify_rule::traversal, verify_rule::multi_round,
                          verify_rule::k_sequence})
    CHECK(refusal("rsd-c:" + l.file + ",b=2x2", rule) == "accepted");
}
