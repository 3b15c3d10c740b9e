// How the program answers command lines, without a model.
#include "program.hpp"

using namespace hunch::test;

TEST_CASE("hunch: --version and --help go to standard output and end well", "[cli]") {
  const auto version = run_program({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out == std::string{"hunch "} + HUNCH_VERSION + "\n");
  const auto help = run_program({"--help"});
  CHECK(help.code == 0);
  for (const char* command : {"generate", "bench", "curve", "perplexity", "inspect"})
    CHECK(help.out.find(command) != std::string::npos);
}

TEST_CASE("hunch: the help of each command shows the defaults", "[cli]") {
  const auto has = [](const std::string& command, const std::vector<std::string>& parts) {
    const auto help = run_program({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    for (const auto& part : parts) {
      INFO(command << " --help lacks: " << part << "\n" << help.out);
      CHECK(help.out.find(part) != std::string::npos);
    }
  };
  has("generate", {"--temp,--temperature X=0", "--seed N=0",
                   "--verify match|rejection|block|traversal|multi-round|k-seq|spechub=match", "--threads N=0",
                   "--top-k N=0", "--top-p X=1", "--min-p X=0", "--spec SPEC=none", "N=256", "--output text|json=text",
                   "lookup:n=3,len=8", "model:FILE,len=4"});
  has("bench", {"N=128", "--output table|json=table", "--limit N=0"});
  has("curve", {"1,2,4,8,16,32,64", "128,1024", "--repetitions N=10"});
  has("perplexity", {"--output text|json=text"});
  has("inspect", {"--output text|json=text"});
}

TEST_CASE("hunch: a command line that makes no sense is refused with exit code 2", "[cli]") {
  check_refused(run_program({}), 2, "subcommand");
  check_refused(run_program({"frobnicate"}), 2, "known: generate, bench, curve, perplexity, inspect");
  check_refused(run_program({"generate"}), 2, "--model is required");
  check_refused(run_program({"generate", "-m", "x", "--frob"}), 2, "--frob");
  check_refused(run_program({"generate", "-m", "x", "--temp", "-1"}), 2, "--temp");
  check_refused(run_program({"generate", "-m", "x", "--temp", "hot"}), 2, "--temp");
  check_refused(run_program({"generate", "-m", "x", "-n", "-2"}), 2, "-n");
  check_refused(run_program({"generate", "-m", "x", "--verify", "hope"}), 2, "--verify");
  check_refused(run_program({"generate", "-m", "x", "--output", "yaml"}), 2, "--output");
  check_refused(run_program({"generate", "-m", "x", "-p", "a", "-f", "b"}), 2, "excludes");
  check_refused(run_program({"generate", "-m", "x", "--spec", "hope"}), 2, "known: none, lookup, ");
  check_refused(run_program({"generate", "-m", "x", "--spec", "lookup:n=0"}), 2, "allowed: 1 to 64");
  check_refused(run_program({"generate", "-m", "x", "--spec", "lookup", "-md", "d"}), 2, "not both");
  check_refused(run_program({"generate", "-m", "x", "--repeat", "2"}), 2, "--compare");
  check_refused(run_program({"bench", "-m", "x", "--prompts", "p"}), 2, "--spec");
  check_refused(run_program({"curve", "-m", "x", "--rows", "0"}), 2, "--rows");
  check_refused(run_program({"perplexity", "-m", "x", "-f", "y", "-c", "100"}), 2, "512");
}

TEST_CASE("hunch: files that are missing or no models are run-time failures, exit code 1", "[cli]") {
  check_refused(run_program({"generate", "-m", "/nowhere.gguf"}), 1, "/nowhere.gguf");
  check_refused(run_program({"inspect", "-m", HUNCH_PROGRAM}), 1, "gguf");
  check_refused(run_program({"bench", "-m", "/nowhere.gguf", "--prompts", "/nowhere", "--spec", "lookup"}), 1,
                "cannot read '/nowhere'");
}
