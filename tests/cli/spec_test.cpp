#include "spec.hpp"

#include "draft_flags.hpp"
#include "support/catch.hpp"
#include "usage.hpp"

using namespace hunch::cli;

namespace {

/// The message of a spec that must be refused.
std::string refusal(const std::string& text) {
  try {
    (void)parse_spec(text);
  } catch (const usage_error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("spec: names take their standard values when no keys are given", "[cli]") {
  CHECK(to_string(parse_spec("none")) == "none");
  CHECK(to_string(parse_spec("lookup")) == "lookup:n=3,len=8,min=0,place=latest,adapt=off");
  CHECK(to_string(parse_spec("model:a.gguf")) == "model:a.gguf,len=4,adapt=off,skip=0");
  CHECK(to_string(parse_spec("rsd-c:a.gguf")) == "rsd-c:a.gguf,b=3x2x1,skip=0");
  CHECK(to_string(parse_spec("specdec++:a.gguf")) == "specdec++:a.gguf,threshold=0.7,min=1,len=20,skip=0");
}

TEST_CASE("spec: keys come in any order and blanks are skipped", "[cli]") {
  const spec s = parse_spec(" lookup : len = 5 , n=2 ");
  CHECK(s.name() == "lookup");
  CHECK(s.at("n") == 2);
  CHECK(s.at("len") == 5);
}

TEST_CASE("spec: first nests, and its parts keep their order", "[cli]") {
  const spec s = parse_spec("first(lookup:n=4|first(lookup|model:dir/b.gguf,len=2))");
  REQUIRE(s.parts.size() == 2);
  CHECK(s.parts[0].at("n") == 4);
  REQUIRE(s.parts[1].parts.size() == 2);
  CHECK(s.parts[1].parts[1].file == "dir/b.gguf");
  CHECK(to_string(s) ==
        "first(lookup:n=4,len=8,min=0,place=latest,adapt=off|"
        "first(lookup:n=3,len=8,min=0,place=latest,adapt=off|model:dir/b.gguf,len=2,adapt=off,skip=0))");
}

TEST_CASE("spec: a file with commas stands in quotes and prints in quotes", "[cli]") {
  const spec s = parse_spec(R"(model:"my, model (1).gguf",len=7)");
  CHECK(s.file == "my, model (1).gguf");
  CHECK(s.at("len") == 7);
  CHECK(to_string(s) == R"(model:"my, model (1).gguf",len=7,adapt=off,skip=0)");
}

TEST_CASE("spec: a head is a file, and none unless one is named", "[cli]") {
  CHECK(parse_spec("specdec++:a.gguf").named("head").empty());
  const spec s = parse_spec(R"(specdec++:a.gguf,head="my, head",threshold=0.5)");
  CHECK(s.named("head") == "my, head");
  CHECK(s.real("threshold") == 0.5);
  CHECK(to_string(s) == R"(specdec++:a.gguf,threshold=0.5,min=1,len=20,skip=0,head="my, head")");
  CHECK(refusal("specdec++:a,head=") == "spec 'specdec++:a,head=', column 18: the file name is missing");
  CHECK(refusal("specdec++:a,head") == "spec 'specdec++:a,head', column 17: a value is missing: head=FILE");
  CHECK(spec_help().find("specdec++:FILE,threshold=0.7,min=1,len=20,skip=0,head=FILE\n") != std::string::npos);
}

TEST_CASE("spec: what is wrong is said with the column and what is known", "[cli]") {
  std::string known;
  for (const spec_kind& k : known_kinds()) known += (known.empty() ? "" : ", ") + std::string{k.name};
  CHECK(refusal("") == "spec '', column 1: a name is missing; known: " + known);
  CHECK(refusal("medusa") == "spec 'medusa', column 1: unknown name 'medusa'; known: " + known);
  CHECK(refusal("lookup:m=3") ==
        "spec 'lookup:m=3', column 8: lookup has no key 'm'; known: n, len, min, place, adapt");
  CHECK(refusal("lookup:n=3,") == "spec 'lookup:n=3,', column 12: a key is missing; known: n, len, min, place, adapt");
  CHECK(refusal("lookup:n") == "spec 'lookup:n', column 9: a value is missing: n=3");
  CHECK(refusal("lookup:n=x") == "spec 'lookup:n=x', column 10: n needs a whole number, 1 to 64");
  CHECK(refusal("lookup:n=0") == "spec 'lookup:n=0', column 10: n=0 is out of range; allowed: 1 to 64");
  CHECK(refusal("lookup:len=64") == "spec 'lookup:len=64', column 12: len=64 is out of range; allowed: 1 to 63");
  CHECK(refusal("lookup:n=-1") == "spec 'lookup:n=-1', column 10: n=-1 is out of range; allowed: 1 to 64");
  CHECK(refusal("lookup:n=99999999999999999999") ==
        "spec 'lookup:n=99999999999999999999', column 10: n=99999999999999999999 is out of range; allowed: 1 to 64");
  CHECK(refusal("lookup:n=3,n=4") == "spec 'lookup:n=3,n=4', column 12: key 'n' is given twice");
  CHECK(refusal("none:n=3") == "spec 'none:n=3', column 6: none takes no keys");
}

TEST_CASE("spec: files and parentheses that are missing are named", "[cli]") {
  CHECK(refusal("model") == "spec 'model', column 6: model needs a file: model:FILE");
  CHECK(refusal("model:,len=2") == "spec 'model:,len=2', column 7: the file name is missing");
  CHECK(refusal("model:\"a") == "spec 'model:\"a', column 7: the quoted file name has no end");
  CHECK(refusal("first") == "spec 'first', column 6: first needs its parts in parentheses: first(model:FILE|lookup)");
  CHECK(refusal("first(lookup)") ==
        "spec 'first(lookup)', column 13: first(…) needs at least two parts, joined by '|'");
  CHECK(refusal("first(lookup|none") == "spec 'first(lookup|none', column 18: a ')' is missing");
  CHECK(refusal("lookup)") == "spec 'lookup)', column 7: unexpected ')' after the spec");
  CHECK(refusal("lookup:n=3.5") == "spec 'lookup:n=3.5', column 11: unexpected '.' after the spec");
}

TEST_CASE("spec: numbers, words and shapes", "[cli]") {
  CHECK(parse_spec("specdec++:a,threshold=0.25").real("threshold") == 0.25);
  CHECK(parse_spec("lookup:place=earliest").at("place") == 1);
  CHECK(parse_spec("lookup:adapt=on").at("adapt") == 1);
  CHECK(parse_spec("rsd-c:a,b=4x2x2").shape("b") == std::vector<std::uint32_t>{4, 2, 2});
  CHECK(parse_spec("rsd-c:a,b=63").shape("b") == std::vector<std::uint32_t>{63});
  CHECK(to_string(parse_spec("confidence:a,threshold=0.35,len=5")) == "confidence:a,threshold=0.35,len=5,skip=0");
  CHECK(refusal("specdec++:a,threshold=2") ==
        "spec 'specdec++:a,threshold=2', column 23: threshold=2 is out of range; allowed: 0.001 to 1");
  CHECK(refusal("specdec++:a,threshold=nan") ==
        "spec 'specdec++:a,threshold=nan', column 23: threshold=nan is out of range; allowed: 0.001 to 1");
  CHECK(refusal("lookup:place=last") == "spec 'lookup:place=last', column 14: place is one of latest|earliest");
  CHECK(refusal("lookup:place=") == "spec 'lookup:place=', column 14: place is one of latest|earliest");
  CHECK(refusal("rsd-c:a,b=8x8") == "spec 'rsd-c:a,b=8x8', column 11: b makes a tree of more than 63 drafted nodes");
  CHECK(
      refusal("rsd-c:a,b=63x63x63x63x63x63x63x63x63x63x63x63") ==
      "spec 'rsd-c:a,b=63x63x63x63x63x63x63x63x63x63x63x63', column 11: b makes a tree of more than 63 drafted nodes");
  CHECK(refusal("rsd-c:a,b=3x").find("column 13: b needs children by level, for instance 3x2x1: 1 to 63") !=
        std::string::npos);
}

TEST_CASE("spec: staged and cascade begin with the middle model", "[cli]") {
  const spec s = parse_spec("staged:(model:a.gguf,len=5|model:b.gguf|lookup:len=3)");
  REQUIRE(s.parts.size() == 3);
  CHECK(s.parts[0].at("len") == 5);
  CHECK(to_string(parse_spec(to_string(s))) == to_string(s));
  CHECK(refusal("staged(lookup|model:a)") ==
        "spec 'staged(lookup|model:a)', column 23: the first part of staged(…) is the middle model: model:FILE,len=…");
  CHECK(refusal("cascade(model:a|lookup|lookup)") ==
        "spec 'cascade(model:a|lookup|lookup)', column 24: cascade(…) has at most 2 parts");
}

TEST_CASE("spec: nesting ends before the stack does", "[cli]") {
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "first(";
  CHECK(refusal(deep).find("more than 16 levels") != std::string::npos);
}

TEST_CASE("spec: a label leaves out the folders of files", "[cli]") {
  CHECK(label_of("model:/a/b/c.gguf,len=2") == "model:c.gguf,len=2");
  CHECK(label_of("first(lookup|model:x/y.gguf)") == "first(lookup|model:y.gguf)");
  CHECK(label_of("lookup:n=3,len=8") == "lookup:n=3,len=8");
  CHECK(label_of("specdec++:/a/b.gguf,head=/a/b.head,len=2") == "specdec++:b.gguf,head=b.head,len=2");
}

TEST_CASE("draft flags: llama.cpp's flags become a spec", "[cli]") {
  draft_flags model;
  model.model = "d.gguf";
  CHECK(to_spec(model) == "model:d.gguf");
  model.longest = 6;
  model.shortest = 0;
  CHECK(to_spec(model) == "model:d.gguf,len=6");
  draft_flags ngram;
  ngram.type = "ngram-simple";
  CHECK(to_spec(ngram) == "lookup");
  ngram.ngram_longest = 10;
  CHECK(to_spec(ngram) == "lookup:len=10");
  ngram.ngram = 4;
  CHECK(to_spec(ngram) == "lookup:n=4,len=10");
  ngram.model = "d.gguf";
  ngram.type = "ngram-simple,draft-simple";
  CHECK(to_spec(ngram) == "first(lookup:n=4,len=10|model:d.gguf)");
  draft_flags none;
  none.type = "none";
  CHECK(to_spec(none) == "none");
}

TEST_CASE("draft flags: what has no meaning here is refused with what to do", "[cli]") {
  const auto refused = [](const draft_flags& f) {
    try {
      return to_spec(f);
    } catch (const usage_error& e) {
      return std::string{e.what()};
    }
  };
  draft_flags f;
  f.longest = 4;
  CHECK(refused(f) == "--spec-draft-n-max needs a draft model: -md FILE (for lookup: --spec-ngram-size-m)");
  f = {};
  f.type = "draft-simple";
  CHECK(refused(f) == "--spec-type draft-simple needs a draft model: -md FILE");
  f.type = "draft-eagle3";
  CHECK(refused(f) == "--spec-type: 'draft-eagle3' is not supported; known: none, draft-simple, ngram-simple");
  f = {};
  f.model = "d.gguf";
  f.probability = 0.5;
  CHECK(refused(f).find("--spec-draft-p-min: only 0 is supported") == 0);
  f.probability = 0;
  f.shortest = 2;
  CHECK(refused(f).find("--spec-draft-n-min: only 0 is supported") == 0);
}
