#include "tally.hpp"

#include <algorithm>

namespace hunch::cli {
namespace {

double ratio(double a, double b) noexcept { return b > 0 ? a / b : 0; }
double ratio(std::size_t a, std::size_t b) noexcept { return ratio(static_cast<double>(a), static_cast<double>(b)); }

void add(prompt_cost& sum, const prompt_cost& c) {
  sum.tokens += c.tokens;
  sum.decode_s += c.decode_s;
  sum.steps += c.steps;
  sum.drafted += c.drafted;
  sum.tested += c.tested;
  sum.accepted += c.accepted;
}

bench_row row_of(const std::vector<measurement>& measured, const std::string& spec, const std::string& category) {
  bench_row row;
  row.spec = spec;
  row.category = category;
  prompt_cost plain;
  prompt_cost sum;
  double ratios = 0;
  bool comparable = true;
  bool identical = true;
  for (const measurement& m : measured) {
    if (m.spec != spec || (category != "all" && m.category != category)) continue;
    ++row.prompts;
    add(plain, m.plain);
    add(sum, m.cost);
    ratios += ratio(m.cost.tokens_per_s(), m.plain.tokens_per_s());
    comparable &= m.identical.has_value();
    identical &= m.identical.value_or(true);
  }
  row.tokens = sum.tokens;
  row.tokens_per_s = sum.tokens_per_s();
  row.speedup = ratio(sum.tokens_per_s(), plain.tokens_per_s());
  row.speedup_mean = ratio(ratios, static_cast<double>(row.prompts));
  row.tau = ratio(sum.tokens, sum.steps);
  row.alpha = ratio(sum.accepted, sum.tested);
  row.draft_yield = ratio(sum.accepted, sum.drafted);
  if (comparable) row.identical = identical;
  return row;
}

void note(std::vector<std::string>& seen, const std::string& name) {
  if (std::find(seen.begin(), seen.end(), name) == seen.end()) seen.push_back(name);
}

}  // namespace

void prompt_cost::add(const stats& s, double seconds) {
  tokens += s.emitted;
  decode_s += seconds;
  steps += s.steps;
  drafted += s.drafted;
  tested += s.tested;
  accepted += s.accepted;
}

std::vector<bench_row> summarize(const std::vector<measurement>& measured) {
  std::vector<std::string> specs;
  std::vector<std::string> categories;
  for (const measurement& m : measured) {
    note(specs, m.spec);
    note(categories, m.category);
  }
  categories.emplace_back("all");
  std::vector<bench_row> rows;
  for (const std::string& spec : specs)
    for (const std::string& category : categories) rows.push_back(row_of(measured, spec, category));
  return rows;
}

}  // namespace hunch::cli
