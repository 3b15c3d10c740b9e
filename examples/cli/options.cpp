#include "options.hpp"

#include <map>

#include "spec.hpp"
#include "usage.hpp"

namespace hunch::cli {

namespace {

constexpr const char* rule_names[] = {"match", "rejection", "block", "traversal", "multi-round", "k-seq", "spechub"};

}  // namespace

const char* name_of(verify_rule rule) noexcept { return rule_names[static_cast<std::size_t>(rule)]; }

bool judges_independent_draws(verify_rule rule) noexcept {
  return rule == verify_rule::multi_round || rule == verify_rule::k_sequence || rule == verify_rule::spec_hub;
}

void add_model_options(CLI::App& command, model_options& o) {
  const char* group = "Model";
  command.add_option("-m,--model", o.path, "GGUF file of the target model")
      ->type_name("FILE")
      ->required()
      ->group(group);
  command.add_option("-t,--threads", o.threads, "Threads; 0: all cores")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(0L, 1024L))
      ->group(group);
  command.add_option("--device", o.device, "Where models run: cpu, cuda, or cuda:N for the GPU of that number")
      ->capture_default_str()
      ->type_name("DEVICE")
      ->group(group);
  command.add_option("-c,--ctx-size", o.context, "Tokens that a text can have; 0: what the file says")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(0L, 1L << 30))
      ->group(group);
}

void add_draft_context(CLI::App& command, model_options& o) {
  command.add_option("--ctx-size-draft", o.draft_context, "The same of draft models, also -cd; 0: as the target")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(0L, 1L << 30))
      ->group("Speculation");
}

void add_sampling_options(CLI::App& command, sampling_options& o) {
  const char* group = "Sampling (applied in this order: top-k, top-p, min-p, temperature)";
  command.add_option("--top-k", o.top_k, "Keep the k most likely tokens; 0: all")
      ->capture_default_str()
      ->type_name("N")
      ->check(in_range(0L, 1L << 30))
      ->group(group);
  command.add_option("--top-p", o.top_p, "Keep the most likely tokens that reach this probability; 1: all")
      ->capture_default_str()
      ->type_name("X")
      ->check(in_range(1e-6, 1.0))
      ->group(group);
  command.add_option("--min-p", o.min_p, "Keep tokens at least this share as likely as the most likely one; 0: all")
      ->capture_default_str()
      ->type_name("X")
      ->check(in_range(0.0, 1.0))
      ->group(group);
  command.add_option("--temp,--temperature", o.temperature, "Temperature; 0: always the most likely token")
      ->capture_default_str()
      ->type_name("X")
      ->check(in_range(0.0, 100.0))
      ->group(group);
  command.add_option("-s,--seed", o.seed, "Seed; the same seed gives the same text")
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  command.add_flag("--ignore-eos", o.ignore_eos, "Go on after tokens that end a text")->group(group);
  std::map<std::string, verify_rule> rules;
  std::string names;
  for (const char* name : rule_names) {
    names += (names.empty() ? "" : "|") + std::string{name};
    rules.emplace(name, static_cast<verify_rule>(rules.size()));
  }
  command
      .add_option("--verify", o.verify,
                  "How drafts are judged. match: the text of plain decoding, token by token; "
                  "the others: the same law, and more drafts accepted above temperature 0; block is best for chains, "
                  "traversal for trees; multi-round, k-seq and spechub judge independent draws, for comparison")
      ->transform(CLI::CheckedTransformer(rules).description(""))
      ->type_name(names)
      ->default_str("match")
      ->group("Speculation");
}

void add_spec_options(CLI::App& command, std::vector<std::string>& specs, draft_flags& flags, bool several) {
  const char* group = "Speculation";
  auto* option = command.add_option(
      "--spec", specs,
      several ? "Spec to measure; may be given several times (see below)" : "What guesses (see below)");
  option->type_name("SPEC")->group(group);
  if (several)
    option->expected(1)->take_all();
  else
    option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw)->default_str("none");

  const char* aliases = "Speculation, as llama.cpp spells it";
  command.add_option("--model-draft,--spec-draft-model", flags.model, "Draft model, also -md; as --spec model:FILE")
      ->type_name("FILE")
      ->group(aliases);
  command.add_option("--spec-type", flags.type, "none, draft-simple, ngram-simple, or a list by priority")
      ->type_name("TYPE")
      ->group(aliases);
  command
      .add_option("--spec-draft-n-max,--draft-max,--draft-n,--draft", flags.longest, "Tokens to draft: len of model")
      ->type_name("N")
      ->group(aliases);
  command.add_option("--spec-draft-n-min,--draft-min,--draft-n-min", flags.shortest, "Only 0")
      ->type_name("N")
      ->group(aliases);
  command.add_option("--spec-draft-p-min,--draft-p-min", flags.probability, "Only 0")->type_name("P")->group(aliases);
  command.add_option("--spec-ngram-size-n", flags.ngram, "Tokens that must match: n of lookup")
      ->type_name("N")
      ->group(aliases);
  command.add_option("--spec-ngram-size-m", flags.ngram_longest, "Tokens to draft: len of lookup")
      ->type_name("N")
      ->group(aliases);
  command.footer(spec_help());
}

void add_output_option(CLI::App& command, std::string& output, const std::vector<std::string>& forms) {
  output = forms.front();
  std::string names;
  for (const std::string& form : forms) names += (names.empty() ? "" : "|") + form;
  command.add_option("--output", output, "Form of the result on standard output")
      ->check(CLI::IsMember(forms).description(""))
      ->type_name(names)
      ->capture_default_str()
      ->group("Output");
}

std::vector<std::string> chosen_specs(const std::vector<std::string>& specs, const draft_flags& flags) {
  if (!flags.any()) return specs;
  if (!specs.empty()) throw usage_error("give either --spec or llama.cpp's draft flags, not both");
  return {to_spec(flags)};
}

std::vector<std::string> with_long_flags(int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    out.push_back(a == "-md" ? "--model-draft" : a == "-cd" ? "--ctx-size-draft" : a);
  }
  return out;
}

}  // namespace hunch::cli
