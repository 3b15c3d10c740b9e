// Runs the program as a user does.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace hunch::test {

struct run_result {
  int code = -1;
  std::string out;
  std::string err;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
};

inline std::string in_quotes(const std::string& argument) {
  std::string out{'\''};
  for (const char c : argument) {
    if (c == '\'')
      out.append("'\\''");
    else
      out.push_back(c);
  }
  out.push_back('\'');
  return out;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>(in), {}};
}

/// `before` stands in front of the program in a shell: "printf x |".
inline run_result run_program(const std::vector<std::string>& arguments, const std::string& before = "") {
  std::string name = (std::filesystem::temp_directory_path() / "hunch-cli-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::filesystem::path folder{name};
  std::string command = before;
  command.append(" ").append(in_quotes(HUNCH_PROGRAM));
  for (const auto& a : arguments) command.append(" ").append(in_quotes(a));
  command.append(" >").append(in_quotes((folder / "out").string()));
  command.append(" 2>").append(in_quotes((folder / "err").string()));
  if (before.empty()) command += " </dev/null";
  const int status = std::system(command.c_str());
  run_result r{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "out"), read_file(folder / "err")};
  std::filesystem::remove_all(folder);
  return r;
}

/// Runs the program with all arguments; it must succeed.
inline run_result run_well(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto r = run_program(arguments);
  INFO(r.err);
  REQUIRE(r.code == 0);
  return r;
}

/// Keys in the order in which the program writes them.
inline std::vector<std::string> keys_of(const std::string& text, const std::string& inside = "") {
  auto j = nlohmann::ordered_json::parse(text);
  if (!inside.empty()) j = j.at(inside);
  if (j.is_array()) j = j.at(0);
  std::vector<std::string> keys;
  for (const auto& [key, value] : j.items()) keys.push_back(key);
  return keys;
}

/// Exit code 1 or 2, one line or two on standard error that begin with "hunch: ", nothing on standard output.
inline void check_refused(const run_result& r, int code, const std::string& part) {
  INFO(r.err);
  CHECK(r.code == code);
  CHECK(r.out.empty());
  CHECK(r.err.rfind("hunch: ", 0) == 0);
  CHECK(r.err.find(part) != std::string::npos);
}

}  // namespace hunch::test
