// `hunch perplexity`: how well the model predicts a text, with the conventions of llama.cpp's llama-perplexity.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <numeric>

#include <hunch/core/draft_tree.hpp>
#include <hunch/core/error.hpp>
#include <hunch/sampling/logprobs.hpp>

#include "../commands.hpp"
#include "../engine.hpp"
#include "../prompts.hpp"
#include "../report.hpp"
#include "../session.hpp"
#include "../usage.hpp"

namespace hunch::cli {
namespace {

constexpr std::size_t window = 512;
constexpr std::size_t first_scored = window / 2 + 1;  // tokens 257 … 511 of a window, given all before them
constexpr std::size_t rows_at_once = 64;

struct perplexity_options {
  model_options model;
  std::string file;
  std::string output;
};

struct score {
  double loss = 0;  // negative natural logarithms
  double squares = 0;
  std::size_t scored = 0;

  [[nodiscard]] double perplexity() const { return std::exp(loss / static_cast<double>(scored)); }
  /// Of the perplexity, as llama.cpp has it.
  [[nodiscard]] double standard_error() const {
    const double n = static_cast<double>(scored);
    const double mean = loss / n;
    const double variance = squares / n - mean * mean;
    return variance > 0 && scored > 1 ? std::sqrt(variance / (n - 1)) * perplexity() : 0;
  }
};

/// One window. `text` is what is fed, `truth` what is scored: they differ in a begin-of-text token at the start.
void score_window(device_backend& backend, std::span<const token> text, std::span<const token> truth, score& sum) {
  auto s = backend.open();
  std::size_t at = first_scored - 1;  // the row that says what comes at first_scored
  backend.prefill(s, text.first(at));
  draft_tree tree{backend.vocab_size()};
  while (at + 1 < window) {
    const std::size_t count = std::min(rows_at_once, window - 1 - at);
    tree.reset(text[at]);
    for (node_id i = 1; i < count; ++i) tree.add(i - 1, text[at + i]);
    const auto rows = backend.forward(s, tree.view());
    for (std::size_t i = 0; i < count; ++i) {
      const double loss = -log_probability(std::span<const float>{rows[i]}, truth[at + i + 1]);
      sum.loss += loss;
      sum.squares += loss * loss;
      ++sum.scored;
    }
    std::vector<node_id> path(count);
    std::iota(path.begin(), path.end(), node_id{0});
    backend.commit(s, path);
    at += count;
  }
}

int perplexity(perplexity_options o) {
  if (o.model.context == 0) o.model.context = window;
  if (o.model.context < static_cast<long>(window))
    throw usage_error("-c: perplexity needs a context of " + std::to_string(window) + " tokens");
  const std::string text = read_text(o.file);
  engine models{o.model, std::cerr};
  const auto& tokenizer = models.target().tokenizer;
  auto& backend = models.target().backend;
  const auto tokens = tokenizer.encode(text);
  const std::size_t windows = tokens.size() / window;
  if (windows == 0)
    throw error("'" + o.file + "' has " + std::to_string(tokens.size()) + " tokens; perplexity needs at least " +
                std::to_string(window));
  score sum;
  watch_for_interrupt();
  for (std::size_t w = 0; w < windows; ++w) {
    if (interrupted()) return exit_interrupted;
    const std::span<const token> truth{tokens.data() + w * window, window};
    std::vector<token> fed(truth.begin(), truth.end());
    if (tokenizer.adds_bos()) fed.front() = tokenizer.bos().value();
    score_window(backend, fed, truth, sum);
    std::cerr << "[" << w + 1 << "/" << windows << "] " << fixed(sum.perplexity(), 4) << std::endl;
  }
  if (!std::isfinite(sum.loss)) throw error("the model's logits are no numbers; is the file damaged?");
  if (o.output == "json") {
    print_json({{"model", o.model.path},
                {"machine", machine_json(backend)},
                {"threads", backend.about().threads()},
                {"file", o.file},
                {"tokens", tokens.size()},
                {"window", window},
                {"windows", windows},
                {"scored", sum.scored},
                {"standard_error", sum.standard_error()},
                {"perplexity", sum.perplexity()}});
  } else {
    std::cout << windows << " windows of " << window << " tokens, " << sum.scored << " tokens scored, standard error "
              << fixed(sum.standard_error(), 4) << '\n'
              << "perplexity " << fixed(sum.perplexity(), 4) << '\n';
    check_stdout();
  }
  return 0;
}

}  // namespace

void add_perplexity(CLI::App& program, action& chosen) {
  auto o = std::make_shared<perplexity_options>();
  auto& command = *program.add_subcommand(
      "perplexity", "How well the model predicts a text: windows of 512, second half scored, as llama-perplexity");
  add_model_options(command, o->model);
  command.get_option("--ctx-size")->description("At least 512; 0: 512");
  command.add_option("-f,--file", o->file, "Text, - for standard input; one line break at the end is dropped")
      ->required()
      ->type_name("FILE")
      ->group("Text");
  add_output_option(command, o->output, {"text", "json"});
  command.callback([&chosen, o] { chosen = [o] { return perplexity(*o); }; });
}

}  // namespace hunch::cli
