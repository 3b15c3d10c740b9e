// How the program ends: usage errors are exit code 2, everything else that fails is 1.
#pragma once

#include <stdexcept>

namespace hunch::cli {

/// The command line asks for something that makes no sense; the message says what to write instead.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_interrupted = 130;  // as shells report Ctrl-C

}  // namespace hunch::cli
