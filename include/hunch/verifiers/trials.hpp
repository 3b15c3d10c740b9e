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
  std::span<const P> r = law;
  std::span<const P> q = tree.q(at);
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
    out.residual.resize(law.size());
    const double left = subtract<P>(1 / r_mass, r, lenience / q_mass, q, out.residual);
    r = left > 0 ? std::span<const P>{out.residual} : law;  // rounding only: q was the target's law
    r_mass = left > 0 ? left : 1;
    if constexpr (Replacement == replacement::without) {
      if (q.data() == tree.q(at).data()) out.draft_law.assign(q.begin(), q.end());
      out.draft_law[x] = P{0};
      q = out.draft_law;
      q_mass = sum_of<P>(q);
    }
    return false;
  });
  if (hit == no_node) out.next = ctx.random.categorical(ctx.site(at), purpose::residual, r);
  return hit;
}

}  // namespace hunch::detail
