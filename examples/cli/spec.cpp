#include "spec.hpp"

#include <algorithm>
#include <charconv>

#include "usage.hpp"

namespace hunch::cli {
namespace {

template <class T>
std::string names_of(std::span<const T> known) {
  std::string out;
  for (const T& k : known) out += (out.empty() ? "" : ", ") + std::string{k.name};
  return out;
}

/// 3, 0.45: as short as it reads back.
std::string shown(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  return {text, end};
}
std::string quoted(const std::string& file) {
  return file.find_first_of(",|) ") == std::string::npos ? file : '"' + file + '"';
}
std::string shown(const spec_key& k, const spec_value& v) {
  std::string out;
  switch (k.form) {
    case value_form::file:
      return quoted(v.file);
    case value_form::shape:
      for (const std::uint32_t children : v.shape) out += (out.empty() ? "" : "x") + std::to_string(children);
      return out;
    case value_form::word: {
      std::string_view rest = k.words;
      for (double i = 0; i < v.number; ++i) rest.remove_prefix(rest.find('|') + 1);
      return std::string{rest.substr(0, rest.find('|'))};
    }
    default:
      return shown(v.number);
  }
}
std::string meaning_of(const spec_key& k) {
  std::string out{k.meaning};
  if (k.form == value_form::whole || k.form == value_form::real) out += ", " + shown(k.low) + " to " + shown(k.high);
  return out;
}

class parser {
 public:
  explicit parser(std::string_view text) : text_{text} {}

  spec parse_all() {
    spec s = parse_one(0);
    skip_blanks();
    if (at_ < text_.size()) fail("unexpected '" + std::string(1, text_[at_]) + "' after the spec");
    return s;
  }

 private:
  static constexpr int deepest = 16;

  spec parse_one(int depth) {
    if (depth > deepest) fail("more than 16 levels of parentheses");
    skip_blanks();
    const std::size_t begin = at_;
    const std::string name = read_word();
    const auto kinds = known_kinds();
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const spec_kind& k) { return k.name == name; });
    if (kind == kinds.end()) {
      at_ = begin;
      fail((name.empty() ? "a name is missing" : "unknown name '" + name + "'") + "; known: " + names_of(kinds));
    }
    spec s{&*kind, {}, {}, {}};
    for (const spec_key& k : kind->keys) s.values.push_back(standard_of(k));
    if (kind->most_parts > 0)
      parse_parts(s, depth);
    else
      parse_items(s);
    return s;
  }

  void parse_parts(spec& s, int depth) {
    const std::string name{s.name()};
    (void)take(':');
    expect('(', name + " needs its parts in parentheses: " + name + "(model:FILE|lookup)");
    do {
      if (s.parts.size() == s.kind->most_parts)
        fail(name + "(…) has at most " + std::to_string(s.kind->most_parts) + " parts");
      s.parts.push_back(parse_one(depth + 1));
    } while (take('|'));
    if (s.parts.size() < 2) fail(name + "(…) needs at least two parts, joined by '|'");
    expect(')', "a ')' is missing");
    if (name != "first" && s.parts.front().name() != "model")
      fail("the first part of " + name + "(…) is the middle model: model:FILE,len=…");
  }

  void parse_items(spec& s) {
    if (!take(':')) {
      if (s.kind->takes != file_use::none)
        fail(std::string{s.name()} + " needs a file: " + std::string{s.name()} + ":FILE");
      return;
    }
    if (s.kind->keys.empty()) fail(std::string{s.name()} + " takes no keys");
    std::vector<bool> given(s.values.size());
    if (s.kind->takes != file_use::none) {
      s.file = read_file();
      if (!take(',')) return;
    }
    do parse_value(s, given);
    while (take(','));
  }

  void parse_value(spec& s, std::vector<bool>& given) {
    skip_blanks();
    const std::size_t begin = at_;
    const std::string key = read_word();
    const auto known = s.kind->keys;
    const auto k = std::find_if(known.begin(), known.end(), [&](const spec_key& x) { return x.name == key; });
    if (k == known.end()) {
      at_ = begin;
      fail((key.empty() ? "a key is missing" : std::string{s.name()} + " has no key '" + key + "'") +
           "; known: " + names_of(known));
    }
    const auto index = static_cast<std::size_t>(k - known.begin());
    if (given[index]) {
      at_ = begin;
      fail("key '" + key + "' is given twice");
    }
    given[index] = true;
    expect('=', "a value is missing: " + key + "=" + std::string{k->standard});
    s.values[index] = read_value(*k);
  }

  static spec_value standard_of(const spec_key& k) {
    return k.form == value_form::file ? spec_value{} : parser{k.standard}.read_value(k);
  }

  spec_value read_value(const spec_key& k) {
    skip_blanks();
    if (k.form == value_form::word) return {.number = read_choice(k)};
    if (k.form == value_form::shape) return {.shape = read_shape(k)};
    if (k.form == value_form::file) return {.file = read_file()};
    return {.number = k.form == value_form::whole ? static_cast<double>(read_number<long>(k, "a whole number"))
                                                  : read_number<double>(k, "a number")};
  }

  double read_choice(const spec_key& k) {
    const std::size_t begin = at_;
    const std::string chosen = read_word();
    double place = 0;
    for (std::size_t i = 0; i <= k.words.size(); ++place) {
      const std::size_t end = std::min(k.words.find('|', i), k.words.size());
      if (k.words.substr(i, end - i) == chosen && !chosen.empty()) return place;
      i = end + 1;
    }
    at_ = begin;
    fail(std::string{k.name} + " is one of " + std::string{k.words});
  }

  std::vector<std::uint32_t> read_shape(const spec_key& k) {
    const spec_key children{k.name, value_form::whole, "1", 1, k.high, {}, {}};
    std::vector<std::uint32_t> shape;
    std::size_t level = 1, nodes = 0;
    const std::size_t begin = at_;
    do {
      shape.push_back(
          static_cast<std::uint32_t>(read_number<long>(children, "children by level, for instance 3x2x1:")));
      nodes += level *= shape.back();
      if (nodes > static_cast<std::size_t>(k.high)) {
        at_ = begin;
        fail(std::string{k.name} + " makes a tree of more than " + shown(k.high) + " drafted nodes");
      }
    } while (take('x'));
    return shape;
  }

  template <class T>
  T read_number(const spec_key& k, const std::string& what) {
    skip_blanks();
    const std::string range = shown(k.low) + " to " + shown(k.high);
    T value = 0;
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const auto [stop, problem] = std::from_chars(begin, end, value);
    if (stop == begin) fail(std::string{k.name} + " needs " + what + (what.back() == ':' ? " " : ", ") + range);
    const auto number = static_cast<double>(value);
    if (problem != std::errc{} || !(number >= k.low && number <= k.high))
      fail(std::string{k.name} + "=" + std::string(begin, stop) + " is out of range; allowed: " + range);
    at_ += static_cast<std::size_t>(stop - begin);
    return value;
  }

  std::string read_file() {
    skip_blanks();
    std::string file;
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) fail("the quoted file name has no end");
      file = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else {
      const std::size_t end = std::min(text_.find_first_of(",|)\"", at_), text_.size());
      file = text_.substr(at_, end - at_);
      at_ = end;
    }
    if (file.empty()) fail("the file name is missing");
    return file;
  }

  std::string read_word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_' ||
                                  text_[at_] == '-' || text_[at_] == '+'))
      ++at_;
    return std::string{text_.substr(begin, at_ - begin)};
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, const std::string& otherwise) {
    if (!take(c)) fail(otherwise);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw usage_error("spec '" + std::string{text_} + "', column " + std::to_string(at_ + 1) + ": " + what);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const spec_value& spec::value(std::string_view key) const {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (kind->keys[i].name == key) return values[i];
  throw std::logic_error("spec '" + std::string{name()} + "' has no key '" + std::string{key} + "'");
}

spec parse_spec(std::string_view text) { return parser{text}.parse_all(); }

std::string to_string(const spec& s) {
  std::string out{s.name()};
  if (s.kind->most_parts > 0) {
    char before = '(';
    for (const spec& part : s.parts) {
      out += before;
      out += to_string(part);
      before = '|';
    }
    return out + ")";
  }
  char separator = ':';
  if (s.kind->takes != file_use::none) {
    out += ':' + quoted(s.file);
    separator = ',';
  }
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    if (s.kind->keys[i].form == value_form::file && s.values[i].file.empty()) continue;
    out += separator + std::string{s.kind->keys[i].name} + "=" + shown(s.kind->keys[i], s.values[i]);
    separator = ',';
  }
  return out;
}

std::string spec_help() {
  std::string out = "A spec says which drafter guesses:\n";
  for (const spec_kind& k : known_kinds()) {
    std::string form{k.name};
    if (k.most_parts > 0) form += "(SPEC|SPEC…)";
    if (k.takes != file_use::none) form += ":FILE";
    for (const spec_key& key : k.keys) {
      form += form.find(':') == std::string::npos ? ":" : ",";
      form += std::string{key.name} + "=" + std::string{key.standard};
    }
    out += "  " + form + "\n      " + std::string{k.meaning};
    for (const spec_key& key : k.keys) out += "; " + std::string{key.name} + ": " + meaning_of(key);
    out += "\n";
  }
  return out + "  Example: --spec 'first(lookup:n=4,len=10|model:draft.gguf,len=3)'\n";
}

}  // namespace hunch::cli
