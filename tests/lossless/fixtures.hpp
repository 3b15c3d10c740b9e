// Small models with exact numbers, and what the tests of losslessness do with them.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/branching.hpp>
#include <hunch/testing/exact_law.hpp>
#include <hunch/testing/toy_backend.hpp>

namespace hunch::test {

using namespace hunch::testing;

/// A target and a draft model over one vocabulary.
struct pair_of_models {
  exact_backend target;
  exact_backend draft;
};

inline pair_of_models models(std::vector<double> p, std::vector<double> q) {
  const std::size_t vocab = p.size();
  return {exact_backend{vocab, iid_law(std::move(p))}, exact_backend{vocab, iid_law(std::move(q))}};
}
inline pair_of_models fixture_a() {
  return models({1. / 2, 3. / 10, 3. / 20, 1. / 20}, {1. / 5, 1. / 2, 1. / 5, 1. / 10});
}
inline pair_of_models fixture_b() {
  return models({7. / 20, 3. / 10, 1. / 5, 1. / 10, 1. / 20}, {1. / 10, 3. / 20, 2. / 5, 1. / 20, 3. / 10});
}
inline pair_of_models fixture_bin() { return models({1. / 3, 2. / 3}, {2. / 3, 1. / 3}); }
inline pair_of_models fixture_f1() { return models({.6, .2, .1, .1}, {.7, .2, .05, .05}); }
inline pair_of_models fixture_f2() { return models({.1, .2, .3, .4}, {.4, .3, .2, .1}); }
/// Markov: the row depends on the token before; the first token of the text stands for "^".
inline pair_of_models fixture_m() {
  return {exact_backend{3, markov_law<double>(
                               {1. / 2, 1. / 4, 1. / 4},
                               {{1. / 10, 6. / 10, 3. / 10}, {1. / 3, 1. / 3, 1. / 3}, {7. / 10, 1. / 5, 1. / 10}})},
          exact_backend{
              3, markov_law<double>({1. / 3, 1. / 3, 1. / 3},
                                    {{1. / 5, 2. / 5, 2. / 5}, {1. / 2, 1. / 4, 1. / 4}, {3. / 10, 3. / 10, 2. / 5}})}};
}

inline const std::vector<token> start_text{0};
inline const temperature plain{1.0f};  // leaves the law as it is

/// A chain drafted by the draft model of `m`.
template <class W = temperature>
auto chain(pair_of_models& m, std::uint32_t gamma, W warp = plain) {
  return with_length(model_drafter(m.draft, warp), fixed_length{gamma});
}

/// Draws a tree of constant branching: shape[d] children, without replacement, at each node of depth d.
template <Backend B, class W>
class constant_tree {
 public:
  static constexpr laws sibling_laws = without_replacement;

  constant_tree(B& draft, W warp, std::vector<std::size_t> shape)
      : sequence_{draft}, warp_{std::move(warp)}, shape_{std::move(shape)} {}

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (!sequence_.sync(ctx.text)) return;
    std::size_t first = 0;
    for (std::size_t depth = 0; depth < shape_.size() && depth < ctx.max_depth; ++depth) {
      const std::size_t end = tree.size();
      const auto rows = sequence_.forward(tree, first);
      for (std::size_t n = first; n < end; ++n) {
        const auto parent = static_cast<node_id>(n);
        const std::span<P> q = tree.make_q(parent);
        std::copy(rows[n - first].begin(), rows[n - first].end(), q.begin());
        warp_(q, prefix_view{ctx.text, tree.view(), parent});
        if (!softmax(q)) return tree.drop_q(parent);
        ctx.random.ordered_without_replacement(ctx.site(parent), std::span<const P>{q}, shape_[depth], drawn_);
        for (const candidate& c : drawn_)
          if (tree.size() < ctx.budget) tree.add(parent, c.index);
      }
      first = end;
    }
  }

 private:
  text_sequence<B> sequence_;
  W warp_;
  std::vector<std::size_t> shape_;
  std::vector<candidate> drawn_;
};

/// Chooses the same children at the root every time; no law.
struct chosen_children {
  static constexpr laws sibling_laws = deterministic;
  std::vector<token> tokens;
  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) const {
    if (ctx.max_depth == 0) return;
    for (const token t : tokens) tree.add(0, t);
  }
};

/// One round over all outcomes.
struct round_law {
  text_law emitted;
  double accepted = 0;  // expected number of accepted drafts
};

/// `make()` gives a fresh decoder over `branching`.
template <class Make>
round_law one_round(Make make) {
  round_law out;
  struct result {
    std::vector<token> text;
    std::size_t accepted;
  };
  const double total = explore(
      [&](branching source) {
        auto decoder = make();
        decoder.start(start_text, basic_request<branching>{source});
        const auto emitted = decoder.step().emitted;
        return result{{emitted.begin(), emitted.end()}, decoder.last_verdict().accepted()};
      },
      [&](const result& r, double weight) {
        out.emitted[r.text] += weight;
        out.accepted += weight * static_cast<double>(r.accepted);
      });
  if (std::abs(total - 1) > 1e-12) raise("the outcomes of a round do not sum to 1");
  return out;
}

/// Distance of one round's law, continued by the target, from the target's law of `length` tokens.
template <class W = temperature>
double round_distance(const round_law& law, const exact_backend& target, std::size_t length, const W& warp = plain) {
  return total_variation(extend(law.emitted, target, start_text, length, warp),
                         target_law(target, start_text, length, warp));
}

/// Distance of what decoders from `make()` say in `length` tokens, over as many rounds as it takes, from the target's.
template <class Make, class W = temperature>
double text_distance(Make make, const exact_backend& target, std::size_t length, const W& warp = plain) {
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = make();
    return emitted_text(decoder, start_text, basic_request<branching>{source, length, {}});
  });
  return total_variation(emitted, target_law(target, start_text, length, warp));
}

inline constexpr double exact = 1e-12;

}  // namespace hunch::test
