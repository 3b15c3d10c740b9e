// Files of acceptance heads: safetensors, as examples/train/head_train.py writes them.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <hunch/drafters/acceptance_head.hpp>

namespace hunch::cli {

/// Reads a head. `name` is for messages. Throws hunch::error with what is wrong in the file and what to do; all shapes
/// fit together and all numbers are finite in what it returns.
[[nodiscard]] acceptance_weights read_head(std::span<const std::byte> bytes, const std::string& name);
[[nodiscard]] acceptance_weights read_head(const std::string& path);

}  // namespace hunch::cli
