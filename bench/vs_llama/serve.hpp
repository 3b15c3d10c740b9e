// What both engines answer to: one command a line on the standard input, one line with the result.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace versus {

inline double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A line of /proc/self/status in KiB.
inline std::size_t memory_kib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(name + ":", 0) == 0) return std::stoul(line.substr(name.size() + 1));
  return 0;
}

/// Commands: `pass DEPTH ROWS` (ms of one pass of ROWS tokens with logits for all, after DEPTH others),
/// `prefill TOKENS` (ms), `memory` (resident and peak KiB). `Engine` has prepare(depth), pass(rows), prefill(tokens),
/// each of which leaves the text as long as it was after prepare.
template <class Engine>
int serve(Engine& engine, const std::string& name) {
  std::cout << "ready " << name << std::endl;
  std::size_t depth = 0;
  bool prepared = false;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    std::size_t first = 0;
    std::size_t second = 0;
    words >> verb >> first >> second;
    if (verb == "pass") {
      if (!prepared || depth != first) engine.prepare(first);
      depth = first;
      prepared = true;
      const double begin = now_ms();
      engine.pass(second);
      std::cout << now_ms() - begin << std::endl;
    } else if (verb == "prefill") {
      engine.prepare(0);
      prepared = false;
      const double begin = now_ms();
      engine.prefill(first);
      std::cout << now_ms() - begin << std::endl;
    } else if (verb == "memory") {
      std::cout << memory_kib("VmRSS") << " " << memory_kib("VmHWM") << std::endl;
    } else {
      std::cerr << "unknown command '" << line << "'; use pass DEPTH ROWS, prefill TOKENS, memory\n";
      return 2;
    }
  }
  return 0;
}

}  // namespace versus
