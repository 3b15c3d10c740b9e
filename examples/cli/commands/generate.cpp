#include "generate.hpp"

#include <iostream>
#include <limits>
#include <memory>

#include <unistd.h>

#include <hunch/core/error.hpp>
#include <hunch/gguf/chat.hpp>

#include "../commands.hpp"
#include "../prompts.hpp"
#include "../report.hpp"
#include "../usage.hpp"

namespace hunch::cli {
namespace {

bool wants_color(const std::string& color) {
  if (color != "auto") return color == "always";
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr && terminal != nullptr &&
         std::string{terminal} != "dumb";
}

void check(const generate_options& o) {
  if (o.max_tokens < -1) throw usage_error("-n: a number of tokens, or -1 for as many as fit");
  if (o.repeat != 1 && !o.compare) throw usage_error("--repeat belongs to --compare");
  for (const std::string& stop : o.stops)
    if (stop.empty()) throw usage_error("--stop: a stop string has at least one character");
}

void print_logprobs(const text_result& r, const gguf::tokenizer& tokenizer) {
  std::cout << "\nlog-probability  token\n";
  for (std::size_t i = 0; i < r.logprobs.size(); ++i) {
    const token t = r.text.tokens()[i];
    const std::string value = fixed(r.logprobs[i], 6);
    std::cout << std::string(15 - std::min<std::size_t>(15, value.size()), ' ') << value << "  "
              << json(std::string{tokenizer.piece(t)}).dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  }
}

int say(const generate_options& o, engine& models, const std::string& spec_text) {
  const auto prompt = encode_prompt(o, models.target());
  session speaker{models, parse_spec(spec_text), sampling_of(o, models.target(), prompt.size())};
  const bool as_json = o.output == "json";
  printer print{wants_color(o.color)};
  const auto r = speaker.run(prompt, request_of(o), as_json ? session::listener{} : std::ref(print));
  if (as_json) {
    print_json(result_json(o, spec_text, prompt.size(), r));
  } else {
    std::cout << '\n';
    if (o.logprobs) print_logprobs(r, models.target().tokenizer);
    check_stdout();
  }
  std::cerr << summary(r, prompt.size()) << '\n';
  return r.interrupted ? exit_interrupted : 0;
}

int generate(const generate_options& o) {
  check(o);
  const auto specs = chosen_specs(o.specs, o.flags);
  const std::string spec_text = specs.empty() ? "none" : specs.front();
  const spec parsed = parse_spec(spec_text);
  engine models{o.model, std::cerr};
  models.load_drafts(parsed);
  watch_for_interrupt();
  return o.compare ? compare(o, models, spec_text) : say(o, models, spec_text);
}

}  // namespace

void printer::operator()(answer& text) {
  for (auto piece = text.next_piece(); !piece.text.empty(); piece = text.next_piece()) {
    const bool tint = color_ && piece.drafted;
    std::cout << (tint ? "\033[32m" : "") << piece.text << (tint ? "\033[0m" : "");
  }
  check_stdout();
}

text_request request_of(const generate_options& o) {
  const auto most = o.max_tokens < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(o.max_tokens);
  return {most, o.stops, o.logprobs};
}

std::vector<token> encode_prompt(const generate_options& o, const model& target) {
  std::string text = o.file.empty() ? o.prompt : read_text(o.file);
  if (o.chat) {
    const gguf::chat_message message{"user", text};
    text = gguf::chat_format{target.file}.render({&message, 1}, true);
  }
  auto tokens = target.tokenizer.encode(text, {.add_special = true, .parse_special = o.chat});
  if (tokens.empty()) {
    if (!target.tokenizer.bos())
      throw error("the prompt is empty and the model has no begin-of-text token to start from; give -p or -f");
    tokens.push_back(*target.tokenizer.bos());
  }
  return tokens;
}

sampling_options sampling_of(const generate_options& o, const model& target, std::size_t prompt_tokens) {
  sampling_options out = o.sampling;
  if (o.wishes.any()) out.wishes = warper_of(o.wishes, target.tokenizer, prompt_tokens);
  return out;
}

std::string summary(const text_result& r, std::size_t prompt_tokens) {
  std::string out = std::to_string(r.stats.emitted) + " tokens, " + fixed(r.tokens_per_s(), 1) + " tok/s; prompt " +
                    std::to_string(prompt_tokens) + " tokens";
  if (r.prefill_s > 0) out += ", " + fixed(static_cast<double>(r.prefilled) / r.prefill_s, 1) + " tok/s";
  out += "; τ " + fixed(r.stats.tau(), 2) + ", α " + fixed(r.stats.alpha(), 2);
  return out + "; finish: " + (r.interrupted ? "interrupted" : name_of(r.end));
}

json result_json(const generate_options& o, const std::string& spec_text, std::size_t prompt_tokens,
                 const text_result& r) {
  json j{{"model", o.model.path},    {"spec", spec_text},         {"verify", name_of(o.sampling.verify)},
         {"text", r.text.text()},    {"tokens", r.text.tokens()}, {"prompt_tokens", prompt_tokens},
         {"finish", name_of(r.end)}, {"stats", stats_json(r)}};
  if (o.logprobs) j["logprobs"] = r.logprobs;
  return j;
}

void add_generate(CLI::App& program, action& chosen) {
  auto o = std::make_shared<generate_options>();
  auto& command = *program.add_subcommand("generate", "Write text");
  add_model_options(command, o->model);
  const char* group = "Text";
  auto* prompt =
      command.add_option("-p,--prompt", o->prompt, "Prompt, as it is; none: the model's begin-of-text token");
  prompt->type_name("TEXT")->group(group);
  command
      .add_option("-f,--file", o->file,
                  "Prompt from a file, - for standard input; one line break at the end is dropped")
      ->type_name("FILE")
      ->excludes(prompt)
      ->group(group);
  command.add_flag("--chat", o->chat, "Put the prompt into the file's chat template, as the user's message")
      ->group(group);
  command
      .add_option("-n,--predict,--n-predict", o->max_tokens,
                  "Most tokens to write; -1: until the text or the context ends")
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  command.add_option("--stop,-r,--reverse-prompt", o->stops, "End before this string; may be given several times")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all()
      ->group(group);
  add_wish_options(command, o->wishes);
  add_sampling_options(command, o->sampling);
  add_spec_options(command, o->specs, o->flags, false);
  add_draft_context(command, o->model);
  command
      .add_flag("--compare", o->compare,
                "First plain decoding, then the spec: speeds, and whether the texts are identical")
      ->group("Speculation");
  command.add_option("--repeat", o->repeat, "With --compare: runs of each, taking turns; medians are reported")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(1L, 1000L))
      ->group("Speculation");
  add_output_option(command, o->output, {"text", "json"});
  command
      .add_flag("--logprobs", o->logprobs,
                "Log-probability of each token under the model's own law (temperature 1, no filters)")
      ->group("Output");
  command.add_option("--color", o->color, "Tint accepted drafts; auto: on a terminal")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""))
      ->type_name("auto|always|never")
      ->capture_default_str()
      ->group("Output");
  command.callback([&chosen, o] { chosen = [o] { return generate(*o); }; });
}

}  // namespace hunch::cli
