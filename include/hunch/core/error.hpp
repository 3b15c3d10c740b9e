// Errors: exceptions while loading and building, contract checks everywhere, values for what is no error.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__FAST_MATH__)
#error "hunch: -ffast-math breaks exact sampling (NaN checks, noise with the same bits everywhere); build without it"
#endif

namespace hunch {

/// Thrown while loading or building (bad file, unsupported tensor, parts that do not fit together); never by a step.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws `hunch::error` where exceptions exist; elsewhere prints the message and aborts.
[[noreturn]] inline void raise(const std::string& message) {
#if defined(__cpp_exceptions)
  throw error(message);
#else
  std::fprintf(stderr, "hunch: %s\n", message.c_str());
  std::abort();
#endif
}

/// A broken contract is a bug in the caller: say where, then stop.
[[noreturn]] inline void contract_violated(const char* condition, const char* message, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: hunch: contract violated: %s (%s)\n", file, line, message, condition);
  std::abort();
}

}  // namespace hunch

// Checked in debug builds and wherever HUNCH_HARDENED is defined; free in release builds.
#if !defined(NDEBUG) || defined(HUNCH_HARDENED)
#define HUNCH_CHECKS_CONTRACTS 1
#define HUNCH_EXPECTS(condition, message) \
  ((condition) ? static_cast<void>(0) : ::hunch::contract_violated(#condition, message, __FILE__, __LINE__))
#else
#define HUNCH_CHECKS_CONTRACTS 0
#define HUNCH_EXPECTS(condition, message) static_cast<void>(0)
#endif
