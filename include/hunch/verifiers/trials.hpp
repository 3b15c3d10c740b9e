// Trials one after another against what earlier ones left of the target's law.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <hunch/core/verifier.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch::detail {

/// Whether a drawn token can be drawn again by a later sibling.
enum class replacement { with, without };

/// Accepts trial x with min(1, r(x) / (lenience·q(x))), else r becomes the normalised (r - lenience·q)+, and without
/// replacement q loses x. After: the accepted child, or no_node and out.next drawn from r.
/// lenience = 1 is exact for siblings drawn with (without) replacement. Cost: O(vocab) per rejected trial.
template <replacement Replacement, class P, class R>
node_id judge_trials(const basic_draft_tree<P>& tree, node_id at, std::span<const P> law, double lenience,
                     const basic_context<R>& ctx, basic_verdict<P>& out) {
  out.residual.assign(law.begin(), law.end());
  out.draft_law.assign(tree.q(at).begin(), tree.q(at).end());
  const std::span<P> r{out.residual};
  const std::span<P> q{out.draft_law};
  double r_mass = 1;
  double q_mass = 1;
  // invariant: r / r_mass is the law of the token given that the trials so far were rejected, and q / q_mass is what
  // the next trial was drawn from
  const node_id hit = find_trial(tree, at, [&](node_id c, std::uint32_t lane) {
    const auto x = static_cast<std::size_t>(tree[c]);
    const double rx = static_cast<double>(r[x]) / r_mass;
    const double qx = q_mass > 0 ? lenience * static_cast<double>(q[x]) / q_mass : 0;
    if (ctx.random.accept(ctx.site(c), static_cast<P>(rx), static_cast<P>(qx), lane)) return true;
    if (!(q_mass > 0)) return false;
    double left = 0;
    double drawable = 0;
    for (std::size_t v = 0; v < r.size(); ++v) {
      const double y = static_cast<double>(r[v]) / r_mass - lenience * static_cast<double>(q[v]) / q_mass;
      r[v] = static_cast<P>(std::max(0.0, y));
      left += static_cast<double>(r[v]);
      drawable += static_cast<double>(q[v]);
    }
    if (left > 0) {
      r_mass = left;
    } else {
      std::copy(law.begin(), law.end(), r.begin());  // rounding only: q was the target's law
      r_mass = 1;
    }
    if constexpr (Replacement == replacement::without) {
      q_mass = drawable - static_cast<double>(q[x]);
      q[x] = P{0};
    }
    return false;
  });
  if (hit == no_node) out.next = ctx.random.categorical(ctx.site(at), purpose::residual, std::span<const P>{r});
  return hit;
}

}  // namespace hunch::detail
