// `hunch generate` with SmolLM2: the same text whatever guesses, clean JSON, ends that are said.
#include <cmath>

#include "program.hpp"

using namespace hunch::test;

namespace {

using list = std::vector<std::string>;

std::string model() { return model_path("smollm2").value_or("").string(); }

/// `hunch generate` on SmolLM2 with JSON; must end well.
run_result generate(const list& arguments) {
  return run_well({"generate", "-m", model(), "--output", "json"}, arguments);
}

const list story{"-p", "The cat sat on the mat. The dog sat on the", "-n", "24"};

list with(list a, const list& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("generate: JSON holds the documented keys and nothing else is on standard output", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto r = generate(with(story, {"--spec", "lookup:n=2,len=4"}));
  CHECK(keys_of(r.out) == list{"model", "spec", "verify", "text", "tokens", "prompt_tokens", "finish", "stats"});
  CHECK(keys_of(r.out, "stats") == list{"steps", "drafted", "tested", "accepted", "emitted", "truncated", "tau",
                                        "alpha", "draft_yield", "accepted_histogram", "prefill_s", "decode_s",
                                        "tokens_per_s", "draft_s", "verify_s"});
  const auto j = r.json();
  CHECK(j["spec"] == "lookup:n=2,len=4");
  CHECK(j["verify"] == "match");
  CHECK(j["finish"] == "length");
  CHECK(j["tokens"].size() == 24);
  CHECK(j["prompt_tokens"] == 12);
}

TEST_CASE("generate: the counts agree with each other", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto s = generate(with(story, {"--spec", "first(lookup:n=2|model:" + model() + ",len=3)"})).json()["stats"];
  const auto n = [&](const char* key) { return s[key].get<std::size_t>(); };
  CHECK(n("emitted") == 24);
  CHECK(n("emitted") + n("truncated") == n("accepted") + n("steps"));
  CHECK(n("accepted") <= n("tested"));
  CHECK(n("tested") <= n("drafted"));
  CHECK(n("accepted") > 0);
  std::size_t steps = 0;
  for (const auto& x : s["accepted_histogram"]) steps += x.get<std::size_t>();
  CHECK(steps == n("steps"));
  CHECK(s["tau"].get<double>() == Approx(24.0 / static_cast<double>(n("steps"))));
  CHECK(s["draft_s"].get<double>() + s["verify_s"].get<double>() == Approx(s["decode_s"].get<double>()));
  CHECK(s["tokens_per_s"].get<double>() == Approx(24 / s["decode_s"].get<double>()));
}

TEST_CASE("generate: the text is the same with every spec, greedy and sampled", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  for (const list& law : {list{}, list{"--temp", "0.8", "--seed", "3"},
                          list{"--temp", "0.9", "--top-k", "20", "--top-p", "0.9", "--min-p", "0.02"}}) {
    const auto plain = generate(with(story, law)).json();
    for (const std::string& spec : {std::string{"lookup:n=1,len=8"}, "model:" + model() + ",len=4"}) {
      const auto j = generate(with(with(story, law), {"--spec", spec})).json();
      INFO(spec);
      CHECK(j["tokens"] == plain["tokens"]);
      CHECK(j["text"] == plain["text"]);
      CHECK(j["stats"]["drafted"] > 0);
    }
  }
}

TEST_CASE("generate: a draft model that is the target is always right", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  for (const list& law : {list{}, list{"--temp", "0.8"}, list{"--temp", "0.8", "--verify", "rejection"}}) {
    const auto j = generate(with(with(story, law), {"-md", model(), "--draft-max", "3"})).json();
    CHECK(j["spec"] == "model:" + model() + ",len=3");
    CHECK(j["stats"]["alpha"] == 1.0);
  }
}

TEST_CASE("generate: a second run says the same, another seed something else", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto once = generate(with(story, {"--temp", "1", "-s", "5"})).json();
  CHECK(generate(with(story, {"--temp", "1", "-s", "5"})).json()["tokens"] == once["tokens"]);
  CHECK(generate(with(story, {"--temp", "1", "-s", "6"})).json()["tokens"] != once["tokens"]);
}

TEST_CASE("generate: a stop string ends the text before it, however drafts fall", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const list count{"-p",     "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, Monday, Tuesday,",
                   "-n",     "24",
                   "--stop", "Saturday,"};
  const auto plain = generate(count).json();
  CHECK(plain["finish"] == "stop");
  CHECK(plain["text"] == " Wednesday, Thursday, Friday, ");
  const auto drafted = generate(with(count, {"--spec", "lookup:n=2,len=16"})).json();
  CHECK(drafted["text"] == plain["text"]);
  CHECK(drafted["tokens"] == plain["tokens"]);
  CHECK(drafted["stats"]["emitted"] == drafted["tokens"].size());
  CHECK(drafted["stats"]["truncated"] > 0);
  const auto n = [&](const char* key) { return drafted["stats"][key].get<std::size_t>(); };
  CHECK(n("emitted") + n("truncated") == n("accepted") + n("steps"));
}

TEST_CASE("generate: the ends of text, length and context are told apart", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto eos = generate({"--chat", "-p", "Say only the word yes.", "-n", "200"}).json();
  CHECK(eos["finish"] == "eos");
  CHECK(eos["text"].get<std::string>().find("<|im_end|>") == std::string::npos);
  const auto on = generate({"--chat", "-p", "Say only the word yes.", "-n", "200", "--ignore-eos"}).json();
  CHECK(on["finish"] == "length");
  CHECK(on["tokens"].size() == 200);
  const auto full = generate({"-p", "Once upon a time", "-n", "-1", "-c", "32", "--ignore-eos"}).json();
  CHECK(full["finish"] == "context");
  CHECK(full["prompt_tokens"].get<std::size_t>() + full["tokens"].size() == 33);  // the last one needs no place
  CHECK(generate({"-p", "Once", "-n", "0"}).json()["tokens"].empty());
}

TEST_CASE("generate: a prompt from a pipe or a file loses one line break at its end", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto by_flag = generate({"-p", "Once upon a time", "-n", "5"}).json();
  const auto piped = run_program({"generate", "-m", model(), "--output", "json", "-f", "-", "-n", "5"},
                                 "printf 'Once upon a time\\n' |");
  REQUIRE(piped.code == 0);
  CHECK(piped.json()["tokens"] == by_flag["tokens"]);
  CHECK(piped.json()["prompt_tokens"] == by_flag["prompt_tokens"]);
}

TEST_CASE("generate: without a prompt the text starts from the begin-of-text token", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  CHECK(generate({"-n", "3"}).json()["prompt_tokens"] == 1);
}

TEST_CASE("generate: log-probabilities are those of plain decoding, whatever was drafted or warped", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto plain = generate(with(story, {"--logprobs"})).json();
  REQUIRE(plain["logprobs"].size() == plain["tokens"].size());
  for (const auto& x : plain["logprobs"]) CHECK(x.get<double>() < 0);
  const auto drafted = generate(with(story, {"--logprobs", "--spec", "model:" + model() + ",len=5"})).json();
  CHECK(drafted["logprobs"] == plain["logprobs"]);
  // Temperature 0.001 says the same text; its log-probabilities are still the model's own.
  const auto cold = generate(with(story, {"--logprobs", "--temp", "0.001"})).json();
  REQUIRE(cold["tokens"] == plain["tokens"]);
  CHECK(cold["logprobs"] == plain["logprobs"]);
}

TEST_CASE("generate: text mode prints the text on standard output and one line on standard error", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto j = generate(story).json();
  const auto r = run_program(with({"generate", "-m", model()}, story));
  CHECK(r.code == 0);
  CHECK(r.out == j["text"].get<std::string>() + "\n");
  CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
  CHECK(r.err.find("24 tokens, ") == 0);
}

TEST_CASE("generate: accepted drafts are tinted on request, and the text is the same", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const list all = with(with({"generate", "-m", model(), "--spec", "model:" + model()}, story), {"--color"});
  auto tinted = run_program(with(all, {"always"})).out;
  const auto plain = run_program(with(all, {"never"})).out;
  CHECK(tinted != plain);
  for (const std::string mark : {"\033[32m", "\033[0m"})
    for (std::size_t at = 0; (at = tinted.find(mark)) != std::string::npos;) tinted.erase(at, mark.size());
  CHECK(tinted == plain);
}

TEST_CASE("generate --compare: ends with both speeds, the speed-up, tau, and identical: yes", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto r = run_program(with({"generate", "-m", model(), "--spec", "lookup:n=2,len=8", "--compare"}, story));
  INFO(r.out);
  CHECK(r.code == 0);
  std::size_t at = 0;
  for (const char* part : {"plain: ", " tok/s\n", "lookup:n=2,len=8: ", " tok/s\n", "speed-up: ", "τ: "}) {
    at = r.out.find(part, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(r.out.substr(r.out.size() - 15) == "identical: yes\n");
}

TEST_CASE("generate --compare: JSON adds the comparison; sampled rejection texts are not compared", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto j = generate(with(story, {"--spec", "lookup", "--compare", "--repeat", "2"})).json();
  CHECK(j["compare"]["identical"] == true);
  CHECK(j["compare"]["repeat"] == 2);
  CHECK(j["compare"]["speedup"].get<double>() ==
        Approx(j["compare"]["tokens_per_s"].get<double>() / j["compare"]["plain_tokens_per_s"].get<double>()));
  const auto sampled =
      generate(with(story, {"--spec", "lookup", "--compare", "--temp", "1", "--verify", "rejection"})).json();
  CHECK(sampled["compare"]["identical"].is_null());
}

TEST_CASE("generate: what cannot be done ends with exit code 1 and a reason", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  check_refused(run_program({"generate", "-m", model(), "-p", "one two three four five six", "-c", "4"}), 1,
                "raise -c or shorten the prompt");
  check_refused(run_program({"generate", "-m", model(), "-f", "/nowhere"}), 1, "cannot read '/nowhere'");
  check_refused(run_program({"generate", "-m", model(), "--spec", "model:/nowhere.gguf"}), 1, "/nowhere.gguf");
  check_refused(run_program({"generate", "-m", model(), "--device", "tpu"}), 1, "there is no device 'tpu'");
  check_refused(run_program({"generate", "-m", model(), "--device", "cuda:99"}), 1,
                "cuda: ");  // no machine has so many
}

TEST_CASE("generate: a draft model of another vocabulary is refused with the difference", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto gemma = model_path("gemma");
  if (!gemma) HUNCH_SKIP(absent_model("gemma"));
  check_refused(run_program({"generate", "-m", model(), "-md", gemma->string(), "-p", "Hi"}), 1,
                "it has 262144 tokens, the target 49152");
}

TEST_CASE("generate: Ctrl-C ends with what was said, the summary and exit code 130", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto r =
      run_program({"generate", "-m", model(), "-p", "Once upon a time", "-n", "-1", "--ignore-eos", "--output", "json"},
                  "timeout --preserve-status -s INT 2");
  INFO(r.err);
  CHECK(r.code == 130);
  const auto j = r.json();
  CHECK(j["finish"] == "stop");
  CHECK(j["tokens"].size() == j["stats"]["emitted"]);
  CHECK(r.err.find("finish: interrupted") != std::string::npos);
}

TEST_CASE("generate: a full disk is an error, not silence", "[cli]") {
  if (model().empty()) HUNCH_SKIP(absent_model("smollm2"));
  const auto r =
      run_program({"-c", std::string{HUNCH_PROGRAM} + " generate -m '" + model() + "' -p Hi -n 2 >/dev/full"},
                  "sh -c 'shift; exec sh \"$@\"' sh");
  CHECK(r.code == 1);
  CHECK(r.err.find("hunch: standard output cannot be written") != std::string::npos);
}
