// Tests that run on a GPU, or skip and say why; the emulated device is always there.
#pragma once

#include <hunch/cuda/backend.hpp>

#include "support/catch.hpp"

#define HUNCH_NEEDS_DEVICE()                                         \
  do {                                                               \
    const std::string why = hunch::cuda::why_no_device();            \
    if (!why.empty()) HUNCH_SKIP("no GPU that can be used: " + why); \
  } while (false)
