// Bugs that speculative decoders have shipped, as parts that can be put into a decoder: the harness must see each.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hunch/core.hpp>

namespace hunch::test {

enum class bug {
  none,                   // the control: must pass
  residual_from_target,   // after a rejection draws from p, not from norm((p - q)+)
  residual_on_mismatch,   // accepts only what an independent draw from p equals, else draws the residual
  accept_all,             // a uniform stuck at 0
  reused_uniform,         // one uniform for accept and residual
  one_uniform,            // one accept uniform for all nodes of a round
  bonus_from_raw,         // the bonus token ignores the warper
  bonus_after_rejection,  // the next token is the bonus draw from p, whether or not all drafts were accepted
  edits_rows,             // zeroes the draft token in the backend's row
  stale_q,                // siblings verified with the q of the first one
  stale_target,           // chosen siblings: the rejected token keeps its target mass
  retested,               // a rejected draft gets a second trial
  largest_q_first,        // siblings judged by q, not in draw order
};

/// A plain top-down verifier with one of the bugs in it.
template <class W, bug Bug>
class wrong_rejection {
 public:
  static constexpr laws sibling_laws = deterministic | without_replacement;
  static constexpr bool lossless = Bug == bug::none;

  explicit wrong_rejection(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    out.reset();
    for (node_id at = 0;;) {
      std::vector<P> p = law(rows[at], prefix_view{ctx.text, tree.view(), at}, true);
      if (tree.first_child(at) == no_node) {
        if constexpr (Bug == bug::bonus_from_raw) p = law(rows[at], prefix_view{ctx.text, tree.view(), at}, false);
        out.next = ctx.random.categorical(ctx.site(at), purpose::bonus, std::span<const P>{p});
        return;
      }
      const node_id hit = judge(tree, at, p, rows[at], ctx, out);
      if (hit == no_node) return;
      out.path.push_back(at = hit);
    }
  }

 private:
  template <class P>
  std::vector<P> law(std::span<const P> raw, const prefix_view& at, bool warped) const {
    std::vector<P> p(raw.begin(), raw.end());
    if (warped) warp_(std::span<P>{p}, at);
    (void)softmax(std::span<P>{p});
    return p;
  }
  template <class P>
  std::vector<node_id> order(const basic_draft_tree<P>& tree, node_id at) const {
    std::vector<node_id> c;
    for (node_id n = tree.first_child(at); n != no_node; n = tree.next_sibling(n)) c.push_back(n);
    if constexpr (Bug == bug::largest_q_first)
      std::stable_sort(c.begin(), c.end(), [&](node_id a, node_id b) {
        return tree.q(at)[static_cast<std::size_t>(tree[a])] > tree.q(at)[static_cast<std::size_t>(tree[b])];
      });
    if constexpr (Bug == bug::retested) c.push_back(c.front());
    return c;
  }
  template <class P, class R>
  node_id judge(const basic_draft_tree<P>& tree, node_id at, const std::vector<P>& p, std::span<const P> raw,
                const basic_context<R>& ctx, basic_verdict<P>& out) const {
    const bool drawn = !tree.q(at).empty();
    std::vector<P> r = p;
    std::vector<P> q(tree.q(at).begin(), tree.q(at).end());
    node_id last = at;
    node_id trial = 0;
    for (const node_id c : order(tree, at)) {
      const auto x = static_cast<std::size_t>(tree[c]);
      const draw_site site = Bug == bug::one_uniform ? ctx.site(0)
                             : Bug == bug::retested  ? draw_site{ctx.text.size(), 100 + trial++}
                                                     : ctx.site(c);
      if (accepts(ctx, site, r[x], drawn ? q[x] : P{1}, p, tree[c])) return c;
      last = c;
      if constexpr (Bug == bug::edits_rows) const_cast<P&>(raw[x]) = hunch::detail::minus_infinity<P>;
      if constexpr (Bug == bug::residual_from_target) continue;
      if (!drawn && Bug != bug::stale_target) r[x] = 0;
      if (drawn) {
        for (std::size_t v = 0; v < r.size(); ++v) r[v] = std::max(P{0}, r[v] - q[v]);
        if constexpr (Bug != bug::stale_q && Bug != bug::retested) q[x] = 0;
        if (!normalize(q)) break;
      }
      if (!normalize(r)) r = p;
    }
    if constexpr (Bug == bug::bonus_after_rejection) r = p;
    const bool reuse = Bug == bug::reused_uniform;
    out.next = ctx.random.categorical(ctx.site(reuse ? last : at), reuse ? purpose::accept : purpose::residual,
                                      std::span<const P>{r});
    return no_node;
  }
  template <class P, class R>
  static bool accepts(const basic_context<R>& ctx, draw_site site, P r, P q, const std::vector<P>& p, token x) {
    if constexpr (Bug == bug::accept_all)
      return true;
    else if constexpr (Bug == bug::residual_on_mismatch)
      return ctx.random.categorical(site, purpose::user, std::span<const P>{p}) == x;
    else
      return ctx.random.accept(site, r, q);
  }
  template <class P>
  static bool normalize(std::vector<P>& row) {
    P sum = 0;
    for (const P x : row) sum += x;
    if (!(sum > 0)) return false;
    for (P& x : row) x /= sum;
    return true;
  }

  W warp_;
};

enum class draft_bug {
  none,
  argmax_with_soft_q,  // chosen, but handed over as if drawn from q
  unfilled_q,          // the q row is never written
  wrong_q,             // drawn from q, reported as uniform
  raw_q,               // drawn after the warper, reported before it
  drops_unsure,        // looks at the token it drew and takes it back
  prunes_to_larger_q,  // draws two, keeps the one with the larger q
};

/// Drafts one token with one of the bugs.
template <Backend B, class W, draft_bug Bug>
class wrong_drafter {
 public:
  static constexpr laws sibling_laws = without_replacement | deterministic;

  wrong_drafter(B& draft, W warp) : sequence_{draft}, warp_{std::move(warp)} {}

  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) {
    if (ctx.max_depth == 0 || ctx.budget < 2 || !sequence_.sync(ctx.text)) return;
    const auto rows = sequence_.forward(tree, 0);
    std::vector<P> raw(rows[0].begin(), rows[0].end());
    std::vector<P> q = raw;
    warp_(std::span<P>{q}, prefix_view{ctx.text, tree.view(), 0});
    (void)softmax(std::span<P>{q});
    (void)softmax(std::span<P>{raw});
    const token x = draw(ctx, q);
    const P qx = q[static_cast<std::size_t>(x)];
    if (Bug == draft_bug::drops_unsure && static_cast<double>(qx) < 0.12) return;
    if constexpr (Bug == draft_bug::unfilled_q) std::fill(q.begin(), q.end(), P{0});
    if constexpr (Bug == draft_bug::wrong_q) std::fill(q.begin(), q.end(), P{1} / static_cast<P>(q.size()));
    if constexpr (Bug == draft_bug::raw_q) q = raw;
    const std::span<P> row = tree.make_q(0);
    std::copy(q.begin(), q.end(), row.begin());
    tree.add(0, x);
  }

 private:
  template <class P, class R>
  token draw(const basic_context<R>& ctx, const std::vector<P>& q) {
    if constexpr (Bug == draft_bug::argmax_with_soft_q)
      return static_cast<token>(std::max_element(q.begin(), q.end()) - q.begin());
    if constexpr (Bug == draft_bug::prunes_to_larger_q) {
      ctx.random.ordered_without_replacement(ctx.site(0), std::span<const P>{q}, 2, drawn_);
      const auto larger = [&](const candidate& a, const candidate& b) {
        return q[static_cast<std::size_t>(a.index)] < q[static_cast<std::size_t>(b.index)];
      };
      return std::max_element(drawn_.begin(), drawn_.end(), larger)->index;
    }
    return ctx.random.categorical(ctx.site(0), purpose::draft, std::span<const P>{q});
  }

  text_sequence<B> sequence_;
  W warp_;
  std::vector<candidate> drawn_;
};

/// Block verification of a chain (Sun et al., 2024): reads accept draws beyond the accepted prefix. With draws keyed
/// by the round it is exact; keyed by the absolute position the next round reads them again.
template <class W, bool ByPosition>
class block_chain {
 public:
  static constexpr laws sibling_laws = without_replacement;
  static constexpr bool lossless = !ByPosition;

  explicit block_chain(W warp) : warp_{std::move(warp)} {}

  template <class P, LogitRows Rows, class R>
  void verify(const basic_draft_tree<P>& tree, const Rows& rows, const basic_context<R>& ctx,
              basic_verdict<P>& out) const {
    out.reset();
    const std::size_t gamma = tree.size() - 1;
    std::vector<std::vector<P>> p(gamma + 1);
    for (node_id i = 0; i <= gamma; ++i) {
      p[i].assign(rows[i].begin(), rows[i].end());
      warp_(std::span<P>{p[i]}, prefix_view{ctx.text, tree.view(), i});
      (void)softmax(std::span<P>{p[i]});
    }
    std::vector<P> w(gamma + 1, P{1});
    for (node_id i = 1; i <= gamma; ++i) {
      const auto x = static_cast<std::size_t>(tree[i]);
      w[i] = std::min(P{1}, w[i - 1] * p[i - 1][x] / tree.q(i - 1)[x]);
    }
    std::size_t tau = 0;
    for (node_id i = 1; i <= gamma; ++i) {
      const P s = i == gamma ? P{0} : excess(p[i], w[i], tree.q(i));
      const P h = i == gamma ? w[i] : s + 1 - w[i] > 0 ? s / (s + 1 - w[i]) : P{1};
      const draw_site site = ByPosition ? draw_site{ctx.position(i), 0} : ctx.site(i);
      if (ctx.random.accept(site, h, P{1})) tau = i;
    }
    for (node_id i = 1; i <= tau; ++i) out.path.push_back(i);
    std::vector<P>& law = p[tau];
    if (tau < gamma && excess(law, w[tau], tree.q(static_cast<node_id>(tau))) > 0)
      for (std::size_t v = 0; v < law.size(); ++v)
        law[v] = std::max(P{0}, w[tau] * law[v] - tree.q(static_cast<node_id>(tau))[v]);
    out.next = ctx.random.categorical(ctx.site(static_cast<node_id>(tau)),
                                      tau < gamma ? purpose::residual : purpose::bonus, std::span<const P>{law});
  }

 private:
  template <class P>
  static P excess(const std::vector<P>& p, P w, std::span<const P> q) {
    P sum = 0;
    for (std::size_t v = 0; v < p.size(); ++v) sum += std::max(P{0}, w * p[v] - q[v]);
    return sum;
  }
  W warp_;
};

}  // namespace hunch::test
