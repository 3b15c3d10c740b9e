// Traces that are not traces: refused with the file, the line and what is wrong.
#include "support/catch.hpp"
#include "trace/recording.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::string header = R"({"format":"hunch-trace","version":1,"vocab":5,"top":1,"seed":7,"about":"x","text":[4,2]})"
                           "\n";
const std::string step = R"({"size":2,"tokens":[2,1,3],"parents":[-1,0,0],"p":[[[1,4],[2,3]],[[2],[7]],[[0],[5]]],)"
                         R"("q":[[0,[1,2],[0.25,0.5]]],"path":[0,1],"next":2,"emitted":2,"truncated":0,"withdrawn":0})"
                         "\n";

std::string with(std::string text, const std::string& old, const std::string& now) {
  const auto at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), now);
}
std::string refusal(const std::string& lines) {
  try {
    (void)read(lines);
  } catch (const error& e) {
    return e.what();
  }
  return "it was read";
}

}  // namespace

TEST_CASE("trace reader: reads what the format says", "[trace]") {
  const auto texts = read(header + "\r\n" + step);
  REQUIRE(texts.size() == 1);
  const auto& text = texts[0];
  CHECK(text.vocab == 5);
  CHECK(text.top == 1);
  CHECK(text.seed == 7);
  CHECK(text.about == "x");
  CHECK(text.prompt == tokens{4, 2});
  CHECK(text.text == tokens{4, 2, 1, 2});
  REQUIRE(text.steps.size() == 1);
  CHECK(text.steps[0].parents == std::vector<node_id>{no_node, 0, 0});
  CHECK(text.steps[0].rows[0].ids == tokens{1, 4});
  CHECK(text.steps[0].rows[0].values == std::vector<float>{2, 3});
  REQUIRE(text.steps[0].laws.size() == 1);
  CHECK(text.steps[0].laws[0].row.values == std::vector<float>{0.25f, 0.5f});
}

TEST_CASE("trace reader: a wrong header is refused with its line", "[trace]") {
  using Catch::Contains;
  const auto wrong = [](const char* old, const char* now) { return refusal(with(header, old, now)); };
  CHECK(refusal("") == R"(memory:1: there is no line {"format":"hunch-trace",…}; is this a trace?)");
  CHECK(refusal(step) == R"(memory:1: a trace begins with a line {"format":"hunch-trace",…})");
  CHECK(wrong("hunch-trace", "else") == R"(memory:1: "format" is not "hunch-trace")");
  CHECK(wrong("\"version\":1", "\"version\":2") == "memory:1: the trace is of version 2; this program reads version 1");
  CHECK(wrong("\"vocab\":5", "\"vocab\":0") == R"(memory:1: "vocab" must be at least 1)");
  CHECK(wrong("\"vocab\":5", "\"vocab\":16777217") == R"(memory:1: "vocab" must be a whole number from 0 to 16777216)");
  CHECK(wrong("\"vocab\":5", "\"vocab\":-5") == R"(memory:1: "vocab" must be a whole number from 0 to 16777216)");
  CHECK(wrong("[4,2]", "[4,5]") == R"(memory:1: "text" holds a token outside of the vocabulary of 5)");
  CHECK(wrong("[4,2]", "[]") == R"(memory:1: "text" is empty; a text has at least one token)");
  CHECK(wrong(",\"seed\":7", "") == R"(memory:1: "seed" is missing)");
  CHECK(wrong("\"x\"", "3") == R"(memory:1: "about" must be a string)");
}

TEST_CASE("trace reader: a wrong step is refused with its line", "[trace]") {
  const auto wrong = [](const char* old, const char* now) { return refusal(header + with(step, old, now)); };
  CHECK(wrong("\"size\":2", "\"size\":3") == R"(memory:2: "size" is 3, but the text has 2 tokens by now)");
  CHECK(wrong("[2,1,3]", "[1,1,3]") == "memory:2: node 0 must be the last token of the text");
  CHECK(wrong("[2,1,3]", "[]") == R"(memory:2: "tokens" must hold 1 to 65536 nodes)");
  CHECK(wrong("[2,1,3]", "[2,1,5]") == R"(memory:2: "tokens" holds a token outside of the vocabulary of 5)");
  CHECK(wrong("[-1,0,0]", "[-1,0]") == R"(memory:2: "parents" has 2 entries for 3 nodes)");
  CHECK(wrong("[-1,0,0]", "[0,0,0]") == "memory:2: the parent of node 0 must be -1");
  CHECK(wrong("[-1,0,0]", "[-1,1,0]") == "memory:2: the parent of node 1 must be a node before it");
  CHECK(wrong("[[1,4],[2,3]]", "[[1,4]]") == R"(memory:2: a row of "p" must be [[ids],[logits]])");
  CHECK(wrong("[[1,4],[2,3]],", "") == R"(memory:2: "p" has 2 rows for 3 nodes)");
  CHECK(wrong("[[1,4],[2,3]]", "[[1,4],[2]]") == R"(memory:2: a row of "p" has 2 ids and 1 values)");
  CHECK(wrong("[[1,4],[2,3]]", "[[4,1],[2,3]]") == R"(memory:2: the ids of a row of "p" must rise)");
  CHECK(wrong("[[1,4],[2,3]]", "[[1,4],[2,1e39]]") == R"(memory:2: a value of "p" is too large for a float)");
  CHECK(wrong("[[1,4],[2,3]]", "[[1,4],[2,null]]") == R"(memory:2: a row of "p" holds a value that is no number)");
  CHECK(wrong("[0,[1,2],", "[3,[1,2],") == R"(memory:2: "q" must be a whole number from 0 to 2)");
  CHECK(wrong("[0.25,0.5]", "[0.25,1.5]") == R"(memory:2: a value of "q" is no probability)");
  CHECK(wrong("\"path\":[0,1]", "\"path\":[1]") == R"(memory:2: "path" must lead from node 0, from parent to child)");
  CHECK(wrong("\"path\":[0,1]", "\"path\":[]") == R"(memory:2: "path" is empty; it begins with node 0)");
  CHECK(wrong("\"next\":2", "\"next\":-1") == R"(memory:2: "next" holds a token outside of the vocabulary of 5)");
  CHECK(wrong("\"emitted\":2", "\"emitted\":1") ==
        R"(memory:2: "emitted" + "truncated" must be the tokens of "path" and "withdrawn")");
  CHECK(refusal(header + with(with(step, "\"truncated\":0", "\"truncated\":1"), "\"withdrawn\":0",
                              "\"withdrawn\":1")) == "it was read");
  CHECK(refusal(header +
                with(with(with(step, "\"truncated\":0", "\"truncated\":3"), "\"withdrawn\":0", "\"withdrawn\":1"),
                     "\"emitted\":2", "\"emitted\":0")) == R"(memory:2: "withdrawn" reaches into the prompt)");
}

TEST_CASE("trace reader: a truncated or foreign file is refused with its line", "[trace]") {
  const std::string lines = header + step;
  for (std::size_t cut = 1; cut < lines.size() - 1; cut += 3) {
    if (cut == header.size() || cut == header.size() - 1) continue;
    const auto what = refusal(lines.substr(0, cut));
    INFO(cut);
    CHECK(what.find(cut < header.size() ? "memory:1: this is not JSON; the file may be truncated"
                                        : "memory:2: this is not JSON; the file may be truncated") == 0);
  }
  CHECK(refusal("[1]\n") == "memory:1: a line of a trace is an object, {…}");
  CHECK(refusal(std::string(100000, '[')).find("memory:1: this is not JSON") == 0);
  CHECK_THROWS_WITH(replay::read_trace("/nowhere/at/all"), "/nowhere/at/all:1: cannot be read");
}
