// `hunch curve`: what one pass costs, by its rows and by the tokens before it.
#include <algorithm>
#include <iostream>
#include <memory>

#include <hunch/core/draft_tree.hpp>
#include <hunch/core/error.hpp>

#include "../commands.hpp"
#include "../engine.hpp"
#include "../passes.hpp"
#include "../report.hpp"
#include "../usage.hpp"

namespace hunch::cli {
namespace {

struct curve_options {
  model_options model;
  std::vector<long> rows{1, 2, 4, 8, 16, 32, 64};
  std::vector<long> depths{128, 1024};
  long repetitions = 10;
  std::string output;
};

struct point {
  std::size_t depth = 0;
  std::size_t rows = 0;
  std::vector<double> seconds;  // [repetition]

  [[nodiscard]] double least() const { return *std::min_element(seconds.begin(), seconds.end()); }
};

std::vector<point> measure_depth(device_backend& backend, const curve_options& o, std::size_t depth) {
  timed_passes passes{backend, depth};
  std::vector<point> points;
  std::vector<draft_tree> trees;
  for (const long rows : o.rows) {
    points.push_back({depth, static_cast<std::size_t>(rows), {}});
    trees.push_back(passes.chain(points.back().rows));
    (void)passes.seconds(trees.back());  // warm
  }
  for (long r = 0; r < o.repetitions; ++r)  // taking turns, so that a slow moment meets all
    for (std::size_t i = 0; i < points.size(); ++i) points[i].seconds.push_back(passes.seconds(trees[i]));
  return points;
}

/// Median of one row at the same depth.
double one_row(const std::vector<point>& points, std::size_t depth) {
  const auto p =
      std::find_if(points.begin(), points.end(), [&](const point& x) { return x.depth == depth && x.rows == 1; });
  return median(p->seconds);
}

json to_json(const std::vector<point>& points, const curve_options& o, const device_backend& backend) {
  json list = json::array();
  for (const point& p : points)
    list.push_back({{"depth", p.depth},
                    {"rows", p.rows},
                    {"median_s", median(p.seconds)},
                    {"min_s", p.least()},
                    {"ratio", median(p.seconds) / one_row(points, p.depth)}});
  return {{"model", o.model.path},
          {"machine", machine_json(backend)},
          {"threads", backend.about().threads()},
          {"points", list}};
}

void print_table(const std::vector<point>& points, const curve_options& o, const device_backend& backend) {
  table t{{"depth", "rows", "median ms", "least ms", "ratio", "ms a row"}};
  for (const point& p : points) {
    const double m = median(p.seconds);
    t.add({std::to_string(p.depth), std::to_string(p.rows), fixed(1e3 * m, 2), fixed(1e3 * p.least(), 2),
           fixed(m / one_row(points, p.depth), 2), fixed(1e3 * m / static_cast<double>(p.rows), 2)});
  }
  std::cout << o.model.path << "; " << machine_line(backend) << "\n\n";
  t.print(std::cout);
  std::cout << "\nOne pass of `rows` tokens after `depth` others, logits for all; " << o.repetitions
            << " repetitions, the row counts taking turns; ratio: of the medians, to one row\n";
  check_stdout();
}

int curve(curve_options o) {
  o.rows.push_back(1);  // what ratios refer to
  std::sort(o.rows.begin(), o.rows.end());
  o.rows.erase(std::unique(o.rows.begin(), o.rows.end()), o.rows.end());
  const auto needed = *std::max_element(o.depths.begin(), o.depths.end()) + o.rows.back();
  engine models{o.model, std::cerr};
  device_backend& backend = models.target().backend;
  if (backend.context() < static_cast<std::size_t>(needed))
    throw error("the context holds " + std::to_string(backend.context()) + " tokens and the curve needs " +
                std::to_string(needed) + "; lower --depth or --rows, or raise -c");
  std::vector<point> points;
  for (const long depth : o.depths) {
    std::cerr << "depth " << depth << " …" << std::endl;
    for (point& p : measure_depth(backend, o, static_cast<std::size_t>(depth))) points.push_back(std::move(p));
  }
  if (o.output == "json")
    print_json(to_json(points, o, backend));
  else
    print_table(points, o, backend);
  return 0;
}

}  // namespace

void add_curve(CLI::App& program, action& chosen) {
  auto o = std::make_shared<curve_options>();
  auto& command = *program.add_subcommand("curve", "Measure one pass by its rows: what verification costs");
  add_model_options(command, o->model);
  const char* group = "Measurement";
  command.add_option("--rows", o->rows, "Rows of a pass; 1 is always measured")
      ->delimiter(',')
      ->check(in_range(1L, 1024L))
      ->type_name("N,N…")
      ->default_str("1,2,4,8,16,32,64")
      ->group(group);
  command.add_option("--depth", o->depths, "Tokens in the cache before the pass")
      ->delimiter(',')
      ->check(in_range(0L, 1L << 30))
      ->type_name("N,N…")
      ->default_str("128,1024")
      ->group(group);
  command.add_option("--repetitions", o->repetitions, "Passes of each kind")
      ->type_name("N")
      ->check(in_range(1L, 100000L))
      ->capture_default_str()
      ->group(group);
  add_output_option(command, o->output, {"table", "json"});
  command.callback([&chosen, o] { chosen = [o] { return curve(*o); }; });
}

}  // namespace hunch::cli
