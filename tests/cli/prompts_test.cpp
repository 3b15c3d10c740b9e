#include "prompts.hpp"

#include <sstream>

#include <hunch/core/error.hpp>

#include "support/catch.hpp"

using namespace hunch::cli;

namespace {

std::string refusal(const std::string& lines) {
  std::istringstream in{lines};
  try {
    (void)read_prompts(in, "p.jsonl");
  } catch (const hunch::error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("prompts: Spec-Bench's lines are read as they are, other keys and empty lines skipped", "[cli]") {
  std::istringstream in{
      "{\"question_id\": 91, \"category\": \"roleplay\", \"turns\": [\"One?\", \"Two?\"]}\n"
      "\n"
      "{\"question_id\": 461, \"category\": \"math_reasoning\", \"turns\": [\"1 + 1?\"], \"reference\": [\"2\"]}\r\n"
      "{\"question_id\": \"x\", \"category\": \"my own\", \"turns\": [\"Hm?\"]}"};
  const auto p = read_prompts(in, "p.jsonl");
  REQUIRE(p.size() == 3);
  CHECK(p[0].id == "91");
  CHECK(p[0].category == "mt_bench");
  CHECK(p[0].turns == std::vector<std::string>{"One?", "Two?"});
  CHECK(p[1].category == "math_reasoning");
  CHECK(p[2].id == "x");
  CHECK(p[2].category == "my own");
}

TEST_CASE("prompts: MT-bench's categories are one, Spec-Bench's other tasks stay apart", "[cli]") {
  for (const char* c : {"writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"})
    CHECK(reported_category(c) == "mt_bench");
  for (const char* c : {"translation", "summarization", "qa", "math_reasoning", "rag"})
    CHECK(reported_category(c) == c);
}

TEST_CASE("prompts: a limit takes the first lines and does not read further", "[cli]") {
  std::istringstream in{"{\"question_id\": 1, \"category\": \"qa\", \"turns\": [\"a\"]}\nnot json\n"};
  CHECK(read_prompts(in, "p.jsonl", 1).size() == 1);
}

TEST_CASE("prompts: a bad line is named with file and line", "[cli]") {
  const std::string good = "{\"question_id\": 1, \"category\": \"qa\", \"turns\": [\"a\"]}\n";
  CHECK(refusal(good + "{\"turns\": [") == "p.jsonl:2: no valid JSON at byte 12 of the line");
  CHECK(refusal("[1]") == "p.jsonl:1: a JSON object is expected");
  CHECK(refusal("\n{\"question_id\": 1, \"category\": \"qa\"}") == "p.jsonl:2: key \"turns\" is missing");
  CHECK(refusal(R"({"question_id": 1, "category": "qa", "turns": []})") ==
        "p.jsonl:1: \"turns\" must be a list of at least one text");
  CHECK(refusal(R"({"question_id": 1, "category": "qa", "turns": ["a", 2]})") ==
        "p.jsonl:1: \"turns\" must be a list of at least one text");
  CHECK(refusal(R"({"question_id": 1, "turns": ["a"]})") == "p.jsonl:1: key \"category\" is missing or no text");
  CHECK(refusal(R"({"category": "qa", "turns": ["a"]})") ==
        "p.jsonl:1: key \"question_id\" is missing or no number or text");
  CHECK(refusal("\n\n").find("p.jsonl: no prompts") == 0);
}

TEST_CASE("prompts: a number that no double can hold is refused with file and line", "[cli]") {
  CHECK(refusal(R"({"question_id": 1e999, "category": "qa", "turns": ["a"]})") ==
        "p.jsonl:1: a number is too large to be read");
}

TEST_CASE("prompts: a file that cannot be read is named with the reason", "[cli]") {
  CHECK_THROWS_WITH(read_text("/nowhere/at/all"), "cannot read '/nowhere/at/all': No such file or directory");
  CHECK_THROWS_WITH(read_text("/"), "cannot read '/': it is a directory");
}
