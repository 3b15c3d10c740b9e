// Self-speculation with a bug in it.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/drafters/skip_search.hpp>

namespace hunch::test {

/// A set that leaves out the given places.
inline skip_set leaving_out(std::size_t layers, std::initializer_list<std::size_t> places) {
  skip_set out{layers};
  for (const std::size_t place : places) out.flip(place);
  return out;
}

enum class swift_bug { none, discards_the_unsure, q_of_the_whole_model, keeps_its_nodes };

/// Drafts chains of up to two tokens at temperature 1, without a search, with the bug.
template <swift_bug Bug>
class wrong_swift {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  explicit wrong_swift(skip_set skipped) : skipped_{std::move(skipped)} {}

  template <class P, class R, LayerSkippable B>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree, text_sequence<B>& target) {
    for (node_id tip = 0; tip < 2 && tip < ctx.max_depth; ++tip) {
      if (tree.size() != tip + 1) break;
      draw(ctx, tree, tip, target.forward(tree, tip, skipped_.mask())[0]);
    }
    const std::vector<node_id> root{0};
    if (Bug == swift_bug::keeps_its_nodes) target.commit(root);
    target.drop_pending();
    if (Bug != swift_bug::q_of_the_whole_model) return;
    const auto rows = target.forward(tree);
    for (node_id n = 0; n + 1 < tree.size(); ++n) {
      const std::span<P> q = tree.make_q(n);
      std::copy(rows[n].begin(), rows[n].end(), q.begin());
      (void)softmax(q);
    }
    target.drop_pending();
  }

 private:
  template <class P, class R, class Row>
  void draw(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id tip, const Row& row) {
    const std::span<P> q = tree.make_q(tip);
    std::copy(row.begin(), row.end(), q.begin());
    (void)softmax(q);
    const token t = ctx.random.categorical(ctx.site(tip), purpose::draft, std::span<const P>{q});
    if (Bug == swift_bug::discards_the_unsure && q[static_cast<std::size_t>(t)] < P(0.35)) return tree.drop_q(tip);
    tree.add(tip, t);
  }

  skip_set skipped_;
};

}  // namespace hunch::test
