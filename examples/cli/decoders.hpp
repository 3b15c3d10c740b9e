// From a drafter and the sampling options to a decoder.
#pragma once

#include <hunch/any.hpp>

#include "drafters.hpp"
#include "options.hpp"
#include "spec.hpp"
#include "watched.hpp"

namespace hunch::cli {

/// The decoder of a spec; `drafters` keeps what it refers to. Throws usage_error for pairs of spec and verifier that do
/// not go together.
[[nodiscard]] any_decoder make_decoder(watched& target, drafter_maker& drafters, const spec& s,
                                       const sampling_options& sampling);

}  // namespace hunch::cli
