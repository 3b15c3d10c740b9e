// train_generate: lets a model write conversations, many at a time, and notes its most likely tokens at every position.
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

#include <hunch/cpu/backend.hpp>
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "conversation.hpp"
#include "openings.hpp"
#include "records.hpp"

namespace {

using namespace hunch;
using namespace hunch::train;

volatile std::sig_atomic_t asked_to_end = 0;
void on_signal(int) { asked_to_end = 1; }

struct options {
  std::string model, openings, out;
  std::uint64_t tokens = 100000, seed = 1;
  std::size_t rows = 32;
  unsigned threads = 0;
  writing_options writing;
};

/// A sequence of the model and the conversation that it holds.
struct desk {
  cpu::sequence sequence;
  std::unique_ptr<conversation> talk;
  std::vector<node_id> parents;
  std::vector<std::uint32_t> depths;

  /// The fed tokens as a chain.
  [[nodiscard]] tree_view chain() {
    const auto& feed = talk->feed();
    parents.resize(feed.size());
    depths.resize(feed.size());
    for (std::size_t i = 0; i < feed.size(); ++i) {
      parents[i] = i == 0 ? no_node : static_cast<node_id>(i - 1);
      depths[i] = static_cast<std::uint32_t>(i);
    }
    return {feed, parents, depths};
  }
};

/// One pass over all desks.
void advance(cpu::backend& model, std::vector<desk>& desks) {
  std::vector<batch_entry<cpu::sequence>> work;
  for (desk& d : desks) work.push_back({&d.sequence, d.chain()});
  const cpu::logit_rows rows = model.forward(std::span<const batch_entry<cpu::sequence>>{work});
  std::size_t first = 0;
  std::vector<node_id> path;
  for (std::size_t i = 0; i < desks.size(); ++i) {
    const std::size_t fed = work[i].tree.size();
    desks[i].talk->take([&](std::size_t r) { return rows[first + r]; });
    first += fed;
    path.resize(fed);
    for (std::size_t n = 0; n < fed; ++n) path[n] = static_cast<node_id>(n);
    model.commit(desks[i].sequence, path);
  }
}

void report(const record_file& out, std::uint64_t before, std::chrono::steady_clock::time_point began) {
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::cerr << out.documents() << " documents, " << out.tokens() << " tokens; "
            << static_cast<long>(static_cast<double>(out.tokens() - before) / s) << " tokens a second\n";
}

int run(const options& o) {
  const gguf::file file{o.model};
  const gguf::tokenizer words{file};
  const std::size_t context = o.writing.length + o.writing.user_tokens + o.writing.answer_tokens + 256;
  cpu::backend model{file, {.threads = o.threads, .context = context}};
  const openings list{o.openings};
  const turn_marks marks{words, o.writing.raw ? std::optional<gguf::chat_format>{} : gguf::chat_format{file}};
  record_file out{o.out, o.writing.top};
  const std::uint64_t before = out.tokens();
  // Those that were being written when the last run ended are lost; their numbers are not used again.
  std::uint64_t number = out.next_number();
  const auto begin = [&] {
    return std::make_unique<conversation>(words, marks, list, o.writing, philox{o.seed}, number++);
  };
  std::vector<desk> desks;
  for (std::size_t i = 0; i < o.rows; ++i) desks.push_back({model.open(), begin(), {}, {}});

  const auto began = std::chrono::steady_clock::now();
  auto reported = began;
  while (out.tokens() < o.tokens && asked_to_end == 0) {
    advance(model, desks);
    for (desk& d : desks) {
      if (!d.talk->ended()) continue;
      out.add(d.talk->result());
      model.rewind(d.sequence, 0);
      d.talk = begin();
    }
    if (const auto now = std::chrono::steady_clock::now(); now - reported > std::chrono::seconds{30}) {
      report(out, before, began);
      reported = now;
    }
  }
  report(out, before, began);
  return 0;
}

void add_options(CLI::App& app, options& o) {
  app.add_option("-m,--model", o.model, "GGUF file of the model that writes")->required();
  app.add_option("--openings", o.openings, "File of beginnings of user turns")->required();
  app.add_option("-o,--out", o.out, "File of records; added to when it is there")->required();
  app.add_option("-n,--tokens", o.tokens, "Tokens in the file when it is done")->capture_default_str();
  app.add_option("--rows", o.rows, "Conversations written side by side")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("-t,--threads", o.threads, "Threads; 0: all cores")->capture_default_str();
  app.add_option("-s,--seed", o.seed, "The same seed and openings ask for the same things")->capture_default_str();
  app.add_option("--top", o.writing.top, "Candidates noted for each position")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--temp", o.writing.temperatures, "Temperatures of answers; drawn for each")
      ->capture_default_str()
      ->delimiter(',');
  app.add_option("--user-tokens", o.writing.user_tokens, "Longest turn of the user")->capture_default_str();
  app.add_option("--answer-tokens", o.writing.answer_tokens, "Longest answer")->capture_default_str();
  app.add_option("--again", o.writing.again, "How often the user asks again")->capture_default_str();
  app.add_option("--length", o.writing.length, "Tokens after which a conversation ends")->capture_default_str();
  app.add_flag("--raw", o.writing.raw, "No chat: openings are the starts of texts");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"train_generate: conversations that a model writes by itself, and its laws, to train drafters on"};
  options o;
  add_options(app, o);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  try {
    return run(o);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
