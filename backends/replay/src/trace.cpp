#include "hunch/replay/trace.hpp"

#include <cmath>
#include <fstream>
#include <istream>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include <hunch/core/error.hpp>

namespace hunch::replay {
namespace {

using nlohmann::json;

constexpr std::uint64_t most_vocab = std::uint64_t{1} << 24;
constexpr std::uint64_t most_nodes = std::uint64_t{1} << 16;

/// What a line says, with errors that name the place.
class line_reader {
 public:
  line_reader(const json& line, const std::string& place) : line_{line}, place_{place} {}

  [[noreturn]] void fail(const std::string& what) const { raise(place_ + ": " + what); }
  void expect(bool good, const std::string& what) const {
    if (!good) fail(what);
  }

  [[nodiscard]] const json& field(const char* key) const {
    const auto found = line_.find(key);
    if (found == line_.end()) fail("\"" + std::string{key} + "\" is missing");
    return *found;
  }
  [[nodiscard]] std::uint64_t count(const char* key, std::uint64_t most = std::uint64_t{1} << 48) const {
    return count(field(key), key, most);
  }
  [[nodiscard]] std::uint64_t count(const json& value, const char* key, std::uint64_t most) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
      fail("\"" + std::string{key} + "\" must be a whole number from 0 to " + std::to_string(most));
    return value.get<std::uint64_t>();
  }
  [[nodiscard]] const json& list(const json& value, const char* key) const {
    expect(value.is_array(), "\"" + std::string{key} + "\" must be a list");
    return value;
  }
  [[nodiscard]] token token_of(const json& value, const char* key, std::size_t vocab) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= vocab)
      fail("\"" + std::string{key} + "\" holds a token outside of the vocabulary of " + std::to_string(vocab));
    return static_cast<token>(value.get<std::uint64_t>());
  }
  [[nodiscard]] std::vector<token> tokens(const json& value, const char* key, std::size_t vocab) const {
    std::vector<token> out;
    for (const json& t : list(value, key)) out.push_back(token_of(t, key, vocab));
    return out;
  }
  /// Two lists of one length.
  [[nodiscard]] recorded_row row(const json& ids, const json& values, const char* key, std::size_t vocab) const {
    recorded_row out{tokens(ids, key, vocab), {}};
    for (std::size_t i = 1; i < out.ids.size(); ++i)
      expect(out.ids[i - 1] < out.ids[i], "the ids of a row of \"" + std::string{key} + "\" must rise");
    for (const json& x : list(values, key)) {
      expect(x.is_number(), "a row of \"" + std::string{key} + "\" holds a value that is no number");
      out.values.push_back(x.get<float>());
      expect(std::isfinite(out.values.back()), "a value of \"" + std::string{key} + "\" is too large for a float");
    }
    expect(out.values.size() == out.ids.size(), "a row of \"" + std::string{key} + "\" has " +
                                                    std::to_string(out.ids.size()) + " ids and " +
                                                    std::to_string(out.values.size()) + " values");
    return out;
  }

 private:
  const json& line_;
  const std::string& place_;
};

recorded_text header_of(const line_reader& in) {
  const json& version = in.field("version");
  in.expect(version.is_number_unsigned() && version.get<std::uint64_t>() == 1,
            "the trace is of version " + version.dump(-1, ' ', false, json::error_handler_t::replace) +
                "; this program reads version 1");
  recorded_text out{};
  out.vocab = in.count("vocab", most_vocab);
  in.expect(out.vocab > 0, "\"vocab\" must be at least 1");
  out.top = in.count("top");
  const json& seed = in.field("seed");
  in.expect(seed.is_number_unsigned(), "\"seed\" must be a whole number");
  out.seed = seed.get<std::uint64_t>();
  in.expect(in.field("about").is_string(), "\"about\" must be a string");
  out.about = in.field("about").get<std::string>();
  out.prompt = in.tokens(in.field("text"), "text", out.vocab);
  in.expect(!out.prompt.empty(), "\"text\" is empty; a text has at least one token");
  out.text = out.prompt;
  return out;
}

std::vector<node_id> parents_of(const line_reader& in, std::size_t nodes) {
  const json& list = in.list(in.field("parents"), "parents");
  in.expect(list.size() == nodes,
            "\"parents\" has " + std::to_string(list.size()) + " entries for " + std::to_string(nodes) + " nodes");
  in.expect(list[0].is_number_integer() && list[0].get<std::int64_t>() == -1, "the parent of node 0 must be -1");
  std::vector<node_id> out{no_node};
  for (std::size_t n = 1; n < nodes; ++n) {
    in.expect(list[n].is_number_unsigned() && list[n].get<std::uint64_t>() < n,
              "the parent of node " + std::to_string(n) + " must be a node before it");
    out.push_back(static_cast<node_id>(list[n].get<std::uint64_t>()));
  }
  return out;
}

void read_rows(const line_reader& in, std::size_t vocab, recorded_step& step) {
  const std::size_t nodes = step.tokens.size();
  for (const json& row : in.list(in.field("p"), "p")) {
    in.expect(row.is_array() && row.size() == 2, "a row of \"p\" must be [[ids],[logits]]");
    step.rows.push_back(in.row(row[0], row[1], "p", vocab));
  }
  in.expect(step.rows.size() == nodes,
            "\"p\" has " + std::to_string(step.rows.size()) + " rows for " + std::to_string(nodes) + " nodes");
  for (const json& row : in.list(in.field("q"), "q")) {
    in.expect(row.is_array() && row.size() == 3, "a row of \"q\" must be [parent,[ids],[probabilities]]");
    const auto parent = static_cast<node_id>(in.count(row[0], "q", nodes - 1));
    step.laws.push_back({parent, in.row(row[1], row[2], "q", vocab)});
    for (const float q : step.laws.back().row.values)
      in.expect(q >= 0 && q <= 1.001f, "a value of \"q\" is no probability");
  }
}

std::vector<node_id> path_of(const line_reader& in, const recorded_step& step) {
  std::vector<node_id> out;
  for (const json& node : in.list(in.field("path"), "path")) {
    const auto n = static_cast<node_id>(in.count(node, "path", step.tokens.size() - 1));
    in.expect(step.parents[n] == (out.empty() ? no_node : out.back()),
              "\"path\" must lead from node 0, from parent to child");
    out.push_back(n);
  }
  in.expect(!out.empty(), "\"path\" is empty; it begins with node 0");
  return out;
}

/// Reads a step and lets the text grow by it.
void add_step(const line_reader& in, recorded_text& to) {
  recorded_step step{};
  step.size = in.count("size");
  in.expect(step.size == to.text.size(), "\"size\" is " + std::to_string(step.size) + ", but the text has " +
                                             std::to_string(to.text.size()) + " tokens by now");
  step.tokens = in.tokens(in.field("tokens"), "tokens", to.vocab);
  in.expect(!step.tokens.empty() && step.tokens.size() <= most_nodes, "\"tokens\" must hold 1 to 65536 nodes");
  in.expect(step.tokens[0] == to.text.back(), "node 0 must be the last token of the text");
  step.parents = parents_of(in, step.tokens.size());
  read_rows(in, to.vocab, step);
  step.path = path_of(in, step);
  step.next = in.token_of(in.field("next"), "next", to.vocab);
  step.emitted = in.count("emitted", step.path.size());
  step.truncated = in.count("truncated");
  step.withdrawn = in.count("withdrawn", to.text.size() - 1);
  in.expect(step.truncated <= step.path.size() + step.withdrawn &&
                step.emitted + step.truncated == step.path.size() + step.withdrawn,
            "\"emitted\" + \"truncated\" must be the tokens of \"path\" and \"withdrawn\"");
  for (std::size_t i = 1; i < step.path.size(); ++i) to.text.push_back(step.tokens[step.path[i]]);
  to.text.push_back(step.next);
  in.expect(to.text.size() - step.truncated >= to.prompt.size(), "\"withdrawn\" reaches into the prompt");
  to.text.resize(to.text.size() - step.truncated);
  to.steps.push_back(std::move(step));
}

json parsed(const std::string& line, const std::string& place) {
  try {
    json out = json::parse(line);
    if (!out.is_object()) raise(place + ": a line of a trace is an object, {…}");
    return out;
  } catch (const json::exception& e) {
    raise(place + ": this is not JSON; the file may be truncated (" + e.what() + ")");
  }
}

}  // namespace

std::vector<recorded_text> read_trace(std::istream& in, const std::string& name) {
  std::vector<recorded_text> texts;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = name + ":" + std::to_string(number);
    const json value = parsed(line, place);
    const line_reader reader{value, place};
    if (value.contains("format")) {
      reader.expect(value["format"] == "hunch-trace", "\"format\" is not \"hunch-trace\"");
      texts.push_back(header_of(reader));
    } else {
      reader.expect(!texts.empty(), "a trace begins with a line {\"format\":\"hunch-trace\",…}");
      add_step(reader, texts.back());
    }
  }
  if (texts.empty()) raise(name + ":1: there is no line {\"format\":\"hunch-trace\",…}; is this a trace?");
  return texts;
}

std::vector<recorded_text> read_trace(const std::string& path) {
  std::ifstream file{path};
  if (!file) raise(path + ":1: cannot be read");
  return read_trace(file, path);
}

}  // namespace hunch::replay
