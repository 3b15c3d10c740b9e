// `hunch bench` with SmolLM2 on a file of three prompts.
#include <fstream>

#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

/// Two turns of MT-bench, and two prompts of another task.
class prompt_file {
 public:
  prompt_file()
      : path_{std::filesystem::temp_directory_path() / ("hunch-prompts-" + std::to_string(getpid()) + ".jsonl")} {
    std::ofstream{path_} << R"({"question_id": 1, "category": "writing", "turns": ["Name three colors.", "Again."]})"
                            "\n"
                         << R"({"question_id": 2, "category": "qa", "turns": ["Who wrote Hamlet?"]})"
                            "\n"
                         << R"({"question_id": 3, "category": "qa", "turns": ["Repeat: a b c a b c a b c"]})"
                            "\n";
  }
  ~prompt_file() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("bench: rows for plain decoding and each spec, per category and for all", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  const prompt_file prompts;
  const auto r = run_program({"bench", "-m", model->string(), "--prompts", prompts.path(), "-n", "12", "--output",
                              "json", "--spec", "lookup:n=2,len=4", "--spec", "model:" + model->string() + ",len=2"});
  INFO(r.err);
  REQUIRE(r.code == 0);
  CHECK(keys_of(r.out) == list{"model", "machine", "threads", "left_out", "rows"});
  CHECK(keys_of(r.out, "rows") == list{"spec", "category", "prompts", "tokens", "tokens_per_s", "speedup",
                                       "speedup_mean", "tau", "alpha", "draft_yield", "identical"});
  const auto rows = r.json()["rows"];
  REQUIRE(rows.size() == 9);
  const list specs{"none", "lookup:n=2,len=4", "model:" + model->string() + ",len=2"};
  const list categories{"mt_bench", "qa", "all"};
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(rows[i]["spec"] == specs[i / 3]);
    CHECK(rows[i]["category"] == categories[i % 3]);
    CHECK(rows[i]["prompts"] == (i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 3));
    CHECK(rows[i]["tokens"] == rows[i % 3]["tokens"]);
    CHECK(rows[i]["identical"] == true);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rows[i]["speedup"] == 1.0);
    CHECK(rows[i]["tau"] == 1.0);
    CHECK(rows[6 + i]["alpha"] == 1.0);  // the target drafts for itself
    CHECK(rows[6 + i]["speedup"].get<double>() ==
          Approx(rows[6 + i]["tokens_per_s"].get<double>() / rows[i]["tokens_per_s"].get<double>()));
  }
}

TEST_CASE("bench: sampled rejection texts are not compared; the table is for people", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  const prompt_file prompts;
  const list common{"bench", "-m",     model->string(), "--prompts", prompts.path(), "-n",       "4",        "--limit",
                    "1",     "--spec", "lookup",        "--temp",    "0.8",          "--verify", "rejection"};
  list json = common;
  json.insert(json.end(), {"--output", "json"});
  const auto rows = run_program(json).json()["rows"];
  REQUIRE(rows.size() == 4);
  CHECK(rows[3]["prompts"] == 1);
  CHECK(rows[3]["identical"].is_null());
  const auto table = run_program(common);
  CHECK(table.code == 0);
  CHECK(table.out.find("spec    category  prompts  tokens") != std::string::npos);
}

TEST_CASE("bench: a prompt that the context does not hold is left out, and named", "[cli]") {
  const std::string model = HUNCH_TEST_DATA "/../examples/models/pocket-large.gguf";
  const prompt_file prompts;
  std::string words;
  for (int i = 0; i < 200; ++i) words += "word ";
  std::ofstream{prompts.path(), std::ios::app} << R"({"question_id": 4, "category": "qa", "turns": [")" << words
                                               << "\"]}\n";
  const list common{"bench", "--raw", "-m", model, "--prompts", prompts.path(),
                    "-n",    "4",     "-c", "128", "--spec",    "lookup"};
  const auto json = run_well(common, {"--output", "json"}).json();
  CHECK(json["left_out"] == nlohmann::json{"4"});
  CHECK(json["rows"].back()["prompts"] == 3);
  const auto table = run_well(common, {});
  CHECK(table.err.find("left out: the prompt has") != std::string::npos);
  CHECK(table.out.find("left out, since the context does not hold them: 4\n") != std::string::npos);
  auto tight = common;
  tight[9] = "2";
  check_refused(run_program(tight), 1, "no prompt of '" + prompts.path() + "' fits the context; raise -c");
}

TEST_CASE("bench: a bad line of the file is named before anything runs", "[cli]") {
  const prompt_file prompts;
  std::ofstream{prompts.path(), std::ios::app} << "{oops\n";
  check_refused(run_program({"bench", "-m", "/nowhere.gguf", "--prompts", prompts.path(), "--spec", "lookup"}), 1,
                prompts.path() + ":4: no valid JSON");
}
