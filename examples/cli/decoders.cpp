#include "decoders.hpp"

#include <stdexcept>
#include <utility>

#include <hunch/verifiers/block.hpp>
#include <hunch/verifiers/k_sequence.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/multi_round.hpp>
#include <hunch/verifiers/rejection.hpp>
#include <hunch/verifiers/spec_hub.hpp>
#include <hunch/verifiers/traversal.hpp>

#include "drafters.hpp"

namespace hunch::cli {
namespace {

template <class W>
any_decoder judged_by(verify_rule rule, watched& target, any_drafter drafter, const W& warp) {
  const auto decoder = [&](auto verifier) -> any_decoder {
    return speculate(target, std::move(drafter), std::move(verifier), stats{});
  };
  switch (rule) {
    case verify_rule::match:
      return decoder(match{warp});
    case verify_rule::rejection:
      return decoder(rejection{warp});
    case verify_rule::block:
      return decoder(block{warp});
    case verify_rule::traversal:
      return decoder(traversal{warp});
    case verify_rule::multi_round:
      return decoder(multi_round{warp});
    case verify_rule::k_sequence:
      return decoder(k_sequence{warp});
    case verify_rule::spec_hub:
      return decoder(spec_hub{warp});
  }
  throw std::logic_error("no verifier of that name");
}

}  // namespace

any_decoder make_decoder(watched& target, any_drafter drafter, const sampling_options& sampling) {
  return by_warper(sampling,
                   [&](const auto& warp) { return judged_by(sampling.verify, target, std::move(drafter), warp); });
}

}  // namespace hunch::cli
