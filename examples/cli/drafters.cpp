#include "drafters.hpp"

#include <stdexcept>
#include <type_traits>
#include <utility>

#include <hunch/core/error.hpp>
#include <hunch/drafters/acceptance_head.hpp>
#include <hunch/drafters/adaptive_length.hpp>
#include <hunch/drafters/anpd.hpp>
#include <hunch/drafters/best_first.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/drafters/followed_by.hpp>
#include <hunch/drafters/gumbel_top_k.hpp>
#include <hunch/drafters/iid_children.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/none.hpp>
#include <hunch/drafters/prompt_lookup.hpp>
#include <hunch/drafters/shared_tokens.hpp>
#include <hunch/drafters/staged.hpp>
#include <hunch/drafters/stochastic_beam.hpp>
#include <hunch/drafters/suffix_automaton.hpp>
#include <hunch/drafters/token_recycling.hpp>
#include <hunch/drafters/translated.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/traversal.hpp>

#include "costs.hpp"
#include "head_file.hpp"
#include "prompts.hpp"
#include "usage.hpp"

namespace hunch::cli {
namespace {

std::uint32_t count_of(const spec& s, std::string_view key) { return static_cast<std::uint32_t>(s.at(key)); }

[[noreturn]] void refuse(const spec& s, verify_rule rule, const std::string& what) {
  throw usage_error("--verify " + std::string{name_of(rule)} + " cannot judge '" + std::string{s.name()} +
                    "': " + what);
}

/// Calls f(warper, whether drafts share the target's noise).
template <class F>
any_drafter by_noise(const sampling_options& o, F f) {
  return by_warper(o, [&](auto warp) -> any_drafter {
    if constexpr (!is_greedy<decltype(warp)>())
      if (o.verify == verify_rule::match) return f(warp, std::true_type{});
    return f(warp, std::false_type{});
  });
}

/// Calls f(warper) for drafts that are drawn.
template <class F>
any_drafter when_sampling(const sampling_options& o, F f) {
  return by_warper(o, [&](auto warp) -> any_drafter {
    if constexpr (is_greedy<decltype(warp)>())
      throw std::logic_error("greedy decoding draws no drafts");
    else
      return f(warp);
  });
}

/// Independent draws, for the verifiers that judge those.
any_drafter independent_tree(const spec& s, const sampling_options& o, watched& draft,
                             std::vector<std::uint32_t> shape) {
  return when_sampling(o, [&](auto warp) -> any_drafter {
    if (o.verify != verify_rule::spec_hub) return iid_children{draft, warp, std::move(shape)};
    for (const std::uint32_t children : shape)
      if (children != 2) refuse(s, o.verify, "it judges pairs; every level of b is to be 2, for instance b=2x2");
    return spec_hub_pairs{draft, warp, static_cast<std::uint32_t>(shape.size())};
  });
}

}  // namespace

watched& drafter_maker::view_of(const spec& s) {
  drafts_.push_back(std::make_unique<watched>(models_->draft(s.file).backend, s.real("skip")));
  return *drafts_.back();
}

any_drafter drafter_maker::make(const spec& s) {
  const auto name = s.name();
  if (name == "none") return no_draft{};
  if (name == "swift")
    throw usage_error("swift drafts with the target itself; it stands alone, not inside another spec");
  if (name == "first" || name == "staged" || name == "cascade") return make_joined(s);
  if (name == "rsd-c" || name == "rsd-s" || name == "best-first") return make_tree(s);
  if (name == "translate") return make_translated(s);
  if (s.kind->takes == file_use::model) return make_chain(s);
  return make_lookup(s);
}

template <class D>
any_drafter drafter_maker::with_adapted_length(D drafter, const spec& s, device_backend* draft) {
  const std::uint32_t length = count_of(s, "len");
  if (s.at("adapt") == 0) return with_length(std::move(drafter), fixed_length{length});
  return with_length(std::move(drafter), best_paying_length{measured_costs(models_->target().backend, draft), length});
}

any_drafter drafter_maker::make_lookup(const spec& s) {
  if (s.name() == "lookup") {
    lookup_options o{.n = s.at("n"), .n_min = s.at("min")};
    if (o.n_min > o.n) throw usage_error("lookup: min=" + std::to_string(o.n_min) + " is more than n");
    o.place = s.at("place") == 0 ? lookup_place::latest : lookup_place::earliest;
    return with_adapted_length(prompt_lookup{o}, s, nullptr);
  }
  if (s.name() == "anpd") return with_adapted_length(anpd{s.at("n")}, s, nullptr);
  if (s.name() == "recycling") return token_recycling{s.at("nodes"), {.k = s.at("k")}};
  const suffix_options o{.min_match = s.at("match")};
  if (s.name() == "sam") return with_adapted_length(suffix_automaton{o}, s, nullptr);
  if (s.name() == "corpus") {
    corpora_.push_back(read_bytes(s.file));
    return with_adapted_length(suffix_automaton{suffix_corpus{corpora_.back()}, o}, s, nullptr);
  }
  throw std::logic_error("no drafter for '" + std::string{s.name()} + "'");
}

template <class D>
any_drafter drafter_maker::with_head(D drafter, const spec& s) {
  acceptance_weights weights = read_head(s.named("head"));
  const std::size_t width = gguf::read_config(models_->draft(s.file).file).width;
  if (weights.hidden != width)
    throw error("head: '" + s.named("head") + "' is for draft models of width " + std::to_string(weights.hidden) +
                " and '" + s.file + "' has " + std::to_string(width) +
                "; train one for this pair (examples/train/head_train.py)");
  const draft_draw draw = sampling_.greedy()                       ? draft_draw::greedy
                          : sampling_.verify == verify_rule::match ? draft_draw::shared_noise
                                                                   : draft_draw::own_noise;
  const std::uint32_t longest = count_of(s, "len");
  return with_length(std::move(drafter), specdec_pp{acceptance_head{std::move(weights), draw}, s.real("threshold"),
                                                    std::min(count_of(s, "min"), longest), longest});
}

template <class D>
any_drafter drafter_maker::with_policy(D drafter, const spec& s) {
  const std::uint32_t length = count_of(s, "len");
  if (s.name() == "confidence")
    return with_length(std::move(drafter), confidence_stop{static_cast<float>(s.real("threshold")), length});
  if (s.name() == "entropy")
    return with_length(std::move(drafter), entropy_stop{static_cast<float>(s.real("nats")), length});
  if (s.name() == "heuristic") return with_length(std::move(drafter), plus_two_minus_one{std::min(5u, length), length});
  if (s.name() == "specdec++" && !s.named("head").empty()) return with_head(std::move(drafter), s);
  if (s.name() == "specdec++")
    return with_length(std::move(drafter), specdec_pp{calibrated_confidence{}, s.real("threshold"),
                                                      std::min(count_of(s, "min"), length), length});
  if (s.at("adapt") != 0 && s.real("skip") > 0)
    throw usage_error("model: adapt=on measures whole passes of the draft; it does not go with skip");
  return with_adapted_length(std::move(drafter), s, &models_->draft(s.file).backend);
}

any_drafter drafter_maker::make_chain(const spec& s) {
  watched& draft = view_of(s);
  if (!sampling_.greedy() && judges_independent_draws(sampling_.verify)) {
    if (s.name() != "model" || sampling_.verify == verify_rule::spec_hub)
      refuse(s, sampling_.verify, "it judges independent draws; use rsd-c:FILE,b=…");
    return independent_tree(s, sampling_, draft, std::vector<std::uint32_t>(s.at("len"), 1));
  }
  return by_noise(sampling_, [&](auto warp, auto shared) {
    if constexpr (shared)
      return with_policy(coupled_model_drafter(draft, warp), s);
    else
      return with_policy(model_drafter{draft, warp}, s);
  });
}

any_drafter drafter_maker::make_translated(const spec& s) {
  const model& foreign = models_->foreign_draft(s.file);
  const gguf::tokenizer& own = models_->target().tokenizer;
  drafts_.push_back(std::make_unique<watched>(models_->foreign_draft(s.file).backend));
  watched& draft = *drafts_.back();
  dictionaries_.push_back(
      std::make_unique<dictionary>(dictionary{gguf::text_vocabulary{foreign.tokenizer}, gguf::text_vocabulary{own}}));
  const dictionary& words = *dictionaries_.back();
  // Begin-of-text, where the target's text does not bring a token of that name.
  token first = no_token;
  if (const auto bos = foreign.tokenizer.bos(); bos && foreign.tokenizer.adds_bos())
    if (!own.adds_bos() || !own.bos() || words.target.mark(*own.bos()) != words.draft.mark(*bos)) first = *bos;

  const fixed_length length{count_of(s, "len")};
  const bool keeps_law = sampling_.verify == verify_rule::rejection || sampling_.verify == verify_rule::block ||
                         sampling_.verify == verify_rule::traversal;
  if (sampling_.greedy() || !keeps_law)
    return translated(with_length(model_drafter{draft, greedy{}}, length), words.draft, words.target, first);
  sampling_options filters = sampling_;
  filters.wishes.reset();  // they speak of the target's tokens
  const shared_tokens shared{words.draft, words.target};
  return when_sampling(filters, [&](auto warp) -> any_drafter {
    return translated_tokens(with_length(model_drafter{draft, only_shared{shared} | warp}, length), words.draft,
                             words.target, shared, first);
  });
}

any_drafter drafter_maker::make_tree(const spec& s) {
  watched& draft = view_of(s);
  if (s.name() == "best-first") {
    const best_first_options o{.depth = count_of(s, "depth"), .width = count_of(s, "width")};
    if (sampling_.greedy()) return best_first{draft, sampling_.wishes.value_or(any_warper{}), s.at("nodes"), o};
    return when_sampling(sampling_, [&](auto warp) { return best_first{draft, warp, s.at("nodes"), o}; });
  }
  if (s.name() == "rsd-s") {
    if (sampling_.greedy()) throw usage_error("rsd-s draws its tree, which greedy decoding cannot use; use best-first");
    if (judges_independent_draws(sampling_.verify))
      refuse(s, sampling_.verify, "it judges independent draws; use rsd-c:FILE,b=…");
    if (count_of(s, "w") * count_of(s, "len") > 63) throw usage_error("rsd-s: w times len is at most 63 nodes");
    return when_sampling(sampling_, [&](auto warp) {
      return stochastic_beam{draft, warp, count_of(s, "w"), count_of(s, "len")};
    });
  }
  const auto& shape = s.shape("b");
  if (!sampling_.greedy() && judges_independent_draws(sampling_.verify))
    return independent_tree(s, sampling_, draft, shape);
  return by_noise(sampling_, [&](auto warp, auto shared) -> any_drafter {
    if constexpr (shared)
      return coupled_gumbel_top_k(draft, warp, shape);
    else
      return gumbel_top_k(draft, warp, shape);
  });
}

any_drafter drafter_maker::make_staged(watched& mid, any_drafter inner, std::uint32_t length) {
  return by_warper(sampling_, [&](auto warp) -> any_drafter {
    if (sampling_.verify == verify_rule::match) return staged(mid, std::move(inner), match{warp}, length);
    return staged(mid, std::move(inner), traversal{warp}, length);
  });
}

any_drafter drafter_maker::make_joined(const spec& s) {
  any_drafter joined = make(s.parts.back());
  if (s.name() == "cascade") {
    auto inner = std::move(joined);
    const spec& mid = s.parts.front();
    return followed_by(make_staged(view_of(mid), std::move(inner), count_of(mid, "len")), make(s.parts.back()));
  }
  for (auto part = s.parts.rbegin() + 1; part != s.parts.rend(); ++part) {
    if (s.name() == "first")
      joined = first_of{make(*part), std::move(joined)};
    else if (part->name() == "model")
      joined = make_staged(view_of(*part), std::move(joined), count_of(*part, "len"));
    else
      throw usage_error("staged: every part but the last is a model: model:FILE,len=…");
  }
  return joined;
}

}  // namespace hunch::cli
