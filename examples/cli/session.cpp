#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <hunch/core/error.hpp>
#include <hunch/sampling/logprobs.hpp>

#include "decoders.hpp"

namespace hunch::cli {
namespace {

using clock = std::chrono::steady_clock;

}  // namespace

const char* name_of(finish f) noexcept {
  constexpr const char* names[] = {"eos", "stop", "length", "context"};
  return names[static_cast<std::size_t>(f)];
}

session::session(engine& models, const spec& s, const sampling_options& sampling)
    : target_model_{&models.target()},
      sampling_{sampling},
      target_{std::make_unique<watched>(target_model_->backend)},
      drafters_{models, sampling},
      decoder_{make_decoder(*target_, drafters_, s, sampling)},
      tokenizer_{target_model_->tokenizer} {}

std::vector<token> session::end_of_text() const {
  if (sampling_.ignore_eos) return {};
  const auto ends = tokenizer_.end_of_generation();
  return {ends.begin(), ends.end()};
}

double session::draft_prefill_s() const noexcept {
  double sum = 0;
  for (const auto& draft : drafters_.drafts()) sum += draft->prefill_s();
  return sum;
}

text_result session::run(std::span<const token> prompt, const text_request& wish, const listener& listen) {
  const std::size_t context = target_model_->backend.context();
  if (prompt.size() >= context)
    throw prompt_too_long("the prompt has " + std::to_string(prompt.size()) + " tokens and the context holds " +
                          std::to_string(context) + "; raise -c or shorten the prompt");
  text_result r;
  r.text = answer{wish.stops};
  decoder_.observer() = {};
  decoder_.start(prompt, {philox{sampling_.seed}, wish.max_tokens, end_of_text()});
  gguf::streaming_detokenizer words{tokenizer_};
  bool first = true;
  while (decoder_.status() == status::running && !r.text.stopped() && !(r.interrupted = interrupted())) {
    take_step(r, wish, words, std::exchange(first, false));
    if (listen) listen(r.text);
  }
  if (decoder_.status() == status::failed)
    throw error("a pass gave logits that are no numbers; is the model file damaged?");
  r.text.finish(words.flush());
  if (listen) listen(r.text);
  r.stats = decoder_.observer();
  const std::size_t cut = r.stats.emitted - r.text.tokens().size();
  r.stats.emitted -= cut;
  r.stats.truncated += cut;
  r.logprobs.resize(wish.logprobs ? r.text.tokens().size() : 0);
  r.end = end_of(r);
  return r;
}

void session::take_step(text_result& r, const text_request& wish, gguf::streaming_detokenizer& words, bool first) {
  target_->forget_times();
  for (const auto& draft : drafters_.drafts()) draft->forget_times();
  const double draft_before = decoder_.observer().draft_s;
  const auto begin = clock::now();
  const auto step = decoder_.step();
  const double took = std::chrono::duration<double>(clock::now() - begin).count();
  const double drafting = decoder_.observer().draft_s - draft_before;
  if (first) {
    r.prefilled = target_->prefilled();
    r.prefill_s = target_->prefill_s() + draft_prefill_s();
    r.decode_s = took - r.prefill_s;
    r.draft_s = drafting - draft_prefill_s();
  } else {
    r.decode_s += took;
    r.draft_s += drafting;
  }
  r.verify_s = r.decode_s - r.draft_s;
  const auto& path = decoder_.last_verdict().path;
  for (std::size_t i = 0; i < step.emitted.size(); ++i) {
    const token t = step.emitted[i];
    if (wish.logprobs) r.logprobs.push_back(log_probability(std::span<const float>{target_->rows()[path[i]]}, t));
    const bool ends = step.status == status::end_of_text && i + 1 == step.emitted.size();
    if (r.text.add(t, ends ? std::string_view{} : words.push(t), i + 1 < path.size())) return;
  }
}

finish session::end_of(const text_result& r) const noexcept {
  if (r.text.stopped() || r.interrupted) return finish::stop;
  switch (decoder_.status()) {
    case status::end_of_text:
      return finish::eos;
    case status::context:
      return finish::context;
    default:
      return finish::length;
  }
}

}  // namespace hunch::cli
