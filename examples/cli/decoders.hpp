// From a drafter and the sampling options to a decoder.
#pragma once

#include <hunch/any.hpp>

#include "options.hpp"
#include "watched.hpp"

namespace hunch::cli {

/// The decoder of a drafter that was made for these options.
[[nodiscard]] any_decoder make_decoder(watched& target, any_drafter drafter, const sampling_options& sampling);

}  // namespace hunch::cli
