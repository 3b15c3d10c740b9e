#include <csignal>

#include "session.hpp"

namespace hunch::cli {
namespace {

volatile std::sig_atomic_t asked_to_end = 0;

void on_interrupt(int) { asked_to_end = 1; }

}  // namespace

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() noexcept { return asked_to_end != 0; }

}  // namespace hunch::cli
