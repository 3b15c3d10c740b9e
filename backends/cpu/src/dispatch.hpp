// Chooses the kernels, once, when a model is loaded.
#pragma once

#include <hunch/cpu/backend.hpp>

#include "kernels/table.hpp"

namespace hunch::cpu {

/// True when this program has kernels of that kind and the processor can run them. For AMX the system is asked for its
/// permission, once.
[[nodiscard]] bool available(isa which) noexcept;

/// Throws hunch::error when the processor cannot run what is asked for.
[[nodiscard]] const kernel_table& kernels_for(isa which);

}  // namespace hunch::cpu
