#include <algorithm>
#include <iostream>
#include <optional>

#include <hunch/core/error.hpp>

#include "../usage.hpp"
#include "generate.hpp"

namespace hunch::cli {
namespace {

/// Runs of one spec on one prompt.
struct runs {
  text_result first;
  std::vector<double> speeds;  // [run] tokens/s
  [[nodiscard]] double speed() const { return median(speeds); }
};

struct comparison {
  runs plain;
  runs drafted;
  std::optional<bool> identical;
  std::size_t differ_at = 0;  // token
  [[nodiscard]] double speedup() const { return plain.speed() > 0 ? drafted.speed() / plain.speed() : 0; }
};

void add_run(runs& to, text_result r) {
  to.speeds.push_back(r.tokens_per_s());
  if (to.speeds.size() == 1) to.first = std::move(r);
}

/// Compares with the first plain text; sampled texts of other verifiers than match follow one law, not one text.
void judge(comparison& c, const generate_options& o, const text_result& r) {
  if (!o.sampling.greedy() && o.sampling.verify != verify_rule::match) return;
  const auto& a = c.plain.first.text.tokens();
  const auto& b = r.text.tokens();
  const bool same = a == b && c.plain.first.text.text() == r.text.text();
  if (!same && c.identical.value_or(true))
    c.differ_at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  c.identical = c.identical.value_or(true) && same;
}

void print_text(const comparison& c, const generate_options& o, const std::string& spec_text) {
  const auto line = [](const std::string& name, const runs& r) {
    std::cout << name << ": " << fixed(r.speed(), 1) << " tok/s\n";
  };
  std::cout << '\n';
  line("plain", c.plain);
  line(label_of(spec_text), c.drafted);
  std::cout << "speed-up: " << fixed(c.speedup(), 2) << "x";
  if (o.repeat > 1) std::cout << " (medians of " << o.repeat << " runs each)";
  std::cout << "\nτ: " << fixed(c.drafted.first.stats.tau(), 2) << " tokens a step (α "
            << fixed(c.drafted.first.stats.alpha(), 2) << ")\n";
  std::cout << "identical: " << (c.identical ? yes_no(c.identical) : "not comparable: sampled with the same law")
            << '\n';
  check_stdout();
}

json comparison_json(const comparison& c, const generate_options& o) {
  return {{"repeat", o.repeat},
          {"plain_tokens_per_s", c.plain.speed()},
          {"tokens_per_s", c.drafted.speed()},
          {"speedup", c.speedup()},
          {"tau", c.drafted.first.stats.tau()},
          {"identical", c.identical ? json(*c.identical) : json(nullptr)}};
}

}  // namespace

int compare(const generate_options& o, engine& models, const std::string& spec_text) {
  const auto prompt = encode_prompt(o, models.target());
  const auto sampling = sampling_of(o, models.target(), prompt.size());
  const bool as_json = o.output == "json";
  comparison c;
  for (long i = 0; i < o.repeat; ++i) {
    // New sessions: every run prefills the prompt and starts with empty caches.
    session plain{models, parse_spec("none"), sampling};
    session drafted{models, parse_spec(spec_text), sampling};
    printer print{false};
    const bool stream = i == 0 && !as_json;
    const auto wish = request_of(o);
    auto r = plain.run(prompt, wish, stream ? session::listener{std::ref(print)} : session::listener{});
    if (i > 0) judge(c, o, r);
    if (r.interrupted) return exit_interrupted;
    add_run(c.plain, std::move(r));
    r = drafted.run(prompt, wish);
    if (r.interrupted) return exit_interrupted;
    judge(c, o, r);
    add_run(c.drafted, std::move(r));
  }
  if (as_json) {
    json j = result_json(o, spec_text, prompt.size(), c.drafted.first);
    j["compare"] = comparison_json(c, o);
    print_json(j);
  } else {
    std::cout << '\n';
    print_text(c, o, spec_text);
  }
  if (c.identical.value_or(true)) return 0;
  throw error("the texts differ from token " + std::to_string(c.differ_at) + " on; speculation must not change a text");
}

}  // namespace hunch::cli
