// All laws that a user's own parts can be checked against.
#pragma once

#include <hunch/testing/backend_laws.hpp>
#include <hunch/testing/drafter_laws.hpp>
