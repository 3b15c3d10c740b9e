// Recursive rejection sampling: accept by probability ratio, else try the next sibling against the residual.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <hunch/core/verifier.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// Exact for siblings drawn without replacement from q(parent), and for chosen ones (empty q: tested as if q were 1).
/// A chain is the case of one child: speculative sampling.
///
/// Cost: a softmax per node on the path; O(vocab) per rejected sibling.
/// Sources: Leviathan et al. (2023) and Chen et al. (2023) for chains; Jeon et al., "Recursive Speculative Decoding"
/// (2024), for siblings without replacement.
template <class W>
class rejection {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = true;

  explicit rejection(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    out.reset();
    for (node_id at = 0;;) {
      const std::span<const P> law = warped_law(tree, rows, at, ctx, out);
      if (law.empty()) return;
      const node_id accepted = judge_children(tree, at, law, ctx, out);
      if (accepted == no_node) return;
      out.path.push_back(at = accepted);
    }
  }

 private:
  /// The target's law after node `at`, kept in out.laws; empty if the row is not usable.
  template <class P, class Rows, class R>
  std::span<const P> warped_law(const basic_draft_tree<P>& tree, const Rows& rows, node_id at,
                                const basic_context<R>& ctx, basic_verdict<P>& out) const {
    const std::span<const P> raw = rows[at];
    const std::size_t vocab = raw.size();
    const std::size_t begin = (out.path.size() - 1) * vocab;
    if (out.laws.size() < begin + vocab) out.laws.resize(begin + vocab);
    const std::span<P> law{out.laws.data() + begin, vocab};
    std::copy(raw.begin(), raw.end(), law.begin());
    warp_(law, prefix_view{ctx.text, tree.view(), at});
    if constexpr (is_greedy<W>()) {
      const token best = argmax(std::span<const P>{law});
      if (best == no_token) return {};
      std::fill(law.begin(), law.end(), P{0});
      law[static_cast<std::size_t>(best)] = P{1};
    } else if (!softmax(law)) {
      return {};
    }
    return law;
  }

  /// The accepted child, or no_node with out.next drawn from what is left.
  template <class P, class R>
  node_id judge_children(const basic_draft_tree<P>& tree, node_id at, std::span<const P> law,
                         const basic_context<R>& ctx, basic_verdict<P>& out) const {
    if (tree.first_child(at) == no_node) {
      out.next = ctx.random.categorical(ctx.site(at), purpose::bonus, law);
      return no_node;
    }
    const bool drawn = !tree.q(at).empty();
    out.residual.assign(law.begin(), law.end());
    out.draft_law.assign(tree.q(at).begin(), tree.q(at).end());
    const std::span<P> residual{out.residual};
    const std::span<P> q{out.draft_law};
    double q_mass = 1;
    // invariant: residual is the law of the token given that the siblings before c were rejected; q / q_mass is the
    // law that c was drawn from (the siblings before it have no mass left)
    for (node_id c = tree.first_child(at); c != no_node; c = tree.next_sibling(c)) {
      const auto x = static_cast<std::size_t>(tree[c]);
      const P qx = drawn ? static_cast<P>(static_cast<double>(q[x]) / q_mass) : P{1};
      ++out.tested;
      if (ctx.random.accept(ctx.site(c), residual[x], qx)) return c;
      if (drawn)
        subtract<P>(residual, q, q_mass);
      else
        residual[x] = P{0};
      if (!normalize(residual)) {
        std::copy(law.begin(), law.end(), residual.begin());  // rounding only: the draft's law was the target's
        break;
      }
      if (!drawn) continue;
      q[x] = P{0};
      q_mass = sum_of<P>(q);     // summed anew: subtracting would leave noise where little is left
      if (!(q_mass > 0)) break;  // every token that q can give was tried
    }
    out.next = ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{residual});
    return no_node;
  }

  template <class P>
  static void subtract(std::span<P> residual, std::span<const P> q, double q_mass) noexcept {
    const auto scale = static_cast<P>(1.0 / q_mass);
    for (std::size_t v = 0; v < residual.size(); ++v) residual[v] = std::max(P{0}, residual[v] - q[v] * scale);
  }
  template <class P>
  static double sum_of(std::span<const P> row) noexcept {
    double sum = 0;
    for (const P x : row) sum += static_cast<double>(x);
    return sum;
  }
  /// False if there is no mass.
  template <class P>
  static bool normalize(std::span<P> row) noexcept {
    const double sum = sum_of<P>(row);
    if (!(sum > 0)) return false;
    for (P& x : row) x = static_cast<P>(static_cast<double>(x) / sum);
    return true;
  }

  W warp_;
};

}  // namespace hunch
