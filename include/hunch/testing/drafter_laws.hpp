// The laws of a drafter, checked on any type: needs no test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

namespace hunch::testing {

struct drafter_law_options {
  std::uint64_t seed = 1;
  std::size_t contexts = 40;    ///< random contexts for D1 and D2
  std::size_t text = 24;        ///< longest text
  std::size_t budget = 8;       ///< largest budget
  std::size_t draws = 10000;    ///< texts for D3; 0 leaves D3 out
  double sigmas = 6;            ///< how far the counts of D3 may lie from the target's law
  std::vector<token> tokens{};  ///< texts are made of these; empty: of five tokens of the vocabulary
};

namespace detail {

template <class Make>
class drafter_check {
 public:
  using D = std::remove_cvref_t<std::invoke_result_t<Make&>>;

  drafter_check(Make make, std::size_t vocab, drafter_law_options options)
      : make_{std::move(make)}, vocab_{vocab}, options_{std::move(options)}, tokens_{options_.tokens} {
    if (!tokens_.empty()) return;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, vocab_); ++i)
      tokens_.push_back(static_cast<token>(i * (vocab_ / std::min<std::size_t>(5, vocab_))));
  }

  std::vector<std::string> run() {
    D used = make_();
    for (std::size_t i = 0; i < options_.contexts; ++i) check_context(used, i);
    if (options_.draws > 0) text_has_the_targets_law();
    return violations_;
  }

 private:
  void check_context(D& used, std::size_t i) {
    const std::vector<token> text = random_text(1 + below(options_.text));
    const decode_context ctx{.text = text,
                             .budget = 2 + below(options_.budget - 1),
                             .max_depth = static_cast<std::uint32_t>(1 + below(options_.budget)),
                             .end_of_text = {},
                             .run = i % 3 == 0 ? i + 1 : 0,
                             .random = philox{options_.seed + i}};
    D fresh = make_();
    const draft_tree first = proposal(fresh, ctx);
    expects(same(first, proposal(fresh, ctx)), "D1: the same context must give the same tree a second time");
    expects(same(first, proposal(used, ctx)), "D1: a tree must not depend on what was proposed before");
    fits(first, ctx);
  }
  draft_tree proposal(D& drafter, const decode_context& ctx) {
    draft_tree tree{vocab_};
    tree.reset(ctx.text.back());
    drafter.propose(ctx, tree);
    return tree;
  }
  static bool same(const draft_tree& a, const draft_tree& b) {
    if (a.size() != b.size()) return false;
    for (node_id n = 0; n < a.size(); ++n)
      if (a[n] != b[n] || a.parent(n) != b.parent(n) ||
          !std::equal(a.q(n).begin(), a.q(n).end(), b.q(n).begin(), b.q(n).end()))
        return false;
    return true;
  }
  // D2
  void fits(const draft_tree& tree, const decode_context& ctx) {
    expects(tree[0] == ctx.text.back() && tree.size() >= 1, "D2: node 0 stays the root");
    expects(tree.size() <= ctx.budget, "D2: more nodes than the budget");
    for (node_id n = 0; n < tree.size(); ++n) {
      expects(tree.depth(n) <= ctx.max_depth, "D2: a node below the deepest that can be emitted");
      expects(n == 0 || (tree[n] >= 0 && static_cast<std::size_t>(tree[n]) < vocab_),
              "D2: a token outside of the vocabulary");
      if (tree.first_child(n) == no_node) continue;
      siblings(tree, n);
    }
  }
  void siblings(const draft_tree& tree, node_id parent) {
    const auto q = tree.q(parent);
    const laws declared = laws_of<D>();
    if (declared.bits != 0) {
      expects(q.empty() || declared.contains(without_replacement), "D2: a q row, but the law says nothing is drawn");
      expects(!q.empty() || declared.contains(deterministic) || declared.contains(coupled),
              "D2: no q row, but the law says that tokens are drawn");
    }
    for (node_id c = tree.first_child(parent); c != no_node; c = tree.next_sibling(c)) {
      expects(q.empty() || q[static_cast<std::size_t>(tree[c])] > 0, "D2: a child that its law q cannot give");
      for (node_id d = tree.next_sibling(c); d != no_node; d = tree.next_sibling(d))
        expects(tree[c] != tree[d], "D2: siblings must be distinct tokens");
    }
    double sum = 0;
    for (const float x : q) {
      expects(x >= 0, "D2: q must not be negative or NaN");
      sum += static_cast<double>(x);
    }
    expects(q.empty() || std::abs(sum - 1) < 1e-4, "D2: q must sum to 1");
  }

  // D3: the text of three tokens has the target's law, by a chi-square of its counts.
  void text_has_the_targets_law() {
    const std::vector<token> prompt = random_text(6);
    const std::vector<token> support = likely_tokens(prompt);
    toy_backend target{vocab_, law_on(support)};
    std::map<std::vector<token>, std::size_t> counts;
    const auto decode = [&](auto verifier) {
      auto decoder = speculate(target, make_(), verifier);
      for (std::size_t i = 0; i < options_.draws; ++i)
        ++counts[emitted_text(decoder, prompt, request{philox{options_.seed + i}, 3, {}})];
    };
    if constexpr (laws_of<D>().contains(coupled))
      decode(match(temperature{1.0f}));
    else
      decode(rejection(temperature{1.0f}));
    const double z = deviation(counts, target_law(target, prompt, 3, temperature{1.0f}));
    expects(z < options_.sigmas, "D3: the text's law is not the target's: " + std::to_string(z) +
                                     " standard deviations (a wrong q, or a decision that looked at what it drew)");
  }
  /// How far a chi-square lies above its mean, in standard deviations.
  [[nodiscard]] double deviation(const std::map<std::vector<token>, std::size_t>& counts, const text_law& law) const {
    double chi = 0;
    double cells = 0;
    double rare = 0;  // cells of fewer than five expected texts are taken together
    double rare_count = 0;
    std::size_t known = 0;
    for (const auto& [text, p] : law) {
      const double expected = p * static_cast<double>(options_.draws);
      const auto at = counts.find(text);
      const auto count = at == counts.end() ? 0.0 : static_cast<double>(at->second);
      known += at == counts.end() ? 0 : at->second;
      if (expected < 5) {
        rare += expected;
        rare_count += count;
      } else {
        chi += (count - expected) * (count - expected) / expected;
        ++cells;
      }
    }
    if (known != options_.draws) return 1e9;  // a text that the target cannot say
    if (rare >= 5) {
      chi += (rare_count - rare) * (rare_count - rare) / rare;
      ++cells;
    }
    return (chi - (cells - 1)) / std::sqrt(2 * std::max(1.0, cells - 1));
  }
  /// Up to four tokens, those that the drafter proposes most often first.
  std::vector<token> likely_tokens(const std::vector<token>& prompt) {
    std::map<token, int> seen;
    D drafter = make_();
    for (std::uint64_t i = 0; i < 32; ++i) {
      const draft_tree tree = proposal(
          drafter, {.text = prompt, .budget = 4, .max_depth = 3, .end_of_text = {}, .run = 0, .random = philox{i}});
      for (node_id n = 1; n < tree.size(); ++n) ++seen[tree[n]];
    }
    std::vector<std::pair<int, token>> order;
    order.reserve(seen.size());
    for (const auto& [t, n] : seen) order.emplace_back(-n, t);
    std::sort(order.begin(), order.end());
    std::vector<token> out;
    for (const auto& [n, t] : order)
      if (out.size() < 3) out.push_back(t);
    for (std::size_t t = 0; t < vocab_ && out.size() < 4; ++t)
      if (std::find(out.begin(), out.end(), static_cast<token>(t)) == out.end()) out.push_back(static_cast<token>(t));
    return out;
  }
  toy_law<float> law_on(std::vector<token> support) const {
    return [support = std::move(support), inner = hashed_law<float>(options_.seed, 2.0)](std::span<const token> context,
                                                                                         std::span<float> row) {
      std::vector<float> small(support.size());
      inner(context, small);
      std::fill(row.begin(), row.end(), 0.0f);
      for (std::size_t i = 0; i < support.size(); ++i) row[static_cast<std::size_t>(support[i])] = small[i];
    };
  }

  std::size_t below(std::size_t n) {
    return philox4x32({static_cast<std::uint32_t>(drawn_++), 1, 0, 0}, options_.seed)[0] % n;
  }
  std::vector<token> random_text(std::size_t n) {
    std::vector<token> text(n);
    for (token& t : text) t = tokens_[below(tokens_.size())];
    return text;
  }
  void expects(bool good, const std::string& what) {
    if (!good && std::find(violations_.begin(), violations_.end(), what) == violations_.end())
      violations_.push_back(what);
  }

  Make make_;
  std::size_t vocab_;
  drafter_law_options options_;
  std::vector<token> tokens_;
  std::vector<std::string> violations_;
  std::size_t drawn_ = 0;
};

}  // namespace detail

/// Checks the laws of the drafter that `make()` returns: what it breaks, in words; empty if nothing.
///
/// D1 same context, same tree. D2 budget, depth, distinct siblings, q sums to 1, is positive at each child and is there
/// as the drafter's sibling_laws say. D3 by the output law on a toy target of the same vocabulary: `draws` texts of
/// three tokens, judged by rejection (match for coupled drafters).
template <class Make>
requires Drafter<std::remove_cvref_t<std::invoke_result_t<Make&>>>
[[nodiscard]] std::vector<std::string> drafter_laws(Make make, std::size_t vocab, drafter_law_options options = {}) {
  return detail::drafter_check<Make>{std::move(make), vocab, std::move(options)}.run();
}

}  // namespace hunch::testing
