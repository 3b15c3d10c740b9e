// Traces in memory, and runs of a policy: what the tests of traces share.
#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/replay/backend.hpp>
#include <hunch/replay/trace.hpp>
#include <hunch/trace/recorder.hpp>

namespace hunch::test {

using tokens = std::vector<token>;

[[nodiscard]] inline trace_sink into(std::string& lines) {
  return [&lines](std::string_view line) {
    lines.append(line);
    lines.push_back('\n');
  };
}
[[nodiscard]] inline std::vector<replay::recorded_text> read(const std::string& lines) {
  std::istringstream in{lines};
  return replay::read_trace(in, "memory");
}

/// What a policy did with a text.
struct outcome {
  tokens text;
  std::size_t steps = 0;
  std::vector<std::size_t> histogram;  // [accepted in a step]
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// `wish` comes with its max_tokens.
template <Backend B, class D, class V>
[[nodiscard]] outcome run(B& target, D drafter, V verifier, const tokens& prompt, request wish) {
  auto decoder = speculate(target, std::move(drafter), std::move(verifier), stats{});
  decoder.start(prompt, std::move(wish));
  while (decoder.status() == status::running) decoder.step();
  const auto text = decoder.text();
  const auto counts = decoder.observer().accepted_histogram();
  return {{text.begin(), text.end()}, decoder.observer().steps, {counts.begin(), counts.end()}};
}

/// The trace of plain decoding.
template <Backend B, class W>
[[nodiscard]] std::string plain_trace(B& target, const W& warp, const tokens& prompt, const request& wish,
                                      trace_options options) {
  std::string lines;
  auto decoder = speculate(target, no_draft{}, match(warp), trace_recorder{into(lines), std::move(options)});
  decoder.start(prompt, wish);
  while (decoder.status() == status::running) decoder.step();
  return lines;
}

}  // namespace hunch::test
