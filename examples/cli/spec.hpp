// The grammar of --spec: which drafter guesses.
//
//   spec  := name [':' item (',' item)*]  |  name [':'] '(' spec ('|' spec)+ ')'
//   item  := FILE (first item of names that need one; in "…" where it holds , | ) or a quote)  |  key '=' value
//   value := a whole number, a number, a word, a shape: children by level, 3x2x1, or a FILE
//
// A later drafter is one more row of known_kinds() (kinds.cpp) and one more case in drafter_maker::make (drafters.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hunch::cli {

/// What a value of a key looks like.
enum class value_form { whole, real, word, shape, file };

/// A value that a drafter takes.
struct spec_key {
  std::string_view name;
  value_form form;
  std::string_view standard;  // used when the key is not given; of files: what to write there, no file is used
  double low;                 // of numbers; of shapes: nodes
  double high;
  std::string_view words;  // allowed words, joined by |
  std::string_view meaning;
};

struct spec_value {
  double number = 0;                   // of numbers; of words: their place among the allowed ones
  std::vector<std::uint32_t> shape{};  // of shapes
  std::string file{};                  // of files; empty: none

  friend bool operator==(const spec_value&, const spec_value&) = default;
};

enum class file_use { none, model, corpus };

/// What a name of the grammar takes.
struct spec_kind {
  std::string_view name;
  file_use takes;
  std::size_t most_parts;  // 0: it joins nothing
  std::span<const spec_key> keys;
  std::string_view meaning;
};

[[nodiscard]] std::span<const spec_kind> known_kinds() noexcept;

/// A parsed spec.
struct spec {
  const spec_kind* kind = nullptr;  // into known_kinds()
  std::string file;                 // draft model or corpus
  std::vector<spec_value> values;   // in the order of kind->keys, standards filled in
  std::vector<spec> parts;          // of names that join drafters

  [[nodiscard]] std::string_view name() const noexcept { return kind->name; }
  // Values of keys that this kind has.
  [[nodiscard]] std::size_t at(std::string_view key) const { return static_cast<std::size_t>(value(key).number); }
  [[nodiscard]] double real(std::string_view key) const { return value(key).number; }
  [[nodiscard]] const std::vector<std::uint32_t>& shape(std::string_view key) const { return value(key).shape; }
  [[nodiscard]] const std::string& named(std::string_view key) const { return value(key).file; }

 private:
  [[nodiscard]] const spec_value& value(std::string_view key) const;
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
