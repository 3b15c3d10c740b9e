// Policies over a replayed trace do what they do over the models themselves.
#include <hunch/testing/laws.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "support/catch.hpp"
#include "trace/recording.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;
using replay::replay_backend;
using replay::rows_given;

namespace {

constexpr std::size_t vocab = 24;
constexpr std::size_t length = 150;

/// A draft that often agrees with the target: the mean of the target's law and of another one.
toy_law<float> draft_law() {
  return [target = hashed_law<float>(1, 9), other = hashed_law<float>(2, 6)](std::span<const token> context,
                                                                             std::span<float> row) {
    std::vector<float> second(row.size());
    target(context, row);
    other(context, second);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] + second[i]) / 2;
  };
}

struct models {
  toy_backend target{vocab, hashed_law<float>(1, 9)};
  toy_backend draft{vocab, draft_law()};
  tokens prompt{3, 1, 4, 1, 5};
  request wish{.random = philox{11}, .max_tokens = length};
};

/// The same policies over models and over their traces: `policy(draft backend)` is a drafter.
template <class W>
struct both_worlds {
  models real;
  W warp;
  replay_backend target;
  replay_backend draft;

  both_worlds(W w, std::size_t top, std::size_t by_noise)
      : warp{w},
        target{read(plain_trace(real.target, w, real.prompt, real.wish, {.top = top}))},
        draft{read(draft_trace(top, by_noise))} {}

  std::string draft_trace(std::size_t top, std::size_t by_noise) {
    const tokens text = run(real.target, no_draft{}, match(warp), real.prompt, real.wish).text;
    std::string lines;
    record_rows(real.draft, text, real.prompt.size(), into(lines), {.top = top},
                first_by_noise(real.wish.random, warp, by_noise));
    return lines;
  }
  template <class Policy>
  void same(const Policy& policy) {
    const outcome in_truth = run(real.target, policy(real.draft), match(warp), real.prompt, real.wish);
    const outcome replayed = run(target, policy(draft), match(warp), real.prompt, real.wish);
    CHECK(replayed == in_truth);
    CHECK(in_truth.steps < length);  // something was accepted
  }
};

}  // namespace

TEST_CASE("replay: greedy policies accept what they accept over the models", "[replay]") {
  both_worlds w{greedy{}, 4, 0};
  w.same([](auto& d) { return with_length(model_drafter(d, greedy{}), fixed_length{4}); });
  w.same([](auto& d) { return with_length(model_drafter(d, greedy{}), plus_two_minus_one{}); });
  w.same([](auto& d) { return gumbel_top_k(d, greedy{}, {3, 2, 1}); });
  w.same([](auto&) { return with_length(prompt_lookup{2}, fixed_length{5}); });
  w.same([](auto&) { return with_length(suffix_automaton(), fixed_length{5}); });
}

TEST_CASE("replay: at T = 0.8 coupled policies accept what they accept over the models", "[replay]") {
  const auto warp = temperature(0.8f);
  both_worlds w{warp, 2, 3};
  w.same([&](auto& d) { return with_length(coupled_model_drafter(d, warp), fixed_length{4}); });
  w.same([&](auto& d) { return with_length(coupled_model_drafter(d, warp), plus_two_minus_one{}); });
  w.same([&](auto& d) { return coupled_gumbel_top_k(d, warp, {3, 2}); });
  w.same([](auto&) { return with_length(prompt_lookup{2}, fixed_length{5}); });
}

TEST_CASE("replay: drafts with noise of their own are the models' where whole rows were kept", "[replay]") {
  const auto warp = temperature(0.8f);
  both_worlds w{warp, 0, 0};
  w.same([&](auto& d) { return with_length(model_drafter(d, warp), fixed_length{4}); });
  w.same([&](auto& d) { return with_length(model_drafter(d, warp), specdec_pp{calibrated_confidence{}, 0.7}); });
  w.same([&](auto& d) { return with_length(model_drafter(d, warp), confidence_stop{0.3f}); });
  w.same([&](auto& d) { return gumbel_top_k(d, warp, {3, 2, 1}); });
}

TEST_CASE("replay: a trace of a policy plays back as well as one of plain decoding", "[replay]") {
  models real;
  const auto warp = temperature(0.8f);
  const auto policy = [&](auto& d) { return gumbel_top_k(d, warp, {2, 2}); };
  std::string lines;
  auto decoder = speculate(real.target, policy(real.draft), match(warp), trace_recorder{into(lines), {.top = 3}});
  decoder.start(real.prompt, real.wish);
  while (decoder.status() == status::running) decoder.step();
  const auto texts = read(lines);
  REQUIRE(texts.size() == 1);
  CHECK(texts[0].text == tokens(decoder.text().begin(), decoder.text().end()));
  CHECK(texts[0].steps.front().laws.size() == 3);  // of the root and of its two children

  replay_backend target{texts};
  const outcome same = run(target, policy(real.draft), match(warp), real.prompt, real.wish);
  CHECK(same.text == texts[0].text);
  CHECK(same.steps == texts[0].steps.size());
  CHECK(target.unknown() == 0);  // the very trees were recorded
  CHECK(target.given() > 2 * same.steps);
}

TEST_CASE("replay: a trace without the decided tokens leaves the text", "[replay]") {  // negative control
  models real;
  const auto warp = temperature(0.8f);
  const std::string lines = plain_trace(real.target, warp, real.prompt, real.wish, {.top = 1});
  auto texts = read(lines);
  const auto said = texts[0].text;
  const auto replayed = [&] {
    replay_backend target{texts};
    return run(target, no_draft{}, match(warp), real.prompt, real.wish).text;
  };
  CHECK(replayed() == said);
  for (auto& step : texts[0].steps) {
    auto& row = step.rows[0];
    const auto best = std::ranges::max_element(row.values) - row.values.begin();
    row = {{row.ids[static_cast<std::size_t>(best)]}, {0.0f}};
  }
  CHECK(replayed() != said);
}

TEST_CASE("replay: a cut that depends on the whole row needs the rows as decided", "[replay]") {
  models real;
  const auto warp = top_p(0.9f) | temperature(1.5f);
  const auto texts = read(plain_trace(real.target, warp, real.prompt, real.wish, {.top = 1}));
  const auto replayed = [&](rows_given given) {
    replay_backend target{texts, given};
    return run(target, with_length(prompt_lookup{2}, fixed_length{5}), match(warp), real.prompt, real.wish);
  };
  const outcome in_truth =
      run(real.target, with_length(prompt_lookup{2}, fixed_length{5}), match(warp), real.prompt, real.wish);
  CHECK(replayed(rows_given::decided) == in_truth);
  CHECK(replayed(rows_given::recorded).text != in_truth.text);
}

TEST_CASE("replay: several texts that share a beginning play back each", "[replay]") {
  models real;
  const auto warp = temperature(0.8f);
  std::string lines;
  std::vector<tokens> said;
  auto decoder = speculate(real.target, no_draft{}, match(warp), trace_recorder{into(lines), {.top = 2}});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    decoder.start(real.prompt, {.random = philox{seed}, .max_tokens = 40});
    while (decoder.status() == status::running) decoder.step();
    said.emplace_back(decoder.text().begin(), decoder.text().end());
  }
  const auto texts = read(lines);
  REQUIRE(texts.size() == 5);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CHECK(texts[seed].text == said[seed]);
    replay_backend alone{std::span{texts}.subspan(seed, 1)};
    CHECK(run(alone, no_draft{}, match(warp), real.prompt, {.random = philox{seed}, .max_tokens = 40}).text ==
          said[seed]);
    CHECK(alone.unknown() == 0);
  }
}

TEST_CASE("replay: texts with withdrawn tokens are those of the decoder", "[replay]") {
  models real;
  std::string lines;
  auto decoder = speculate(real.target, gumbel_top_k(real.draft, greedy{}, {2, 1}), match(greedy{}),
                           trace_recorder{into(lines), {.top = 2}});
  decoder.start(real.prompt, {.max_tokens = 60, .stop = [](std::span<const token> text, std::size_t) {
                                return text.size() >= 40 ? std::size_t{20} : text.size();
                              }});
  while (decoder.status() == status::running) decoder.step();
  REQUIRE(decoder.text().size() == 20);
  const auto texts = read(lines);
  CHECK(texts[0].text == tokens(decoder.text().begin(), decoder.text().end()));
  CHECK(texts[0].steps.back().withdrawn > 10);
  CHECK(replay_backend{texts}.vocab_size() == vocab);
}

TEST_CASE("replay: the backend keeps the laws of backends, on recorded and on unknown contexts", "[replay]") {
  models real;
  const auto texts = read(plain_trace(real.target, greedy{}, real.prompt, real.wish, {}));
  CHECK(backend_laws([&] { return replay_backend{texts, rows_given::recorded, 4096}; }) == std::vector<std::string>{});
}

TEST_CASE("replay: no text and different vocabularies are refused", "[replay]") {
  CHECK_THROWS_WITH(replay_backend{std::span<const replay::recorded_text>{}}, "replay: there is no recorded text");
  const std::string header = R"({"format":"hunch-trace","version":1,"vocab":)";
  const std::string rest = R"(,"top":1,"seed":0,"about":"","text":[1]})";
  const auto texts = read(header + "3" + rest + "\n" + header + "4" + rest + "\n");
  CHECK_THROWS_WITH(replay_backend{texts}, "replay: texts of vocabularies of 3 and 4 tokens; replay them apart");
}

namespace {

const std::string beginning =
    R"({"format":"hunch-trace","version":1,"vocab":5,"top":1,"seed":0,"about":"","text":[4,2]})"
    "\n";

/// A step of one node.
std::string step_of(std::size_t size, token root, const char* row, token next) {
  return R"({"size":)" + std::to_string(size) + R"(,"tokens":[)" + std::to_string(root) + R"(],"parents":[-1],"p":[)" +
         row + R"(],"q":[],"path":[0],"next":)" + std::to_string(next) +
         R"(,"emitted":1,"truncated":0,"withdrawn":0})" + "\n";
}
/// The row after a text.
std::vector<float> row_after(replay_backend& b, replay_backend::sequence& s, const tokens& text) {
  b.rewind(s, 0);
  b.prefill(s, std::span{text}.first(text.size() - 1));
  draft_tree root{5};
  root.reset(text.back());
  const auto row = b.forward(s, root.view())[0];
  std::vector<float> out{row.begin(), row.end()};
  b.commit(s, {});
  return out;
}

constexpr float none = -std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("replay: a context gives its row, another one a flat row, in any order and after rewinding", "[replay]") {
  const auto texts = read(beginning + step_of(2, 2, "[[1,3],[0.5,-2]]", 1) + step_of(3, 1, "[[0],[7]]", 0));
  replay_backend b{texts};
  auto s = b.open();
  for (int i = 0; i < 2; ++i) {
    CHECK(row_after(b, s, {4, 2}) == std::vector<float>{none, 0.5f, none, -2, none});
    CHECK(row_after(b, s, {4, 3}) == std::vector<float>(5, 0.0f));
    CHECK(row_after(b, s, {4, 2, 1}) == std::vector<float>{7, none, none, none, none});
    CHECK(row_after(b, s, {2}) == std::vector<float>(5, 0.0f));
  }
  CHECK(b.given() == 8);
  CHECK(b.unknown() == 4);
}

TEST_CASE("replay: tokens that different texts kept of one row are together", "[replay]") {
  const auto texts =
      read(beginning + step_of(2, 2, "[[1,3],[0.5,-2]]", 1) + beginning + step_of(2, 2, "[[0,1,4],[-1,0.5,-3]]", 4));
  replay_backend b{texts};
  auto s = b.open();
  CHECK(row_after(b, s, {4, 2}) == std::vector<float>{-1, 0.5f, none, -2, -3});
}

TEST_CASE("replay: what was truncated is no part of later contexts", "[replay]") {
  const std::string cut = R"({"size":2,"tokens":[2,1],"parents":[-1,0],"p":[[[1],[2]],[[3],[7]]],"q":[],)"
                          R"("path":[0,1],"next":3,"emitted":1,"truncated":1,"withdrawn":0})"
                          "\n";
  const auto texts = read(beginning + cut + step_of(3, 1, "[[0],[6]]", 0) + step_of(4, 0, "[[2],[9]]", 2));
  replay_backend b{texts};
  auto s = b.open();
  CHECK(row_after(b, s, {4, 2, 1, 0}) == std::vector<float>{none, none, 9, none, none});
  CHECK(b.unknown() == 0);
}
