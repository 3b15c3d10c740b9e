// The grammar of --spec: which drafter guesses.
//
//   spec  := name [':' item (',' item)*]  |  "first" '(' spec ('|' spec)+ ')'
//   item  := FILE (first item of names that need one; in "…" where it holds , | ) or a quote)  |  key '=' number
//
// A later drafter is one more row of known_kinds() and one more case in make_drafter (session.cpp).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hunch::cli {

/// A number that a drafter takes.
struct spec_key {
  std::string_view name;
  long standard;  // used when the key is not given
  long low;
  long high;
  std::string_view meaning;
};

/// What a name of the grammar takes.
struct spec_kind {
  std::string_view name;
  bool takes_file;
  bool takes_parts;
  std::span<const spec_key> keys;
  std::string_view meaning;
};

[[nodiscard]] std::span<const spec_kind> known_kinds() noexcept;

/// A parsed spec.
struct spec {
  const spec_kind* kind = nullptr;  // into known_kinds()
  std::string file;                 // draft model
  std::vector<long> values;         // in the order of kind->keys, standards filled in
  std::vector<spec> parts;          // of first(…)

  [[nodiscard]] std::string_view name() const noexcept { return kind->name; }
  /// Value of a key that this kind has.
  [[nodiscard]] std::size_t at(std::string_view key) const;
};

/// Reads a spec. Throws usage_error with the column, what is wrong there and what is known.
[[nodiscard]] spec parse_spec(std::string_view text);

/// The spec with all its values written out; parses to the same spec.
[[nodiscard]] std::string to_string(const spec& s);

/// The text of a spec with its files' names without their folders, for tables.
[[nodiscard]] std::string label_of(const std::string& text);

/// The grammar with meanings, standards and ranges, for --help.
[[nodiscard]] std::string spec_help();

}  // namespace hunch::cli
