// Specs of drafters: what parses is printed, parses again and is the same; what does not is refused with a column.
#include <algorithm>

#include "fuzz.hpp"
#include "spec.hpp"
#include "usage.hpp"

using namespace hunch;

namespace {

bool same(const cli::spec& a, const cli::spec& b) {
  return a.kind == b.kind && a.file == b.file && a.values == b.values &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), same);
}

void check_ranges(const cli::spec& s) {
  fuzz::check(s.values.size() == s.kind->keys.size(), "every key has a value");
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    const cli::spec_key& key = s.kind->keys[i];
    const double x = s.values[i].number;
    const bool number = key.form == cli::value_form::whole || key.form == cli::value_form::real;
    fuzz::check(!number || (x >= key.low && x <= key.high), "numbers are in range");
    fuzz::check(key.form == cli::value_form::file || s.values[i].file.empty(), "files are values of their keys");
    fuzz::check((key.form == cli::value_form::shape) != s.values[i].shape.empty(), "shapes have levels");
  }
  fuzz::check(s.file.empty() == (s.kind->takes == cli::file_use::none), "a file where one is needed");
  fuzz::check(s.parts.empty() == (s.kind->most_parts == 0), "parts where they are needed");
  for (const auto& part : s.parts) check_ranges(part);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string whole{reinterpret_cast<const char*>(data), size};
  const std::string text = whole.substr(0, whole.find('\0'));  // arguments of a program hold no NUL
  cli::spec s;
  try {
    s = cli::parse_spec(text);
  } catch (const cli::usage_error& e) {
    fuzz::check(std::string_view{e.what()}.find(", column ") != std::string_view::npos, "a refusal names the column");
    return 0;
  }
  check_ranges(s);
  const auto printed = cli::to_string(s);
  const auto again = cli::parse_spec(printed);
  fuzz::check(same(s, again), "a printed spec parses to the same spec");
  fuzz::check(cli::to_string(again) == printed, "a spec is printed one way");
  fuzz::check(cli::label_of(text).size() <= text.size(), "a label is no longer than its spec");
  return 0;
}
