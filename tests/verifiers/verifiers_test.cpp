// One verification at a time: edges that no law of texts shows.
#include <cmath>
#include <limits>

#include <hunch/core.hpp>

#include "support/catch.hpp"

using namespace hunch;
using tokens = std::vector<token>;

namespace {

/// A source that answers from a script: what a uniform of that value decides.
struct at_uniform {
  double u = 0.5;
  bool strict = true;
  [[nodiscard]] at_uniform split(std::uint32_t) const { return *this; }
  [[nodiscard]] bool accept(draw_site, float p, float q, std::uint32_t = 0) const {
    return strict ? u * static_cast<double>(q) < static_cast<double>(p)
                  : u * static_cast<double>(q) <= static_cast<double>(p);
  }
  [[nodiscard]] token categorical(draw_site, purpose, std::span<const float> w, std::uint32_t = 0) const {
    double mass = 0;
    for (const float x : w) mass += static_cast<double>(x);
    double sum = 0;
    token last = no_token;
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!(w[i] > 0)) continue;
      sum += static_cast<double>(w[i]);
      last = static_cast<token>(i);
      if (u * mass < sum) return last;
    }
    return last;
  }
  void ordered_without_replacement(draw_site, std::span<const float>, std::size_t, std::vector<candidate>&) const {}
  [[nodiscard]] token at_position(std::uint64_t, std::span<const float> logits) const { return argmax(logits); }
};

std::vector<float> logits_of(std::initializer_list<float> p) {
  std::vector<float> out;
  for (const float x : p) out.push_back(std::log(x));
  return out;
}

template <class V, class R>
verdict judged(const V& verifier, const draft_tree& tree, const std::vector<float>& rows, R random) {
  verdict out;
  const tokens text{0};
  basic_context<R> ctx;
  ctx.text = text;
  ctx.budget = 8;
  ctx.max_depth = 8;
  ctx.random = random;
  verifier.verify(tree, matrix_view{rows.data(), rows.size() / tree.vocab(), tree.vocab()}, ctx, out);
  return out;
}

draft_tree one_draft(token t, std::initializer_list<float> q) {
  draft_tree tree{q.size()};
  tree.reset(0);
  if (q.size() > 0 && *q.begin() >= 0) std::copy(q.begin(), q.end(), tree.make_q(0).begin());
  tree.add(0, t);
  return tree;
}

const temperature plain{1.0f};

}  // namespace

TEST_CASE("rejection: a token the target cannot say is rejected at a uniform of exactly 0", "[rejection]") {
  const draft_tree tree = one_draft(2, {0.25f, 0.25f, 0.5f});
  auto rows = logits_of({0.5f, 0.5f, 0.0f});
  rows.insert(rows.end(), rows.begin(), rows.begin() + 3);
  for (const double u : {0.0, std::nextafter(0.0, 1.0), 1.0 - 0x1p-33}) {
    const verdict v = judged(rejection(plain), tree, rows, at_uniform{u});
    CHECK(v.accepted() == 0);
    CHECK((v.next == 0 || v.next == 1));
  }
  // The mutant: `u q <= p` takes it.
  CHECK(judged(rejection(plain), tree, rows, at_uniform{0.0, false}).accepted() == 1);
}

TEST_CASE("rejection: p equal to q is always accepted, at every uniform", "[rejection]") {
  const draft_tree tree = one_draft(1, {0.25f, 0.5f, 0.25f});
  auto rows = logits_of({0.25f, 0.5f, 0.25f});
  rows.insert(rows.end(), rows.begin(), rows.begin() + 3);
  for (const double u : {0.0, 0.5, 1.0 - 0x1p-33})
    CHECK(judged(rejection(plain), tree, rows, at_uniform{u}).accepted() == 1);
}

TEST_CASE("rejection: where rounding leaves no residual, the token comes from the target's law", "[rejection]") {
  // q is a rounding above p everywhere, so norm((p - q)+) has no mass; a source that rejects all the same.
  struct rejects : at_uniform {
    [[nodiscard]] bool accept(draw_site, float, float, std::uint32_t = 0) const { return false; }
  };
  const draft_tree tree = one_draft(1, {0.2500001f, 0.5000001f, 0.2500001f});
  auto rows = logits_of({0.25f, 0.5f, 0.25f});
  rows.insert(rows.end(), rows.begin(), rows.begin() + 3);
  CHECK(judged(rejection(plain), tree, rows, rejects{{0.1}}).next == 0);
  CHECK(judged(rejection(plain), tree, rows, rejects{{0.5}}).next == 1);
  CHECK(judged(rejection(plain), tree, rows, rejects{{0.9}}).next == 2);
}

TEST_CASE("rejection: a child that its q cannot give is judged without a division by zero", "[rejection]") {
  // The drafter lies (law D2). Documented outcome: accepted where the target can say it, rejected where not.
  auto rows = logits_of({0.5f, 0.5f, 0.0f});
  rows.insert(rows.end(), rows.begin(), rows.begin() + 3);
  CHECK(judged(rejection(plain), one_draft(1, {1.0f, 0.0f, 0.0f}), rows, at_uniform{}).accepted() == 1);
  const verdict v = judged(rejection(plain), one_draft(2, {1.0f, 0.0f, 0.0f}), rows, at_uniform{});
  CHECK(v.accepted() == 0);
  CHECK(v.next == 1);
}

TEST_CASE("rejection: drafts of which one has nearly all of q leave a sound law for the next", "[rejection]") {
  // q = (1 - 2^-23, 2^-24, 2^-24): after the first, both others have one half each; p(1) = p(2) = 1/2.
  draft_tree tree{3};
  tree.reset(0);
  const float tiny = 0x1p-24f;
  const std::vector<float> q{1.0f - 0x1p-23f, tiny, tiny};
  std::copy(q.begin(), q.end(), tree.make_q(0).begin());
  tree.add(0, 0);
  tree.add(0, 1);
  std::vector<float> rows;
  for (int i = 0; i < 3; ++i) rows.insert(rows.end(), {-std::numeric_limits<float>::infinity(), 0.0f, 0.0f});
  CHECK(judged(rejection(plain), tree, rows, at_uniform{0.999}).path == std::vector<node_id>{0, 2});
}

TEST_CASE("verifiers: rows of NaN, of +inf and of nothing but -inf give no token", "[verifiers]") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  draft_tree tree{3};
  tree.reset(0);
  for (const auto& row : {std::vector<float>{0, nan, 0}, {nan, 0, 1}, {0, 0, nan}, {0, inf, 0}, {-inf, -inf, -inf}}) {
    CHECK(judged(rejection(plain), tree, row, philox{1}).next == no_token);
    CHECK(judged(rejection(greedy{}), tree, row, philox{1}).next == no_token);
    CHECK(judged(match(plain), tree, row, philox{1}).next == no_token);
    CHECK(judged(match(greedy{}), tree, row, philox{1}).next == no_token);
    CHECK(judged(match(top_k{2} | top_p{0.9f}), tree, row, philox{1}).next == no_token);
    CHECK(judged(rejection(top_k{2} | top_p{0.9f} | min_p{0.1f}), tree, row, philox{1}).next == no_token);
  }
}

TEST_CASE("rejection: leaves the warped laws of the path in the verdict", "[rejection]") {
  draft_tree tree{3};
  tree.reset(0);
  tree.add(0, 1);
  std::vector<float> rows = logits_of({0.2f, 0.6f, 0.2f});
  const auto second = logits_of({0.5f, 0.3f, 0.2f});
  rows.insert(rows.end(), second.begin(), second.end());
  const verdict v = judged(rejection(top_k{2}), tree, rows, at_uniform{0.1});
  REQUIRE(v.path == std::vector<node_id>{0, 1});
  REQUIRE(v.laws.size() >= 6);
  CHECK(v.laws[1] == Approx(0.6));  // 0 and 2 are equal to the second largest: all three stay
  CHECK(v.laws[3] == Approx(5. / 8));
  CHECK(v.laws[4] == Approx(3. / 8));
  CHECK(v.laws[5] == 0);
}

TEST_CASE("match: tested counts the siblings up to the accepted one, or all", "[match]") {
  draft_tree tree{4};
  tree.reset(0);
  tree.add(0, 3);
  const node_id hit = tree.add(0, 1);
  tree.add(0, 2);
  tree.add(hit, 2);
  std::vector<float> rows;
  const auto says = [&](std::size_t best) {
    for (std::size_t i = 0; i < 4; ++i) rows.push_back(i == best ? 1.0f : 0.0f);
  };
  says(1);  // root: child 1
  says(0);
  says(0);  // after the accepted child: not the drafted 2
  says(0);
  says(0);
  const verdict v = judged(match(greedy{}), tree, rows, philox{});
  CHECK(v.path == std::vector<node_id>{0, hit});
  CHECK(v.tested == 3);
  CHECK(v.next == 0);
}

TEST_CASE("match: the same draws as rejection would make never change its token", "[match]") {
  draft_tree bare{3};
  bare.reset(0);
  const auto rows = logits_of({0.2f, 0.5f, 0.3f});
  std::vector<float> many;
  for (int i = 0; i < 3; ++i) many.insert(many.end(), rows.begin(), rows.end());
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const token alone = judged(match(plain), bare, rows, philox{seed}).next;
    draft_tree tree{3};
    tree.reset(0);
    tree.add(0, 2);
    tree.add(0, 0);
    const verdict v = judged(match(plain), tree, many, philox{seed});
    CHECK((v.accepted() == 1 ? tree[v.path[1]] : v.next) == alone);
  }
}
