// The commands: each adds its options to the program and, when it is chosen, what to do.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace hunch::cli {

/// What the chosen command does; returns the exit code.
using action = std::function<int()>;

void add_generate(CLI::App& program, action& chosen);
void add_bench(CLI::App& program, action& chosen);
void add_curve(CLI::App& program, action& chosen);
void add_perplexity(CLI::App& program, action& chosen);
void add_inspect(CLI::App& program, action& chosen);

}  // namespace hunch::cli
