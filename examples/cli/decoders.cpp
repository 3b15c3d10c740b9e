#include "decoders.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include <hunch/drafters/swift.hpp>
#include <hunch/verifiers/block.hpp>
#include <hunch/verifiers/k_sequence.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/multi_round.hpp>
#include <hunch/verifiers/rejection.hpp>
#include <hunch/verifiers/spec_hub.hpp>
#include <hunch/verifiers/traversal.hpp>

#include "usage.hpp"

namespace hunch::cli {
namespace {

/// Under a verifier that is exact for the drafter; its type says so, or any_drafter when the decoder is built.
template <class D, class W>
any_decoder judged_by(verify_rule rule, watched& target, D drafter, const W& warp) {
  const auto decoder = [&]<class V>(V verifier) -> any_decoder {
    if constexpr (V::sibling_laws.contains(laws_of<D>()))
      return speculate(target, std::move(drafter), std::move(verifier), stats{});
    else
      throw std::logic_error("no such pair");  // refused before: it has no law in common
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

/// Drafters of the target itself are known by their type: they read its sequence.
any_decoder swift_decoder(watched& target, const spec& s, const sampling_options& o) {
  const auto longest = static_cast<std::uint32_t>(s.at("len"));
  const confidence_stop length{.threshold = static_cast<float>(s.real("stop")), .longest = longest};
  swift_options options;
  if (s.at("tree") == 1) options.siblings = o.greedy() ? caterpillar : caterpillar_sampled;
  if (s.at("search") == 1) options.search = {};
  const auto set = spread_skips(target.layer_count(), s.real("skip"));
  if (judges_independent_draws(o.verify))
    throw usage_error("--verify " + std::string{name_of(o.verify)} + " judges independent draws; swift makes none");
  return by_warper(o, [&](auto warp) {
    if constexpr (!is_greedy<decltype(warp)>())
      if (o.verify == verify_rule::match)
        return judged_by(o.verify, target, coupled_swift(warp, set, length, options), warp);
    return judged_by(o.verify, target, swift{warp, set, length, options}, warp);
  });
}

}  // namespace

any_decoder make_decoder(watched& target, drafter_maker& drafters, const spec& s, const sampling_options& sampling) {
  if (s.name() == "swift") return swift_decoder(target, s, sampling);
  any_drafter drafter = drafters.make(s);
  return by_warper(sampling,
                   [&](const auto& warp) { return judged_by(sampling.verify, target, std::move(drafter), warp); });
}

}  // namespace hunch::cli
