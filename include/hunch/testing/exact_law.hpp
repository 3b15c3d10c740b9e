// Laws of texts: the target's own, a decoder's by enumeration, and the distance between two.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/draft_tree.hpp>
#include <hunch/decoder.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/testing/branching.hpp>
#include <hunch/testing/toy_backend.hpp>

namespace hunch::testing {

/// Emitted tokens → probability.
using text_law = std::map<std::vector<token>, double>;

/// What the target says after `context` under a warper: probabilities [vocab].
template <class P, class W>
[[nodiscard]] std::vector<double> warped_row(const basic_toy_backend<P>& target, std::span<const token> context,
                                             const W& warp) {
  std::vector<P> row(target.vocab_size());
  target.law()(context, row);
  for (P& x : row) x = std::log(x);
  basic_draft_tree<P> root{target.vocab_size()};
  root.reset(context.back());
  warp(std::span<P>{row}, prefix_view{context, root.view(), 0});
  std::vector<double> law(row.begin(), row.end());
  const auto top_at = std::max_element(law.begin(), law.end());
  if constexpr (is_greedy<W>()) {
    const auto best = top_at - law.begin();
    law.assign(law.size(), 0.0);
    law[static_cast<std::size_t>(best)] = 1.0;
    return law;
  }
  const double top = *top_at;
  double sum = 0;
  for (double& x : law) sum += x = std::exp(x - top);
  for (double& x : law) x /= sum;
  return law;
}

/// Adds to `out` the law of texts that begin with `emitted` and go on to `length` tokens, with total mass `weight`.
template <class P, class W>
void extend_text(const basic_toy_backend<P>& target, std::vector<token> prompt, std::vector<token> emitted,
                 std::size_t length, const W& warp, double weight, text_law& out) {
  if (emitted.size() >= length) {
    emitted.resize(length);
    out[emitted] += weight;
    return;
  }
  std::vector<token> context = prompt;
  context.insert(context.end(), emitted.begin(), emitted.end());
  const auto row = warped_row(target, context, warp);
  emitted.push_back(0);
  for (std::size_t t = 0; t < row.size(); ++t) {
    if (!(row[t] > 0)) continue;
    emitted.back() = static_cast<token>(t);
    extend_text(target, prompt, emitted, length, warp, weight * row[t], out);
  }
}

/// The target's joint law of the `length` tokens after `prompt`.
template <class P, class W>
[[nodiscard]] text_law target_law(const basic_toy_backend<P>& target, const std::vector<token>& prompt,
                                  std::size_t length, const W& warp) {
  text_law out;
  extend_text(target, prompt, {}, length, warp, 1.0, out);
  return out;
}

/// Brings texts of different lengths to one length: cut, or continued by the target itself. A lossless round's law
/// becomes the target's.
template <class P, class W>
[[nodiscard]] text_law extend(const text_law& law, const basic_toy_backend<P>& target, const std::vector<token>& prompt,
                              std::size_t length, const W& warp) {
  text_law out;
  for (const auto& [text, weight] : law) extend_text(target, prompt, text, length, warp, weight, out);
  return out;
}

/// Half the sum of absolute differences: 0 for equal laws, 1 for disjoint ones.
[[nodiscard]] inline double total_variation(const text_law& a, const text_law& b) {
  double sum = 0;
  for (const auto& [text, weight] : a) {
    const auto other = b.find(text);
    sum += std::abs(weight - (other == b.end() ? 0.0 : other->second));
  }
  for (const auto& [text, weight] : b)
    if (a.find(text) == a.end()) sum += weight;
  return sum / 2;
}

/// The law of what run(source) emits, over all outcomes of `source`.
template <class Run>
[[nodiscard]] text_law enumerate(Run run) {
  text_law out;
  explore(run, [&out](std::vector<token> text, double weight) { out[std::move(text)] += weight; });
  return out;
}

/// All steps of a fresh decoder: what it emits after `prompt` until `max_tokens` or a text's end.
template <class Decoder, class R>
[[nodiscard]] std::vector<token> emitted_text(Decoder& decoder, const std::vector<token>& prompt,
                                              basic_request<R> wish) {
  decoder.start(prompt, std::move(wish));
  while (decoder.status() == status::running) decoder.step();
  const auto text = decoder.text();
  return {text.begin() + static_cast<std::ptrdiff_t>(prompt.size()), text.end()};
}

}  // namespace hunch::testing
