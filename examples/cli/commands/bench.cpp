// `hunch bench`: what specs bring on a file of prompts, next to plain decoding.
#include <algorithm>
#include <iostream>
#include <memory>

#include <hunch/core/error.hpp>
#include <hunch/gguf/chat.hpp>

#include "../commands.hpp"
#include "../engine.hpp"
#include "../prompts.hpp"
#include "../report.hpp"
#include "../session.hpp"
#include "../tally.hpp"
#include "../usage.hpp"

namespace hunch::cli {
namespace {

struct bench_options {
  model_options model;
  std::string prompts;
  long limit = 0;
  long max_tokens = 128;
  bool raw = false;  // no chat template
  sampling_options sampling;
  std::vector<std::string> specs;
  draft_flags flags;
  std::string output;
};

/// One prompt under one spec: a cost, and each turn's answer.
struct outcome {
  prompt_cost cost;
  std::vector<answer> answers;  // [turn]
  bool interrupted = false;
};

/// Plain decoding, then each spec once.
std::vector<std::string> specs_of(const bench_options& o) {
  const auto chosen = chosen_specs(o.specs, o.flags);
  if (chosen.empty()) throw usage_error("bench: what shall be measured? give --spec SPEC");
  std::vector<std::string> specs{"none"};
  for (const std::string& s : chosen)
    if (parse_spec(s).name() != "none" && std::find(specs.begin(), specs.end(), s) == specs.end()) specs.push_back(s);
  return specs;
}

class bench {
 public:
  explicit bench(const bench_options& o)
      : o_{o},
        specs_{specs_of(o)},
        prompts_{read_prompts(o.prompts, static_cast<std::size_t>(o.limit))},
        models_{o.model, std::cerr} {
    for (const std::string& s : specs_) models_.load_drafts(parse_spec(s));
    if (!o.raw) chat_.emplace(models_.target().file);
  }

  int run() {
    watch_for_interrupt();
    warm_up();
    for (std::size_t i = 0; i < prompts_.size() && !interrupted(); ++i) {
      std::cerr << "[" << i + 1 << "/" << prompts_.size() << "] " << prompts_[i].category << " " << prompts_[i].id
                << ":";
      measure(prompts_[i]);
      std::cerr << '\n';
    }
    report();
    return interrupted() ? exit_interrupted : 0;
  }

 private:
  /// The tokens of turn `at` after the answers of the turns before.
  [[nodiscard]] std::vector<token> encode(const bench_prompt& p, std::size_t at, const std::vector<answer>& answers) {
    const auto& tokenizer = models_.target().tokenizer;
    if (!chat_) {
      std::string text;
      for (std::size_t i = 0; i < at; ++i) text += p.turns[i] + "\n" + std::string{answers[i].text()} + "\n";
      return tokenizer.encode(text + p.turns[at]);
    }
    std::vector<gguf::chat_message> messages;
    for (std::size_t i = 0; i < at; ++i) {
      messages.push_back({"user", p.turns[i]});
      messages.push_back({"assistant", std::string{answers[i].text()}});
    }
    messages.push_back({"user", p.turns[at]});
    return tokenizer.encode(chat_->render(messages, true), {.add_special = true, .parse_special = true});
  }

  /// All turns of a prompt in a new session. Later turns go on from the answers of `plain` where it is given, so that
  /// every spec works on the same conversation.
  [[nodiscard]] outcome answer_all(const std::string& spec_text, const bench_prompt& p, std::size_t most,
                                   const outcome* plain) {
    session speaker{models_, parse_spec(spec_text), o_.sampling};
    outcome out;
    for (std::size_t turn = 0; turn < p.turns.size() && !out.interrupted; ++turn) try {
        auto r = speaker.run(encode(p, turn, plain == nullptr ? out.answers : plain->answers), {.max_tokens = most});
        out.cost.add(r.stats, r.decode_s);
        out.answers.push_back(std::move(r.text));
        out.interrupted = r.interrupted;
      } catch (const prompt_too_long&) {
        throw;
      } catch (const error& e) {
        throw error("prompt " + p.id + ", turn " + std::to_string(turn + 1) + ": " + e.what());
      }
    return out;
  }

  /// A few tokens with each spec, of the first prompt that fits.
  void warm_up() {
    for (const bench_prompt& p : prompts_) try {
        for (const std::string& s : specs_) (void)answer_all(s, {p.id, p.category, {p.turns.front()}}, 4, nullptr);
        return;
      } catch (const prompt_too_long&) {
      }
    throw error("bench: no prompt of '" + o_.prompts + "' fits the context; raise -c");
  }

  /// A prompt that does not fit is left out, and the others are not lost.
  void measure(const bench_prompt& p) try {
    const auto most = static_cast<std::size_t>(o_.max_tokens);
    std::vector<measurement> found;
    const outcome plain = answer_all("none", p, most, nullptr);
    if (plain.interrupted) return;
    found.push_back({"none", p.category, plain.cost, plain.cost, true});
    std::cerr << " plain " << fixed(plain.cost.tokens_per_s(), 1) << std::flush;
    for (std::size_t i = 1; i < specs_.size(); ++i) {
      const outcome r = answer_all(specs_[i], p, most, &plain);
      if (r.interrupted) return;
      found.push_back({specs_[i], p.category, plain.cost, r.cost, compare(plain, r)});
      std::cerr << ", " << label_of(specs_[i]) << " " << fixed(r.cost.tokens_per_s(), 1) << std::flush;
    }
    std::cerr << " tok/s";
    measured_.insert(measured_.end(), found.begin(), found.end());
  } catch (const prompt_too_long& e) {
    left_out_.push_back(p.id);
    std::cerr << " left out: " << e.what();
  }

  /// Nothing where texts follow one law and are not one text.
  [[nodiscard]] std::optional<bool> compare(const outcome& plain, const outcome& r) const {
    if (!o_.sampling.greedy() && o_.sampling.verify != verify_rule::match) return std::nullopt;
    return std::equal(
        plain.answers.begin(), plain.answers.end(), r.answers.begin(), r.answers.end(),
        [](const answer& a, const answer& b) { return a.tokens() == b.tokens() && a.text() == b.text(); });
  }

  void report() const {
    const auto rows = summarize(measured_);
    if (o_.output == "json")
      print_json(to_json(rows));
    else
      print_table(rows);
  }

  [[nodiscard]] json to_json(const std::vector<bench_row>& rows) const {
    json list = json::array();
    for (const bench_row& r : rows)
      list.push_back({{"spec", r.spec},
                      {"category", r.category},
                      {"prompts", r.prompts},
                      {"tokens", r.tokens},
                      {"tokens_per_s", r.tokens_per_s},
                      {"speedup", r.speedup},
                      {"speedup_mean", r.speedup_mean},
                      {"tau", r.tau},
                      {"alpha", r.alpha},
                      {"draft_yield", r.draft_yield},
                      {"identical", r.identical ? json(*r.identical) : json(nullptr)}});
    const auto& backend = backend_of();
    return {{"model", o_.model.path},
            {"machine", machine_json(backend)},
            {"threads", backend.about().threads()},
            {"left_out", left_out_},
            {"rows", list}};
  }

  void print_table(const std::vector<bench_row>& rows) const {
    table t{{"spec", "category", "prompts", "tokens", "tok/s", "speed-up", "mean", "τ", "α", "yield", "identical"}, 2};
    for (const bench_row& r : rows)
      t.add({label_of(r.spec), r.category, std::to_string(r.prompts), std::to_string(r.tokens),
             fixed(r.tokens_per_s, 1), fixed(r.speedup, 2), fixed(r.speedup_mean, 2), fixed(r.tau, 2),
             fixed(r.alpha, 2), fixed(r.draft_yield, 2), yes_no(r.identical)});
    std::cout << o_.model.path << "; " << machine_line(backend_of()) << "\n\n";
    t.print(std::cout);
    std::cout << "\ntok/s: all tokens ÷ all decode seconds; speed-up: ratio of those; mean: of the prompts' ratios; "
                 "τ: tokens ÷ steps;\nα: accepted ÷ tested drafts; yield: accepted ÷ drafted\n";
    for (std::size_t i = 0; i < left_out_.size(); ++i)
      std::cout << (i == 0 ? "left out, since the context does not hold them: " : ", ") << left_out_[i]
                << (i + 1 == left_out_.size() ? "\n" : "");
    check_stdout();
  }

  [[nodiscard]] const device_backend& backend_of() const { return models_.target().backend; }

  const bench_options& o_;
  std::vector<std::string> specs_;  // "none" first
  std::vector<bench_prompt> prompts_;
  engine models_;
  std::optional<gguf::chat_format> chat_;
  std::vector<measurement> measured_;
  std::vector<std::string> left_out_;  // ids of prompts that are too long
};

}  // namespace

void add_bench(CLI::App& program, action& chosen) {
  auto o = std::make_shared<bench_options>();
  auto& command = *program.add_subcommand("bench", "Measure specs on a file of prompts, next to plain decoding");
  add_model_options(command, o->model);
  const char* group = "Prompts";
  command
      .add_option("--prompts", o->prompts,
                  R"(JSON Lines: {"question_id", "category", "turns": […]}, as Spec-Bench has them; )"
                  "MT-bench's categories are reported as mt_bench")
      ->required()
      ->type_name("FILE")
      ->group(group);
  command.add_option("--limit", o->limit, "Only the first prompts of the file; 0: all")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(0L, 1L << 30))
      ->group(group);
  command.add_option("-n,--predict,--n-predict", o->max_tokens, "Most tokens of an answer")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(1L, 1L << 30))
      ->group(group);
  command.add_flag("--raw", o->raw, "Prompts as they are, without the file's chat template")->group(group);
  add_sampling_options(command, o->sampling);
  add_spec_options(command, o->specs, o->flags, true);
  add_draft_context(command, o->model);
  add_output_option(command, o->output, {"table", "json"});
  command.callback([&chosen, o] { chosen = [o] { return bench{*o}.run(); }; });
}

}  // namespace hunch::cli
