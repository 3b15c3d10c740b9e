// What the failure tests share: a text written by a decoder or by a machine while something goes wrong.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "machine/toy_host.hpp"
#include "support/catch.hpp"

namespace hunch::test {

using namespace hunch::testing;
using tokens = std::vector<token>;

constexpr std::size_t vocab = 12;
inline const temperature warm{0.9f};
inline const tokens prompt{3, 1, 4, 1, 5};

inline tokens copy(std::span<const token> s) { return {s.begin(), s.end()}; }

/// What became of a text.
struct outcome {
  tokens text;
  std::vector<fault> faults;  // of failed steps
  std::size_t thrown = 0;     // steps that ended in an exception
  std::size_t drafted = 0;
  status end = status::running;
};

inline void nothing() {}

/// Steps until the text has ended. A step that fails or throws must leave the text as it was, and is tried again;
/// `on_failure` hears of it first.
template <class Decoder, class Step>
outcome write_to_the_end(Decoder& decoder, Step step, std::function<void()> on_failure) {
  outcome out;
  for (int steps = 0; steps < 400; ++steps) {
    const tokens before = copy(decoder.text());
    tokens grown = before;
    try {
      for (const token t : step()) grown.push_back(t);
      if (decoder.status() == status::failed) out.faults.push_back(decoder.fault());
    } catch (const std::runtime_error&) {
      ++out.thrown;
      grown = before;
      on_failure();
    }
    CHECK(copy(decoder.text()) == grown);
    if (decoder.status() == status::failed)
      on_failure();
    else if (decoder.status() != status::running)
      break;
  }
  out.text = copy(decoder.text());
  out.end = decoder.status();
  return out;
}

template <class Decoder>
outcome write_by(Decoder& decoder, std::function<void()> on_failure = nothing) {
  return write_to_the_end(
      decoder, [&] { return decoder.step(24).emitted; }, std::move(on_failure));
}
/// `applies`: whether the host carries out the plan of a step that threw as well, which it may or may not.
template <class Machine>
outcome write_by(Machine& machine, toy_host<float>& host, std::function<void()> on_failure = nothing,
                 bool applies = false) {
  const auto step = [&] {
    try {
      while (const auto wanted = machine.next(24)) machine.supply(host.run(*wanted));
    } catch (const std::runtime_error&) {
      if (applies) host.apply(0, machine.result().cache);
      throw;
    }
    host.apply(0, machine.result().cache);
    return machine.result().emitted;
  };
  return write_to_the_end(machine, step, std::move(on_failure));
}

/// Calls f(verifier, drafter maker) for every verifier with a drafter over a model that suits it; the maker takes the
/// draft model and its warper.
template <class W, class F>
void for_each_pair(W warp, F f) {
  const auto chain = [](auto& draft, auto w) { return with_length(model_drafter(draft, w), fixed_length{3}); };
  f(match(warp), chain);
  f(rejection(warp), chain);
  f(block(warp), chain);
  f(traversal(warp), [](auto& draft, auto w) { return gumbel_top_k(draft, w, {2, 2}); });
  f(match(warp), [](auto& draft, auto w) { return best_first(draft, w, 6); });
  if constexpr (!is_greedy<W>()) {  // these draw
    f(rejection(warp), [](auto& draft, auto w) { return stochastic_beam(draft, w, 2, 2); });
    f(match(warp), [](auto& draft, auto w) { return with_length(coupled_model_drafter(draft, w), fixed_length{3}); });
    f(multi_round(warp), [](auto& draft, auto w) { return iid_children(draft, w, {2, 2}); });
    f(k_sequence(warp), [](auto& draft, auto w) { return iid_children(draft, w, {2, 2}); });
    f(spec_hub(warp), [](auto& draft, auto w) { return spec_hub_pairs(draft, w, 2); });
  }
}

/// Calls f(verifier) for every verifier, those that change the law as well.
template <class F>
void for_each_verifier(F f) {
  f(match(warm));
  f(match(greedy{}));
  f(rejection(warm));
  f(rejection(greedy{}));
  f(block(warm));
  f(block(greedy{}));
  f(traversal(warm));
  f(multi_round(warm));
  f(k_sequence(warm));
  f(spec_hub(warm));
  f(lossy::typical(warm));
  f(lossy::lenient(warm, 0.5f));
}

}  // namespace hunch::test
