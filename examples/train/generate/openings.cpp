#include "openings.hpp"

#include <algorithm>
#include <fstream>

#include <hunch/core/error.hpp>

namespace hunch::train {
namespace {

std::string_view trimmed(std::string_view s) {
  const auto first = s.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto bar = list.find('|');
    out.emplace_back(trimmed(list.substr(0, bar)));
    list = bar == std::string_view::npos ? std::string_view{} : list.substr(bar + 1);
  }
  return out;
}

/// `\n` written in a phrase is a line break.
std::string with_breaks(std::string_view phrase) {
  std::string out;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    const bool is_break = phrase.substr(i, 2) == "\\n";
    out += is_break ? '\n' : phrase[i];
    i += is_break ? 1 : 0;
  }
  return out;
}

/// Takes `5x ` off the front: how often the phrase counts.
std::size_t weight_of(std::string_view& line) {
  std::size_t digits = 0, weight = 0;
  while (digits < line.size() && digits < 3 && line[digits] >= '0' && line[digits] <= '9')
    weight = weight * 10 + static_cast<std::size_t>(line[digits++] - '0');
  if (digits == 0 || weight == 0 || line.substr(digits, 2) != "x ") return 1;
  line = trimmed(line.substr(digits + 2));
  return weight;
}

}  // namespace

openings::openings(const std::filesystem::path& path) {
  std::ifstream in{path};
  if (!in) raise("train: cannot read '" + path.string() + "'; give a file of openings");
  std::size_t number = 0;
  std::vector<std::size_t> lines;
  for (std::string text; std::getline(in, text);) {
    ++number;
    std::string_view line = trimmed(text);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '@') {
      const auto equals = line.find('=');
      if (equals == std::string_view::npos)
        raise("train: '" + path.string() + "', line " + std::to_string(number) + ": write '@name = word | word'");
      words_[std::string{trimmed(line.substr(1, equals - 1))}] = split(line.substr(equals + 1));
    } else {
      weighted_.insert(weighted_.end(), weight_of(line), phrases_.size());
      phrases_.push_back(with_breaks(line));
      lines.push_back(number);
    }
  }
  if (phrases_.empty()) raise("train: '" + path.string() + "' holds no phrase; give at least one");
  for (std::size_t i = 0; i < phrases_.size(); ++i)
    check_slots(phrases_[i], path.string() + ", line " + std::to_string(lines[i]));
  for (const auto& [name, list] : words_)
    for (const auto& word : list) check_slots(word, path.string() + ", @" + name);
}

void openings::check_slots(std::string_view phrase, const std::string& where) const {
  for (auto at = phrase.find('{'); at != std::string_view::npos; at = phrase.find('{', at + 1)) {
    const auto end = phrase.find('}', at);
    const auto name = phrase.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    if (end == std::string_view::npos || !words_.contains(name))
      raise("train: " + where + ": there are no words for '{" + std::string{name} + "}'; add a line '@name = …'");
  }
}

std::size_t openings::choices::below(std::size_t n) {
  const double u = random.uniform({number, drawn++}, purpose::user);
  return std::min(n - 1, static_cast<std::size_t>(u * static_cast<double>(n)));
}

std::string openings::fill(std::string_view phrase, choices& c) const {
  std::string out;
  for (std::size_t at = 0; at < phrase.size();) {
    const auto open = phrase.find('{', at);
    out += phrase.substr(at, open - at);
    if (open == std::string_view::npos) break;
    const auto close = phrase.find('}', open);
    const auto& list = words_.find(phrase.substr(open + 1, close - open - 1))->second;
    // A word that names its own slot would go on for ever; 64 draws are more than any phrase needs.
    out += c.drawn < 64 ? fill(list[c.below(list.size())], c) : std::string{};
    at = close + 1;
  }
  return out;
}

opening openings::draw(const philox& random, std::uint64_t number) const {
  choices c{*this, random, number};
  opening out{fill(phrases_[weighted_[c.below(weighted_.size())]], c)};
  if (out.text.ends_with("...")) {
    out.open = true;
    out.text.resize(out.text.size() - 3);
    while (out.text.ends_with(' ')) out.text.pop_back();
  }
  return out;
}

}  // namespace hunch::train
