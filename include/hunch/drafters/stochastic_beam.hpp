// RSD-S: stochastic beam search, a tree whose branches compete for their places.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/math.hpp>
#include <hunch/drafters/level_pass.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {
namespace detail {

/// log(1 - e^a) for a <= 0, precise at both ends.
[[nodiscard]] inline double log1mexp(double a) noexcept {
  return a > -0.6931471805599453 ? std::log(-std::expm1(a)) : std::log1p(-std::exp(a));
}

/// A Gumbel with the maximum of its siblings moved to `psi`: -log(e^-psi - e^-top + e^-g), for g <= top, without the
/// cancellation. g = top gives psi itself.
[[nodiscard]] inline double truncated_gumbel(double psi, double top, double g) noexcept {
  if (!(g < top)) return psi;
  const double v = psi - g + log1mexp(g - top);
  return psi - std::max(v, 0.0) - std::log1p(std::exp(-std::abs(v)));
}

}  // namespace detail

/// At each of `length` levels the `width` sequences of largest perturbed log-probability are kept: they are drawn
/// without replacement from the draft's law of sequences. Weak branches get no children, strong ones several; children
/// of a node stand in the order of their perturbed log-probability, which is their draw order.
///
/// At most width·length nodes, one batched pass of the draft model per level. Which siblings are kept depends on the
/// perturbed values, never on which tokens they are, so verifiers of law `without_replacement` are exact.
/// Sources: Kool et al., "Stochastic Beams and Where to Find Them" (2019); Jeon et al. (2024), RSD-S.
template <Model B, class W>
class stochastic_beam : public level_drafter<stochastic_beam<B, W>, B, W> {
  using base = level_drafter<stochastic_beam, B, W>;
  friend base;

 public:
  static constexpr laws sibling_laws = without_replacement;
  static_assert(!is_greedy<W>(), "hunch: stochastic_beam draws; with a greedy warper use best_first");

  stochastic_beam(B& draft, W warp, std::uint32_t width, std::uint32_t length)
      : base{draft, std::move(warp)}, width_{width}, length_{length} {
    if (width == 0) raise("hunch: stochastic_beam needs a width of at least 1");
  }

 private:
  using base::pass_;

  struct beam {
    double phi;  // log-probability of the path under the draft's law
    double psi;  // the same, perturbed; the largest of its siblings has its parent's
  };
  struct contender {
    node_id parent;
    token index;
    beam scores;
    std::size_t order;  // equal scores keep it, so siblings stay in draw order
  };

  template <class P, class R>
  void open(const basic_context<R>&, const basic_draft_tree<P>&) {
    beams_.assign(1, beam{0, 0});
  }
  template <class P>
  [[nodiscard]] bool wants(const basic_draft_tree<P>& tree, node_id n) const {
    return tree.depth(n) < length_;
  }

  /// The node's children of largest perturbed log-probability: no more than `width` of them can be kept.
  template <class P, class R, class Row>
  void expand(const basic_context<R>& ctx, basic_draft_tree<P>& tree, node_id n, const Row& row) {
    const auto q = pass_.law(ctx, tree, n, row);
    if (q.empty()) return;
    ctx.random.ordered_without_replacement(ctx.site(n), q, width_, drawn_);
    const double phi = beams_[n].phi;
    double psi = beams_[n].psi;  // never rises along the siblings, not even by rounding
    for (const candidate& c : drawn_) {
      const double own = phi + portable_log(static_cast<double>(q[static_cast<std::size_t>(c.index)]));
      psi = std::min(psi, detail::truncated_gumbel(beams_[n].psi, phi + drawn_.front().score, phi + c.score));
      contenders_.push_back({n, c.index, {own, psi}, contenders_.size()});
    }
  }

  template <class P, class R>
  void close_level(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    const std::size_t count = std::min<std::size_t>(width_, ctx.budget - tree.size());
    std::ranges::sort(contenders_, [](const contender& a, const contender& b) {
      return a.scores.psi > b.scores.psi || (a.scores.psi == b.scores.psi && a.order < b.order);
    });
    if (contenders_.size() > count) contenders_.resize(count);
    for (const contender& c : contenders_) {
      tree.add(c.parent, c.index);
      beams_.push_back(c.scores);
    }
    contenders_.clear();
  }

  std::uint32_t width_;
  std::uint32_t length_;
  std::vector<beam> beams_;  // of the tree's nodes
  std::vector<contender> contenders_;
  std::vector<candidate> drawn_;
};

}  // namespace hunch
