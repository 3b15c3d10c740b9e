#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <thread>

#include <hunch/core/error.hpp>

namespace hunch::cli {
namespace {

std::size_t width_of(const std::string& s) {
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; };
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), starts_character));
}

std::string cpu_name() {
  std::ifstream in{"/proc/cpuinfo"};
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon + 2 < line.size()) return line.substr(colon + 2);
  }
  return "unknown";
}

const char* compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

/// Objects and lists of objects over several lines, lists of numbers in one.
void write(std::ostream& out, const json& j, const std::string& indent) {
  const bool lines = j.is_object() || (j.is_array() && !j.empty() && j.front().is_object());
  if (!lines || j.empty()) {
    out << j.dump(-1, ' ', false, json::error_handler_t::replace);
    return;
  }
  const std::string deeper = indent + "  ";
  const char* separator = "\n";
  out << (j.is_object() ? '{' : '[');
  for (const auto& [key, value] : j.items()) {
    out << separator << deeper;
    if (j.is_object()) out << json(key).dump() << ": ";
    write(out, value, deeper);
    separator = ",\n";
  }
  out << '\n' << indent << (j.is_object() ? '}' : ']');
}

}  // namespace

void table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      out << (i == 0 ? "" : "  ") << (i < names_ ? row[i] + pad : pad + row[i]);
    }
    out << '\n';
  }
}

std::string fixed(double x, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << x;
  return out.str();
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fixed(bytes / 1e9, 2) + " GB";
  if (bytes >= 1e6) return fixed(bytes / 1e6, 1) + " MB";
  return fixed(bytes / 1e3, 1) + " kB";
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string yes_no(const std::optional<bool>& b) { return !b ? "-" : *b ? "yes" : "no"; }

json machine_json(const device_backend& backend) {
  return {{"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"kernels", backend.about().kernels()},
          {"threads", backend.about().threads()},
          {"compiler", compiler_name()},
          {"hunch", HUNCH_VERSION}};
}

std::string machine_line(const device_backend& backend) {
  return cpu_name() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores; kernels " +
         backend.about().kernels() + ", " + std::to_string(backend.about().threads()) + " threads; " + compiler_name() +
         "; hunch " + HUNCH_VERSION;
}

json stats_json(const text_result& r) {
  const auto histogram = r.stats.accepted_histogram();
  return {{"steps", r.stats.steps},
          {"drafted", r.stats.drafted},
          {"tested", r.stats.tested},
          {"accepted", r.stats.accepted},
          {"emitted", r.stats.emitted},
          {"truncated", r.stats.truncated},
          {"tau", r.stats.tau()},
          {"alpha", r.stats.alpha()},
          {"draft_yield", r.stats.draft_yield()},
          {"accepted_histogram", std::vector<std::size_t>(histogram.begin(), histogram.end())},
          {"prefill_s", r.prefill_s},
          {"decode_s", r.decode_s},
          {"tokens_per_s", r.tokens_per_s()},
          {"draft_s", r.draft_s},
          {"verify_s", r.verify_s}};
}

void print_json(const json& j) {
  write(std::cout, j, "");
  std::cout << '\n';
  check_stdout();
}

void check_stdout() {
  std::cout.flush();
  if (!std::cout) throw error("standard output cannot be written");
}

json number(double x) { return std::isfinite(x) ? json(x) : json(nullptr); }

}  // namespace hunch::cli
