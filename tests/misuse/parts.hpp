// What the sources beside this one misuse: each must fail with its one message.
#pragma once

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

namespace misuse {
inline hunch::testing::toy_backend backend() { return {3, hunch::testing::hashed_law<float>(1, 1.0)}; }
}  // namespace misuse
