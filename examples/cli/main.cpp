// The program `hunch`: text from a GGUF model, with and without speculation, and what speculation brings.
#include <algorithm>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "options.hpp"
#include "usage.hpp"

namespace {

using namespace hunch::cli;

/// CLI11 says only that a command is missing.
void check_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().rfind("-", 0) == 0) return;
  std::string known;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == arguments.front()) return;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  throw usage_error("unknown command '" + arguments.front() + "'; known: " + known);
}

int run(int argc, char** argv) {
  CLI::App program{"hunch: text from a language model, faster by speculation, the same text as without", "hunch"};
  program.set_version_flag("--version", "hunch " HUNCH_VERSION);
  program.require_subcommand(1);
  program.footer(
      "hunch COMMAND --help lists the options of a command.\n"
      "Exit codes: 0 done, 1 it failed, 2 the command line makes no sense, 130 ended by Ctrl-C.");
  action chosen;
  add_generate(program, chosen);
  add_bench(program, chosen);
  add_curve(program, chosen);
  add_perplexity(program, chosen);
  add_inspect(program, chosen);
  auto arguments = with_long_flags(argc, argv);
  check_command(program, arguments);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    program.parse(arguments);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return program.exit(e);  // --help, --version
    std::cerr << "hunch: " << e.what() << "\nhunch: `hunch --help` and `hunch COMMAND --help` list what there is\n";
    return exit_usage;
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const usage_error& e) {
    std::cerr << "hunch: " << e.what() << '\n';
    return exit_usage;
  } catch (const std::bad_alloc&) {
    std::cerr << "hunch: out of memory; a smaller -c needs less\n";
  } catch (const std::exception& e) {
    const std::string what = e.what();
    std::cerr << (what.rfind("hunch: ", 0) == 0 ? "" : "hunch: ") << what << '\n';
  }
  return exit_failed;
}
