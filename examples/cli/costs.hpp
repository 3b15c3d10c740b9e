// What drafting and checking cost on this machine, measured before the first text.
#pragma once

#include <hunch/drafters/adaptive_length.hpp>

#include "device.hpp"

namespace hunch::cli {

/// Medians of a few passes behind a short text. `draft`: the draft model; none: guesses are free.
[[nodiscard]] draft_costs measured_costs(device_backend& target, device_backend* draft);

}  // namespace hunch::cli
