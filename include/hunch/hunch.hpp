// The whole library.
#pragma once

#include <hunch/core.hpp>
#include <hunch/ranges.hpp>
