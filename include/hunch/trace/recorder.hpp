// Traces: what every step saw and did, as lines of JSON. hunch::replay reads them and plays them back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hunch/core/observer.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/trace/lines.hpp>

namespace hunch {

/// Takes one line, without its line break.
using trace_sink = std::function<void(std::string_view line)>;

struct trace_options {
  std::size_t top = 8;     ///< tokens kept of a row, besides those that were decided or drafted; 0: all
  std::uint64_t seed = 0;  ///< of the request's randomness: noted for those who replay
  std::string about{};     ///< noted: model, warper, where the prompt is from
};

namespace detail {

/// The lines of a trace from what happened.
class trace_writer {
 public:
  trace_writer(trace_sink sink, trace_options options) : sink_{std::move(sink)}, options_{std::move(options)} {}

  void begin_text(std::size_t vocab, std::span<const token> prompt) {
    line_.clear();
    line_.raw(R"({"format":"hunch-trace","version":1,"vocab":)").number(vocab).raw(R"(,"top":)").number(options_.top);
    line_.raw(R"(,"seed":)").number(options_.seed).raw(R"(,"about":)").string(options_.about);
    line_.raw(R"(,"text":)").numbers(prompt).raw("}");
    hand_over();
  }
  void begin_step(std::size_t text_size, tree_view tree) {
    line_.clear();
    line_.raw(R"({"size":)").number(text_size).raw(R"(,"tokens":)").numbers(tree.tokens).raw(R"(,"parents":[-1)");
    for (const node_id up : tree.parents.subspan(1)) line_.raw(",").number(up);
    line_.raw("]");
  }
  void verdict(std::span<const node_id> path, token next) {
    line_.raw(R"(,"path":)").numbers(path).raw(R"(,"next":)").number(next);
  }
  void end_step(std::size_t emitted, std::size_t truncated, std::size_t withdrawn) {
    line_.raw(R"(,"emitted":)").number(emitted).raw(R"(,"truncated":)").number(truncated);
    line_.raw(R"(,"withdrawn":)").number(withdrawn).raw("}");
    hand_over();
  }
  [[nodiscard]] bool in_step() const noexcept { return !line_.empty(); }

  /// Rows of a field come between open and close; `label` is the parent of a q row.
  void open_rows(std::string_view field) {
    line_.raw(",\"").raw(field).raw("\":[");
    first_ = true;
  }
  template <class P>
  void row(std::span<const P> values, std::span<const token> wanted, node_id label = no_node) {
    row_.pick(values, options_.top, wanted);
    line_.raw(first_ ? "[" : ",[");
    if (label != no_node) line_.number(label).raw(",");
    row_.write(line_);
    line_.raw("]");
    first_ = false;
  }
  void close_rows() { line_.raw("]"); }

 private:
  void hand_over() {
    sink_(line_.text());
    line_.clear();
  }

  trace_sink sink_;
  trace_options options_;
  json_line line_;
  short_row row_;
  bool first_ = true;
};

}  // namespace detail

/// An observer that writes a trace: a line for each text, a line for each step.
///
///   std::ofstream file{"answers.trace"};
///   auto decoder = speculate(target, drafter, match(warp),
///                            trace_recorder{[&](std::string_view line) { file << line << '\n'; }, {.seed = 7}});
///
/// A text: {"format":"hunch-trace","version":1,"vocab":V,"top":k,"seed":s,"about":"…","text":[prompt]}.
/// A step: {"size":tokens before it,"tokens":[nodes],"parents":[-1,…],"p":[[[ids],[logits]],…],
/// "q":[[parent,[ids],[probabilities]],…],"path":[nodes],"next":token,"emitted":n,"truncated":n,"withdrawn":n}.
/// p has one row of raw logits for each node, q one of probabilities for each parent that has one; both keep the `top`
/// largest entries and, whatever their size, the tokens that were decided or drafted.
/// Cost: one pass over each row. No allocation once warm, but what the sink does.
class trace_recorder {
 public:
  explicit trace_recorder(trace_sink sink, trace_options options = {}) : out_{std::move(sink), std::move(options)} {}

  void on_round(const judged_round& r) { on_round<float, philox>(r); }
  template <class P, class R>
  void on_round(const basic_judged_round<P, R>& r) {
    if (r.context.run == 0 || r.context.run != run_) out_.begin_text(r.tree.vocab(), r.context.text);
    run_ = r.context.run;
    out_.begin_step(r.context.text.size(), r.tree.view());
    out_.open_rows("p");
    for (node_id n = 0; n < r.tree.size(); ++n) {
      note_children(r.tree, n);
      const auto& path = r.verdict.path;
      if (n == path.back()) wanted_.push_back(r.verdict.next);  // other nodes of the path: their child is listed
      out_.row(r.rows[n], wanted_);
    }
    out_.close_rows();
    out_.open_rows("q");
    for (node_id n = 0; n < r.tree.size(); ++n) {
      if (r.tree.q(n).empty()) continue;
      note_children(r.tree, n);
      out_.row(r.tree.q(n), wanted_, n);
    }
    out_.close_rows();
    out_.verdict(r.verdict.path, r.verdict.next);
  }
  void on_step(const step_event& e) {
    if (out_.in_step()) out_.end_step(e.emitted, e.truncated, e.withdrawn);
  }

 private:
  template <class P>
  void note_children(const basic_draft_tree<P>& tree, node_id n) {
    wanted_.clear();
    for (node_id c = tree.first_child(n); c != no_node; c = tree.next_sibling(c)) wanted_.push_back(tree[c]);
  }

  detail::trace_writer out_;
  std::vector<token> wanted_;
  std::uint64_t run_ = 0;
};

static_assert(RoundObserver<trace_recorder>);

/// Records the rows of a model along a text that it did not write: what a draft model would have said at each place.
///
/// The trace reads like that of a decoder whose drafts were all accepted. Rows are those after text[0, n) for n from
/// `prompt` to text.size() - 1, of which the model runs 16 in a pass. `keep(row, at, ids)` names further tokens to keep
/// of a row. Stops where the model's context is full.
template <Backend B, class Keep>
void record_rows(B& model, std::span<const token> text, std::size_t prompt, trace_sink sink, trace_options options,
                 Keep keep) {
  constexpr std::size_t chunk = 16;
  detail::trace_writer out{std::move(sink), std::move(options)};
  if (prompt == 0 || prompt > text.size()) raise("hunch: record_rows: the prompt is a part of the text, not empty");
  out.begin_text(model.vocab_size(), text.first(prompt));
  text_sequence<B> sequence{model};
  basic_draft_tree<logit_t<B>> chain{model.vocab_size()};
  std::vector<token> wanted;
  std::vector<node_id> path;
  for (std::size_t at = prompt; at < text.size();) {
    if (!sequence.sync(text.first(at))) return;
    const std::size_t count = std::min({chunk, text.size() - at, sequence.room()});
    chain.reset(text[at - 1]);
    path.assign(1, 0);
    while (chain.size() < count) path.push_back(chain.add(path.back(), text[at + path.back()]));
    const auto rows = sequence.forward(chain);
    out.begin_step(at, chain.view());
    out.open_rows("p");
    for (const node_id n : path) {
      wanted.assign(1, text[at + n]);
      keep(rows[n], prefix_view{text.first(at), chain.view(), n}, wanted);
      out.row(std::span<const logit_t<B>>{rows[n]}, wanted);
    }
    out.close_rows();
    out.open_rows("q");
    out.close_rows();
    out.verdict(path, text[at + count - 1]);
    out.end_step(count, 0, 0);
    sequence.commit(path);
    at += count;
  }
}
template <Backend B>
void record_rows(B& model, std::span<const token> text, std::size_t prompt, trace_sink sink,
                 trace_options options = {}) {
  record_rows(model, text, prompt, std::move(sink), std::move(options),
              [](const auto&, const prefix_view&, std::vector<token>&) {});
}

/// For record_rows: keeps the `count` tokens that come first by the noise of the target's own draw, so that coupled
/// drafts from the replayed rows are those of the model.
template <class W>
[[nodiscard]] auto first_by_noise(philox random, W warp, std::size_t count) {
  return [random, warp = std::move(warp), count, row = std::vector<float>{}, found = std::vector<candidate>{}](
             const auto& raw, const prefix_view& at, std::vector<token>& ids) mutable {
    row.assign(raw.begin(), raw.end());
    warp(std::span<float>{row}, at);
    random.ordered_at_position(at.size(), std::span<const float>{row}, count, found);
    for (const candidate& c : found) ids.push_back(c.index);
  };
}

}  // namespace hunch
