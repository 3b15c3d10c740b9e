// `hunch curve`, `hunch perplexity` and `hunch inspect` with SmolLM2.
#include <fstream>

#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("curve: a point for each depth and row count, ratios to one row of the same depth", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  const auto r = run_program(
      {"curve", "-m", model->string(), "--rows", "2,4", "--depth", "0,16", "--repetitions", "3", "--output", "json"});
  INFO(r.err);
  REQUIRE(r.code == 0);
  CHECK(keys_of(r.out) == list{"model", "machine", "threads", "points"});
  CHECK(keys_of(r.out, "points") == list{"depth", "rows", "median_s", "min_s", "ratio"});
  const auto points = r.json()["points"];
  REQUIRE(points.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(points[i]["depth"] == (i < 3 ? 0 : 16));
    CHECK(points[i]["rows"] == (i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 4));
    CHECK(points[i]["min_s"].get<double>() > 0);
    CHECK(points[i]["min_s"] <= points[i]["median_s"]);
    CHECK(points[i]["ratio"].get<double>() ==
          Approx(points[i]["median_s"].get<double>() / points[i / 3 * 3]["median_s"].get<double>()));
  }
  check_refused(run_program({"curve", "-m", model->string(), "-c", "64", "--depth", "100"}), 1, "the curve needs 164");
}

TEST_CASE("perplexity: within 0.5 % of llama.cpp's on the same 20 kB text, printed last", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  const std::string golden = std::string{HUNCH_TEST_DATA} + "/golden/";
  const auto expected = nlohmann::json::parse(read_file(golden + "perplexity.json"))["models"][0];
  REQUIRE(expected["name"] == "smollm2");
  const auto r = run_program({"perplexity", "-m", model->string(), "-f", golden + "text_20k.txt"});
  INFO(r.out << r.err);
  REQUIRE(r.code == 0);
  const double figure = std::stod(r.out.substr(r.out.rfind(' ')));
  CHECK(figure == Approx(expected["tool"]["perplexity"].get<double>()).epsilon(0.005));
  CHECK(r.out.find("8 windows of 512 tokens, 2040 tokens scored") == 0);
}

TEST_CASE("perplexity: a text shorter than a window is refused", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  check_refused(run_program({"perplexity", "-m", model->string(), "-f", "-"}, "printf 'too short' |"), 1,
                "needs at least 512");
}

TEST_CASE("inspect: says what is in the file, as JSON and for people", "[cli]") {
  const auto model = model_path("smollm2");
  if (!model) HUNCH_SKIP(absent_model("smollm2"));
  const auto r = run_program({"inspect", "-m", model->string(), "--output", "json"});
  REQUIRE(r.code == 0);
  const auto j = r.json();
  CHECK(j["config"]["architecture"] == "llama");
  CHECK(j["config"]["layers"] == 30);
  CHECK(j["tensors"]["Q4_1"]["count"] == 210);
  CHECK(j["tokenizer"]["tokens"] == 49152);
  CHECK(j["tokenizer"]["chat"] == "ChatML");
  CHECK(j["bytes_a_token"].get<double>() == Approx(96.6e6).epsilon(0.001));
  CHECK(j["here"]["runs"] == true);
  CHECK(j["here"]["kv_token_bytes"] == 30 * 2 * 3 * 64 * 2);  // layers, k and v, heads, values, bytes
  CHECK(keys_of(r.out, "here") ==
        list{"runs", "machine", "threads", "context", "weight_bytes", "kv_token_bytes", "kv_bytes"});
  const auto text = run_program({"inspect", "-m", model->string()});
  CHECK(text.code == 0);
  CHECK(text.out.find("llama: 30 layers, 576 wide") != std::string::npos);
}
