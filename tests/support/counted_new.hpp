// Counts what the program allocates.
#pragma once

#include <cstddef>

namespace hunch::test {

/// Calls of operator new so far.
std::size_t allocation_count();

}  // namespace hunch::test
