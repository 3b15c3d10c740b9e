// What people and programs read: tables, JSON, the machine.
#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "session.hpp"

namespace hunch::cli {

using json = nlohmann::ordered_json;  // keys in the order in which they are written

/// A table for people: the first columns (names) left-aligned, the others (numbers) right-aligned.
class table {
 public:
  explicit table(std::vector<std::string> head, std::size_t names = 1) : names_{names} { add(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(std::ostream& out) const;

 private:
  std::size_t names_;
  std::vector<std::vector<std::string>> rows_;  // the first is the head
};

/// 3.14159, 2 → "3.14".
[[nodiscard]] std::string fixed(double x, int digits);
/// 98362432 → "98.4 MB".
[[nodiscard]] std::string bytes_text(double bytes);
[[nodiscard]] double median(std::vector<double> values);

/// "yes", "no", "-" where texts cannot be compared.
[[nodiscard]] std::string yes_no(const std::optional<bool>& b);

/// CPU, cores, kernels, compiler, version: what a figure depends on. Nothing about the user.
[[nodiscard]] json machine_json(const device_backend& backend);
/// The same in one line.
[[nodiscard]] std::string machine_line(const device_backend& backend);

[[nodiscard]] json stats_json(const text_result& r);

/// JSON and a line break on standard output. Bytes that are no UTF-8 (in file names) become U+FFFD.
void print_json(const json& j);

/// Throws hunch::error when standard output did not take everything.
void check_stdout();

/// Number or null: JSON has no NaN.
[[nodiscard]] json number(double x);

}  // namespace hunch::cli
