#include "prompts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>

#include <nlohmann/json.hpp>

#include <hunch/core/error.hpp>

namespace hunch::cli {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> mt_bench{"writing", "roleplay",   "reasoning", "math",
                                                   "coding",  "extraction", "stem",      "humanities"};

std::ifstream open(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) throw error("cannot read '" + path + "': " + std::strerror(errno));
  if (std::filesystem::is_directory(path)) throw error("cannot read '" + path + "': it is a directory");
  return in;
}

bench_prompt to_prompt(const json& line) {
  const auto wrong = [](const std::string& what) { return error(what); };
  if (!line.is_object()) throw wrong("a JSON object is expected");
  if (!line.contains("turns")) throw wrong("key \"turns\" is missing");
  const json& turns = line["turns"];
  const auto is_text = [](const json& t) { return t.is_string(); };
  if (!turns.is_array() || turns.empty() || !std::all_of(turns.begin(), turns.end(), is_text))
    throw wrong("\"turns\" must be a list of at least one text");
  if (!line.contains("category") || !line["category"].is_string())
    throw wrong("key \"category\" is missing or no text");
  const json id = line.value("question_id", json{});
  if (!id.is_number_integer() && !id.is_string()) throw wrong("key \"question_id\" is missing or no number or text");
  bench_prompt p;
  p.id = id.is_string() ? id.get<std::string>() : id.dump();
  p.category = reported_category(line["category"].get<std::string>());
  p.turns = turns.get<std::vector<std::string>>();
  return p;
}

}  // namespace

std::string_view reported_category(std::string_view category) noexcept {
  return std::find(mt_bench.begin(), mt_bench.end(), category) == mt_bench.end() ? category : "mt_bench";
}

std::string read_text(const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    auto in = open(path);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::byte> read_bytes(const std::string& path) {
  auto in = open(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

std::vector<bench_prompt> read_prompts(std::istream& in, const std::string& name, std::size_t limit) {
  std::vector<bench_prompt> out;
  std::string line;
  for (std::size_t number = 1; (limit == 0 || out.size() < limit) && std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = name + ":" + std::to_string(number) + ": ";
    try {
      out.push_back(to_prompt(json::parse(line)));
    } catch (const json::parse_error& e) {
      throw error(where + "no valid JSON at byte " + std::to_string(e.byte) + " of the line");
    } catch (const json::out_of_range&) {  // 1e999: valid JSON, and no double
      throw error(where + "a number is too large to be read");
    } catch (const error& e) {
      throw error(where + e.what());
    }
  }
  if (out.empty())
    throw error(name + ": no prompts; a line looks like " +
                R"({"question_id": 1, "category": "qa", "turns": ["Why is the sky blue?"]})");
  return out;
}

std::vector<bench_prompt> read_prompts(const std::string& path, std::size_t limit) {
  auto in = open(path);
  return read_prompts(in, path, limit);
}

}  // namespace hunch::cli
