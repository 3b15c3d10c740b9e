// What drafting and checking cost on this machine, measured before the first text.
#pragma once

#include <hunch/cpu/backend.hpp>
#include <hunch/drafters/adaptive_length.hpp>

namespace hunch::cli {

/// Medians of a few passes behind a short text. `draft`: the draft model; none: guesses are free.
[[nodiscard]] draft_costs measured_costs(cpu::backend& target, cpu::backend* draft);

}  // namespace hunch::cli
