#include "spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "usage.hpp"

namespace hunch::cli {
namespace {

// A pass takes at most 64 nodes, the root included.
constexpr long longest_draft = 63;

constexpr std::array<spec_key, 2> lookup_keys{{
    {"n", 3, 1, 64, "tokens that must match"},
    {"len", 8, 1, longest_draft, "tokens drafted"},
}};
constexpr std::array<spec_key, 1> model_keys{{{"len", 4, 1, longest_draft, "tokens drafted"}}};

constexpr std::array<spec_kind, 4> kinds{{
    {"none", false, false, {}, "plain decoding"},
    {"lookup", false, false, lookup_keys, "copy what followed the last tokens before"},
    {"model", true, false, model_keys, "a draft model with the target's vocabulary"},
    {"first", false, true, {}, "the first part that proposes anything"},
}};

template <class T>
std::string names_of(std::span<const T> known) {
  std::string out;
  for (const T& k : known) out += (out.empty() ? "" : ", ") + std::string{k.name};
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
  static constexpr int deepest = 16;  // nesting of first(…)

  spec parse_one(int depth) {
    if (depth > deepest) fail("more than 16 levels of first(…)");
    skip_blanks();
    const std::size_t begin = at_;
    const std::string name = read_word();
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const spec_kind& k) { return k.name == name; });
    if (kind == kinds.end()) {
      at_ = begin;
      fail((name.empty() ? "a name is missing" : "unknown name '" + name + "'") +
           "; known: " + names_of(std::span<const spec_kind>{kinds}));
    }
    spec s{&*kind, {}, {}, {}};
    for (const spec_key& k : kind->keys) s.values.push_back(k.standard);
    if (kind->takes_parts)
      parse_parts(s, depth);
    else
      parse_items(s);
    return s;
  }

  void parse_parts(spec& s, int depth) {
    expect('(', "first needs its parts in parentheses: first(lookup|model:FILE)");
    do s.parts.push_back(parse_one(depth + 1));
    while (take('|'));
    if (s.parts.size() < 2) fail("first(…) needs at least two parts, joined by '|'");
    expect(')', "a ')' is missing");
  }

  void parse_items(spec& s) {
    if (!take(':')) {
      if (s.kind->takes_file) fail(std::string{s.name()} + " needs a file: " + std::string{s.name()} + ":FILE");
      return;
    }
    if (s.kind->keys.empty()) fail(std::string{s.name()} + " takes no keys");
    std::vector<bool> given(s.values.size());
    if (s.kind->takes_file) {
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
    expect('=', "a value is missing: " + key + "=" + std::to_string(k->standard));
    s.values[index] = read_number(*k);
  }

  long read_number(const spec_key& k) {
    skip_blanks();
    const std::string range = std::to_string(k.low) + " to " + std::to_string(k.high);
    long value = 0;
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const auto [stop, problem] = std::from_chars(begin, end, value);
    if (stop == begin) fail(std::string{k.name} + " needs a whole number, " + range);
    if (problem != std::errc{} || value < k.low || value > k.high)
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
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_' || text_[at_] == '-'))
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

std::span<const spec_kind> known_kinds() noexcept { return kinds; }

std::size_t spec::at(std::string_view key) const {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (kind->keys[i].name == key) return static_cast<std::size_t>(values[i]);
  throw std::logic_error("spec '" + std::string{name()} + "' has no key '" + std::string{key} + "'");
}

spec parse_spec(std::string_view text) { return parser{text}.parse_all(); }

std::string to_string(const spec& s) {
  std::string out{s.name()};
  if (s.kind->takes_parts) {
    char before = '(';
    for (const spec& part : s.parts) {
      out += before;
      out += to_string(part);
      before = '|';
    }
    return out + ")";
  }
  char separator = ':';
  if (s.kind->takes_file) {
    const bool plain = s.file.find_first_of(",|) ") == std::string::npos;
    out += ':';
    out += plain ? s.file : '"' + s.file + '"';
    separator = ',';
  }
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    out += separator + std::string{s.kind->keys[i].name} + "=" + std::to_string(s.values[i]);
    separator = ',';
  }
  return out;
}

std::string label_of(const std::string& text) {
  std::string out = text;
  const auto shorten = [&out](const auto& self, const spec& s) -> void {
    const std::size_t name = s.file.rfind('/');
    if (const std::size_t at = out.find(s.file); name != std::string::npos) out.erase(at, name + 1);
    for (const spec& part : s.parts) self(self, part);
  };
  shorten(shorten, parse_spec(text));
  return out;
}

std::string spec_help() {
  std::string out = "A spec says which drafter guesses:\n";
  for (const spec_kind& k : kinds) {
    std::string form{k.name};
    if (k.takes_parts) form += "(SPEC|SPEC…)";
    if (k.takes_file) form += ":FILE";
    for (const spec_key& key : k.keys) {
      form += form.find(':') == std::string::npos ? ":" : ",";
      form += std::string{key.name} + "=" + std::to_string(key.standard);
    }
    out += "  " + form + "\n      " + std::string{k.meaning};
    for (const spec_key& key : k.keys)
      out += "; " + std::string{key.name} + ": " + std::string{key.meaning} + ", " + std::to_string(key.low) + " to " +
             std::to_string(key.high);
    out += "\n";
  }
  return out + "  Example: --spec 'first(lookup:n=4,len=10|model:draft.gguf,len=3)'\n";
}

}  // namespace hunch::cli
