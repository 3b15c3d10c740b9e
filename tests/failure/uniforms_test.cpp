// Draws at the ends of (0, 1) and rows without mass: where acceptance by ratio meets the limits of floats.
#include <cmath>

#include "failure/parts.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

/// Answers each accept by one uniform.
struct fixed_uniform {
  double u;
  [[nodiscard]] fixed_uniform split(std::uint32_t) const { return *this; }
  [[nodiscard]] bool accept(draw_site, float p, float q, std::uint32_t = 0) const {
    return u * static_cast<double>(q) < static_cast<double>(p);
  }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const float> w, std::uint32_t lane = 0) const {
    return philox{1}.categorical(at, why, w, lane);
  }
  void ordered_without_replacement(draw_site, std::span<const float>, std::size_t, std::vector<candidate>&) const {}
  [[nodiscard]] token at_position(std::uint64_t, std::span<const float> logits) const { return argmax(logits); }
};

/// One draft of token `t` from q, judged at one uniform against rows of p.
template <class V>
verdict judged(const V& verifier, laws law, token t, const std::vector<float>& q, const std::vector<float>& p,
               double u) {
  draft_tree tree{q.size()};
  tree.reset(0);
  std::ranges::copy(q, tree.make_q(0).begin());
  if (law.contains(without_replacement)) {
    tree.add(0, t);
  } else {
    tree.begin_draws(0, law);
    tree.draw(0, t);
  }
  std::vector<float> rows;
  for (int i = 0; i < 2; ++i)
    for (const float x : p) rows.push_back(std::log(x));
  const tokens text{0};
  basic_context<fixed_uniform> ctx{.text = text, .budget = 8, .max_depth = 8, .random = fixed_uniform{u}};
  verdict out;
  verifier.verify(tree, matrix_view{rows.data(), 2, p.size()}, ctx, out);
  return out;
}
const double uniforms[] = {0.0, std::nextafter(0.0, 1.0), 0.5, 1.0 - 0x1p-33};
const temperature plain{1.0f};

template <class F>
void for_each_ratio_verifier(F f) {
  f(rejection(plain), without_replacement);
  f(block(plain), without_replacement);
  f(traversal(plain), without_replacement);
  f(multi_round(plain), iid);
  f(k_sequence(plain), iid);
}

}  // namespace

TEST_CASE("A7: no verifier takes a token the target cannot say, at a uniform of exactly 0", "[failure][A7]") {
  for_each_ratio_verifier([](auto verifier, laws law) {
    for (const double u : uniforms) {
      const verdict v = judged(verifier, law, 2, {0.25f, 0.25f, 0.5f}, {0.5f, 0.5f, 0.0f}, u);
      CHECK(v.accepted() == 0);
      CHECK((v.next == 0 || v.next == 1));
    }
  });
}

TEST_CASE("A7: where neither p nor q has mass nothing is accepted, at any draw", "[failure][A7]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CHECK_FALSE(philox{seed}.accept({3, 1}, 0.0f, 0.0f));
    CHECK_FALSE(philox{seed}.accept({3, 1}, 0.0f, 0.5f));
  }
}

TEST_CASE("A9: p equal to q is accepted at every uniform, and no residual is needed", "[failure][A9]") {
  for_each_ratio_verifier([](auto verifier, laws law) {
    for (const double u : uniforms) {
      const std::vector<float> p{0.25f, 0.5f, 0.25f};
      const verdict v = judged(verifier, law, 1, p, p, u);
      CHECK(v.accepted() == 1);
      CHECK((v.next >= 0 && v.next < 3));
    }
  });
}

TEST_CASE("A9: a residual that rounding has emptied gives a token that the target can say", "[failure][A9]") {
  // q lies a rounding above p wherever p has mass, so the residual has none.
  for_each_ratio_verifier([](auto verifier, laws law) {
    const verdict v = judged(verifier, law, 1, {0.0f, 0.5000001f, 0.5000001f}, {0.0f, 0.5f, 0.5f}, 1.0 - 0x1p-33);
    CHECK((v.next == 1 || v.next == 2));
  });
}
