#include "hunch/replay/backend.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <hunch/core/error.hpp>

namespace hunch::replay {
namespace {

constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

/// What was decided after node path[i].
token decided(const recorded_step& step, std::size_t i) {
  return i + 1 < step.path.size() ? step.tokens[step.path[i + 1]] : step.next;
}

}  // namespace

replay_backend::replay_backend(std::span<const recorded_text> texts, rows_given given, std::size_t capacity)
    : vocab_{texts.empty() ? 0 : texts.front().vocab},
      capacity_{capacity},
      trie_{{no_token, nowhere, nowhere, nowhere}} {
  if (texts.empty()) raise("replay: there is no recorded text");
  for (const recorded_text& text : texts) {
    if (text.vocab != vocab_)
      raise("replay: texts of vocabularies of " + std::to_string(vocab_) + " and " + std::to_string(text.vocab) +
            " tokens; replay them apart");
    add(text, given);
  }
}

/// Walks the text as it grew; the nodes of each step's tree are contexts behind it.
void replay_backend::add(const recorded_text& text, rows_given given) {
  std::vector<std::uint32_t> places{0};  // [tokens of the text] places_[n]: the text's first n tokens
  const auto extend = [&](token t) { places.push_back(make_child(places.back(), t)); };
  for (const token t : text.prompt) extend(t);
  std::vector<std::uint32_t> nodes;
  for (const recorded_step& step : text.steps) {
    nodes.assign(1, places.back());
    for (std::size_t n = 1; n < step.tokens.size(); ++n)
      nodes.push_back(make_child(nodes[step.parents[n]], step.tokens[n]));
    if (given == rows_given::decided)  // first, so that these are the rows of their contexts
      for (std::size_t i = 0; i < step.path.size(); ++i) {
        place& at = trie_[nodes[step.path[i]]];
        at.row = static_cast<std::uint32_t>(rows_.size());
        rows_.push_back({{decided(step, i)}, {0.0f}});
      }
    else
      for (std::size_t n = 0; n < nodes.size(); ++n) add_row(nodes[n], step.rows[n]);
    for (std::size_t i = 0; i < step.path.size(); ++i) extend(decided(step, i));
    places.resize(places.size() - step.truncated);
  }
}

/// The same context may come with other tokens kept: what was drafted differs. Values are equal (law B4).
void replay_backend::add_row(std::uint32_t at, const recorded_row& row) {
  if (trie_[at].row == nowhere) {
    trie_[at].row = static_cast<std::uint32_t>(rows_.size());
    rows_.push_back(row);
    return;
  }
  recorded_row& known = rows_[trie_[at].row];
  for (std::size_t i = 0; i < row.ids.size(); ++i) {
    const auto found = std::ranges::lower_bound(known.ids, row.ids[i]);
    if (found != known.ids.end() && *found == row.ids[i]) continue;
    known.values.insert(known.values.begin() + (found - known.ids.begin()), row.values[i]);
    known.ids.insert(found, row.ids[i]);
  }
}

std::uint32_t replay_backend::child_of(std::uint32_t at, token t) const noexcept {
  if (at == nowhere) return nowhere;
  std::uint32_t child = trie_[at].first_child;
  while (child != nowhere && trie_[child].last != t) child = trie_[child].next_sibling;
  return child;
}

std::uint32_t replay_backend::make_child(std::uint32_t at, token t) {
  if (const std::uint32_t known = child_of(at, t); known != nowhere) return known;
  const auto made = static_cast<std::uint32_t>(trie_.size());
  trie_.push_back({t, nowhere, trie_[at].first_child, nowhere});
  trie_[at].first_child = made;
  return made;
}

std::uint32_t replay_backend::end_of(const sequence& s) const noexcept { return s.kept_.empty() ? 0 : s.kept_.back(); }

void replay_backend::prefill(sequence& s, std::span<const token> tokens) const {
  HUNCH_EXPECTS(s.pending_.empty() && tokens.size() <= room(s), "prefill: commit first, and ask for room");
  for (const token t : tokens) s.kept_.push_back(child_of(end_of(s), t));
}

matrix_view replay_backend::forward(sequence& s, tree_view tree) {
  HUNCH_EXPECTS(tree.first == s.pending_.size() && tree.fresh() <= room(s), "forward: first = nodes that are pending");
  s.rows_.resize(tree.fresh() * vocab_);
  for (std::size_t n = tree.first; n < tree.size(); ++n) {
    const std::uint32_t before = n == 0 ? end_of(s) : s.pending_[tree.parents[n]];
    s.pending_.push_back(child_of(before, tree.tokens[n]));
    write(s.pending_.back(), {s.rows_.data() + (n - tree.first) * vocab_, vocab_});
  }
  return {s.rows_.data(), tree.fresh(), vocab_};
}

void replay_backend::write(std::uint32_t at, std::span<float> out) {
  ++given_;
  if (at == nowhere || trie_[at].row == nowhere) {
    ++unknown_;
    std::ranges::fill(out, 0.0f);
    return;
  }
  std::ranges::fill(out, -std::numeric_limits<float>::infinity());
  const recorded_row& row = rows_[trie_[at].row];
  for (std::size_t i = 0; i < row.ids.size(); ++i) out[static_cast<std::size_t>(row.ids[i])] = row.values[i];
}

void replay_backend::commit(sequence& s, std::span<const node_id> path) const {
  for (const node_id n : path) s.kept_.push_back(s.pending_[n]);
  s.pending_.clear();
}

void replay_backend::rewind(sequence& s, std::size_t n) const {
  HUNCH_EXPECTS(s.pending_.empty() && n <= s.kept_.size(), "rewind: commit first; only what is kept");
  s.kept_.resize(n);
}

}  // namespace hunch::replay
