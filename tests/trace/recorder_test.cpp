// What the recorder writes.
#include <bit>
#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "trace/recording.hpp"

using namespace hunch;
using namespace hunch::test;
using nlohmann::json;

namespace {

constexpr float none = -std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<json> parsed(const std::string& lines) {
  std::vector<json> out;
  std::istringstream in{lines};
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

/// A round by hand: text 4 2, drafts 1 and 3 below the root, 0 below 1; 1 is accepted, then 2 is decided.
struct round_by_hand {
  tokens text{4, 2};
  std::vector<float> data{0.5f, 2,    1,  -1,  3,   // after 2: the largest are 4, 1
                          none, 0.1f, -8, nan, 7,   // after 1: 2 is decided
                          5,    4,    3,  2,   1,   // after 3
                          1,    1,    1,  1,   1};  // after 0: equals
  draft_tree tree{5};
  verdict result;
  round_by_hand() {
    tree.reset(2);
    const auto q = tree.make_q(0);
    const float law[] = {0.125f, 0.25f, 0.5f, 0.0625f, 0.0625f};
    std::copy(std::begin(law), std::end(law), q.begin());
    tree.add(0, 1);
    tree.add(0, 3);
    tree.add(1, 0);
    result.reset();
    result.path = {0, 1};
    result.next = 2;
  }
  void show(trace_recorder& to, std::uint64_t run, std::size_t emitted) {
    const matrix_view rows{data.data(), 4, 5};
    const decode_context ctx{.text = text, .budget = 8, .max_depth = 8, .run = run};
    to.on_round({tree, rows_ref{rows}, result, ctx});
    to.on_step({.drafted = 3, .tested = 2, .accepted = 1, .emitted = emitted, .truncated = 2 - emitted});
  }
};

}  // namespace

TEST_CASE("trace: a text and a step are a line each, in the documented form", "[trace]") {
  std::string lines;
  trace_recorder recorder{into(lines), {.top = 1, .seed = 18446744073709551615u, .about = "a \"b\"\\\n"}};
  round_by_hand{}.show(recorder, 1, 2);
  CHECK(lines == R"({"format":"hunch-trace","version":1,"vocab":5,"top":1,"seed":18446744073709551615,)"
                 R"("about":"a \"b\"\\\u000a","text":[4,2]})"
                 "\n"
                 R"({"size":2,"tokens":[2,1,3,0],"parents":[-1,0,0,1],)"
                 R"("p":[[[1,3,4],[2,-1,3]],[[2,4],[-8,7]],[[0],[5]],[[0],[1]]],)"
                 R"("q":[[0,[1,2,3],[0.25,0.5,0.0625]]],)"
                 R"("path":[0,1],"next":2,"emitted":2,"truncated":0,"withdrawn":0})"
                 "\n");
}

TEST_CASE("trace: top 0 keeps whole rows but what is not finite", "[trace]") {
  std::string lines;
  trace_recorder recorder{into(lines), {.top = 0}};
  round_by_hand{}.show(recorder, 1, 2);
  const json step = parsed(lines).at(1);
  CHECK(step["p"][0] == json::parse("[[0,1,2,3,4],[0.5,2,1,-1,3]]"));
  CHECK(step["p"][1][0] == json::parse("[1,2,4]"));
}

TEST_CASE("trace: a text begins with its line, later steps of it do not", "[trace]") {
  std::string lines;
  trace_recorder recorder{into(lines)};
  round_by_hand{}.show(recorder, 1, 2);
  round_by_hand{}.show(recorder, 1, 1);
  round_by_hand{}.show(recorder, 2, 2);
  const auto all = parsed(lines);
  REQUIRE(all.size() == 5);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].contains("format") == (i == 0 || i == 3));
  CHECK(all[2]["emitted"] == 1);
  CHECK(all[2]["truncated"] == 1);
}

TEST_CASE("trace: a step that threw leaves no line", "[trace]") {
  testing::toy_backend target{6, testing::hashed_law<float>(1, 4)};
  std::string lines;
  auto decoder = speculate(target, no_draft{}, match(greedy{}), trace_recorder{into(lines)});
  int asked = 0;
  const tokens prompt{1, 2};
  decoder.start(prompt, {.max_tokens = 3, .stop = [&](std::span<const token> text, std::size_t) {
                           if (++asked == 2) raise("stop rule");
                           return text.size();
                         }});
  decoder.step();
  CHECK_THROWS_AS(decoder.step(), error);
  while (decoder.status() == status::running) decoder.step();
  const auto all = parsed(lines);
  REQUIRE(all.size() == 4);
  for (std::size_t i = 1; i < 4; ++i) CHECK(all[i]["size"] == 1 + i);
}

TEST_CASE("trace: written floats read back as the same bits", "[trace]") {
  detail::json_line line;
  std::size_t different = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const auto bits = philox4x32({i, 0, 0, 0}, 5)[0];
    const auto x = std::bit_cast<float>(bits);
    if (!std::isfinite(x)) continue;
    line.clear();
    line.number(x);
    const std::string text{line.text()};
    if (std::bit_cast<std::uint32_t>(json::parse(text).get<float>()) != bits) ++different;
  }
  CHECK(different == 0);
}

TEST_CASE("trace: record_rows gives the model's rows along a text, chunk by chunk", "[trace]") {
  testing::toy_backend model{9, testing::hashed_law<float>(3, 4)};
  tokens text{1};
  for (token t = 0; t < 50; ++t) text.push_back(t * 7 % 9);
  std::string lines;
  record_rows(model, text, 5, into(lines), {.top = 0});
  const auto read_back = read(lines);
  REQUIRE(read_back.size() == 1);
  CHECK(read_back[0].text == text);
  std::size_t at = 5;
  std::vector<float> law(9);
  for (const auto& step : read_back[0].steps)
    for (const auto& row : step.rows) {
      model.law()(std::span<const token>{text}.first(at++), law);
      REQUIRE(row.values.size() == 9);
      for (std::size_t i = 0; i < 9; ++i) CHECK(row.values[i] == std::log(law[i]));
    }
  CHECK(at == text.size());
  CHECK_THROWS_WITH(record_rows(model, text, 0, into(lines)), Catch::Contains("the prompt is a part of the text"));
}
