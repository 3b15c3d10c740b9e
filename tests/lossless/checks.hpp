// Checks of endings, lookups and statistics that take the part to be checked, and broken parts for them to see.
#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/exact_law.hpp>

namespace hunch::test {

/// A target that says `script` token by token, and drafts for the same positions.
struct ending_case {
  std::vector<token> script;
  std::vector<token> drafts;
  std::vector<token> end_of_text{9};
  std::size_t max_tokens = 100;
};
struct ending {
  std::vector<token> emitted;
  status finish;
  friend bool operator==(const ending&, const ending&) = default;
};

/// Drafts up to four tokens of a script by their position; the prompt is one token.
struct scripted_drafter {
  static constexpr laws sibling_laws = deterministic;
  std::vector<token> drafts;
  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) const {
    for (std::size_t i = ctx.text.size() - 1; i < drafts.size() && tree.size() < 5; ++i) {
      if (tree.size() >= ctx.budget || tree.depth(static_cast<node_id>(tree.size() - 1)) >= ctx.max_depth) return;
      tree.add(static_cast<node_id>(tree.size() - 1), drafts[i]);
    }
  }
};

/// A backend that says `script` after a prompt of one token.
inline testing::toy_backend scripted_target(std::vector<token> script, std::size_t capacity = 4096) {
  return {10,
          [script = std::move(script)](std::span<const token> context, std::span<float> row) {
            std::fill(row.begin(), row.end(), 0.0f);
            row[static_cast<std::size_t>(script[std::min(context.size(), script.size()) - 1])] = 1.0f;
          },
          capacity};
}

inline ending decode_with_ending(const ending_case& c) {
  auto target = scripted_target(c.script);
  auto decoder = speculate(target, scripted_drafter{c.drafts}, match(greedy{}));
  auto emitted = testing::emitted_text(decoder, {0}, request{philox{}, c.max_tokens, c.end_of_text});
  return {std::move(emitted), decoder.status()};
}

enum class ending_bug { past_end, stop_beyond_maximum, proposed_end_is_the_end };

/// What an engine with the bug emits in the same case.
template <ending_bug Bug>
ending mutant_ending(const ending_case& c) {
  const auto ends = [&](token t) { return t == c.end_of_text[0]; };
  ending out{{}, status::running};
  while (out.finish == status::running) {
    std::vector<token> block;
    const std::size_t at = out.emitted.size();
    for (std::size_t i = at; i < at + 5; ++i) {
      const token said = c.script[std::min(i, c.script.size() - 1)];
      const token drafted = i < c.drafts.size() ? c.drafts[i] : no_token;
      block.push_back(said);
      if (Bug == ending_bug::proposed_end_is_the_end && ends(drafted)) out.finish = status::end_of_text;
      if (said != drafted) break;
      if (Bug != ending_bug::past_end && ends(said)) break;
    }
    if (ends(block.back())) out.finish = status::end_of_text;
    out.emitted.insert(out.emitted.end(), block.begin(), block.end());
    if (out.emitted.size() < c.max_tokens) continue;
    if (Bug != ending_bug::stop_beyond_maximum || out.finish == status::running) out.finish = status::length;
    if (Bug == ending_bug::stop_beyond_maximum && out.finish == status::end_of_text) continue;
    out.emitted.resize(c.max_tokens);
  }
  return out;
}

template <class Engine>
std::vector<std::string> ending_violations(Engine engine) {
  std::vector<std::string> out;
  const auto expects = [&](const ending_case& c, const ending& want, const std::string& what) {
    if (engine(c) != want) out.push_back(what);
  };
  for (std::size_t e = 0; e < 5; ++e) {  // four drafts and the bonus token
    std::vector<token> script{1, 2, 3, 4, 5, 6, 7};
    script[e] = 9;
    expects({script, script},
            {{script.begin(), script.begin() + static_cast<std::ptrdiff_t>(e) + 1}, status::end_of_text},
            "end of text at position " + std::to_string(e) + " of a block");
  }
  expects({{1, 2, 9, 5, 6, 7}, {1, 2, 9, 5, 6, 7}, {9}, 5}, {{1, 2, 9}, status::end_of_text}, "end before the maximum");
  expects({{1, 2, 3, 4, 9, 6}, {1, 2, 3, 4, 9, 6}, {9}, 3}, {{1, 2, 3}, status::length}, "maximum before the end");
  expects({{1, 2, 3, 9, 5, 6}, {1, 2, 3, 9, 5, 6}, {9}, 3}, {{1, 2, 3}, status::length}, "end just behind the maximum");
  expects({{1, 2, 3, 4, 9}, {1, 9, 3, 4, 9}}, {{1, 2, 3, 4, 9}, status::end_of_text}, "a proposed end was rejected");
  return out;
}

enum class lookup_bug { none, finds_itself, sixteen_bits, stale_index };

/// A lookup by linear search with one of the bugs.
template <lookup_bug Bug>
class wrong_lookup {
 public:
  static constexpr laws sibling_laws = deterministic;
  explicit wrong_lookup(std::size_t n) : n_{n} {}

  template <class P, class R>
  std::optional<draft_signal> extend(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip) {
    if (tip == 0) {
      if (Bug != lookup_bug::stale_index || text_.size() < ctx.text.size())
        text_.assign(ctx.text.begin(), ctx.text.end());
      source_ = find(ctx.text);
    }
    if (source_ >= text_.size()) return std::nullopt;
    const token t = text_[source_++];
    text_.push_back(t);  // what was guessed can be copied again
    const node_id child = tree.add(tip, t);
    return draft_signal{child, 1.0f, tree.depth(child)};
  }

 private:
  static bool equal(token a, token b) {
    return Bug == lookup_bug::sixteen_bits ? (a & 0xffff) == (b & 0xffff) : a == b;
  }
  [[nodiscard]] std::size_t find(std::span<const token> text) const {
    if (text.size() <= n_) return text_.size();
    const auto suffix = text.last(n_);
    const std::size_t last = text_.size() - n_ - (Bug == lookup_bug::finds_itself ? 0 : 1);
    for (std::size_t at = last + 1; at-- > 0;)
      if (std::equal(suffix.begin(), suffix.end(), text_.begin() + static_cast<std::ptrdiff_t>(at), equal))
        return at + n_;
    return text_.size();
  }
  std::size_t n_;
  std::vector<token> text_;
  std::size_t source_ = 0;
};

/// `make()` gives a stepwise lookup of two tokens.
template <class Make>
std::vector<std::string> lookup_violations(Make make) {
  using tokens = std::vector<token>;
  std::vector<std::string> out;
  const auto drafts = [](auto& drafter, const tokens& text) {
    draft_tree tree{200000};
    tree.reset(text.back());
    drafter.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
    tokens drafted;
    for (node_id n = 1; n < tree.size(); ++n) drafted.push_back(tree[n]);
    return drafted;
  };
  const auto expects = [&](const tokens& text, const tokens& want, const char* what) {
    auto drafter = with_length(make(), fixed_length{3});
    if (drafts(drafter, text) != want) out.emplace_back(what);
  };
  expects({1, 2, 3, 1, 2}, {3, 1, 2}, "copies what followed");
  expects({1, 2, 3, 1, 2, 4, 1, 2}, {4, 1, 2}, "takes the most recent place");
  expects({1, 2, 3, 4}, {}, "proposes nothing without a match");
  expects({1, 2}, {}, "does not find the suffix itself");
  expects({1}, {}, "a text shorter than n has no match");
  expects({7, 7, 7}, {7, 7, 7}, "follows a text that repeats one token");
  expects({1, 2, 1, 2}, {1, 2, 1}, "follows a text of period two past its end");
  expects({65537, 2, 9, 1, 2}, {}, "tells ids apart that share their low 16 bits");
  expects({131072, 70000, 99999, 131072, 70000}, {99999, 131072, 70000}, "finds ids above 65535");
  auto used = with_length(make(), fixed_length{3});
  (void)drafts(used, {5, 6, 1, 2, 3, 1, 2});
  if (drafts(used, {4, 4, 1, 2}) != tokens{}) out.emplace_back("forgets a text that was replaced");
  if (drafts(used, {1, 2, 8, 1, 2}) != tokens{8, 1, 2}) out.emplace_back("follows a text that was replaced");
  return out;
}

enum class stats_bug { counts_the_root, counts_past_the_end, nan_when_empty };

template <stats_bug Bug>
struct wrong_stats : stats {
  void on_step(step_event e) {
    if (Bug == stats_bug::counts_the_root) ++e.accepted;
    if (Bug == stats_bug::counts_past_the_end) e.emitted += e.truncated;
    stats::on_step(e);
  }
  [[nodiscard]] double tau() const {
    return Bug == stats_bug::nan_when_empty && steps == 0 ? std::numeric_limits<double>::quiet_NaN() : stats::tau();
  }
};

template <class S>
std::vector<std::string> statistics_violations(S s) {
  std::vector<std::string> out;
  const auto expects = [&](bool good, const char* what) {
    if (!good) out.emplace_back(what);
  };
  expects(s.tau() == 0 && s.alpha() == 0 && s.draft_yield() == 0, "empty runs are zero, not NaN");
  s.on_step({.drafted = 3, .tested = 2, .accepted = 1, .emitted = 2});
  s.on_step({.drafted = 0, .tested = 0, .accepted = 0, .emitted = 1});
  s.on_step({.drafted = 2, .tested = 2, .accepted = 2, .emitted = 1, .truncated = 2});
  expects(s.steps == 3, "three steps");
  expects(s.emitted + s.truncated == s.accepted + s.steps, "emitted + truncated = accepted + steps");
  std::size_t sum = 0;
  for (const std::size_t n : s.accepted_histogram()) sum += n;
  expects(sum == s.steps, "the histogram sums to the steps");
  expects(std::abs(s.tau() - 4. / 3) < 1e-15, "tau: four tokens in three steps");
  expects(std::abs(s.alpha() - 3. / 4) < 1e-15, "alpha: three of four tested");
  expects(std::abs(s.draft_yield() - 3. / 5) < 1e-15, "yield: three of five drafted");
  return out;
}

}  // namespace hunch::test
