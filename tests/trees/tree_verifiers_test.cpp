// Trees under rejection, traversal and the verifiers of other laws: the numbers of the tables, exactly.
#include "support/catch.hpp"
#include "trees/judged.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

struct shape_row {
  branching_vector shape;
  double accepted;
};

template <class Make, class V>
void check_shapes(Make make, const V& verifier, const std::vector<shape_row>& rows) {
  for (const shape_row& r : rows) {
    auto m = fixture_m();
    const round_law law = judged(m, make(m, r.shape), verifier);
    INFO("shape of " << r.shape.size() << " levels, first of " << r.shape[0]);
    CHECK(std::abs(law.accepted - r.accepted) < exact);
    CHECK(round_distance(law, m.target, r.shape.size() + 1) < exact);
  }
}

constexpr auto without = [](pair_of_models& m, const branching_vector& shape) { return rsd_c(m, shape); };
constexpr auto with = [](pair_of_models& m, const branching_vector& shape) { return independent(m, shape); };

/// Siblings below the root, k = 1, 2, …
template <class Make, class V>
void check_siblings(pair_of_models m, Make make, const V& verifier, std::initializer_list<double> acceptance,
                    double tolerance = exact) {
  std::uint32_t k = 0;
  for (const double expected : acceptance) {
    INFO(++k << " siblings");
    const round_law law = judged(m, make(m, {k}), verifier);
    CHECK(std::abs(law.accepted - expected) < tolerance);
    CHECK(round_distance(law, m.target, 2) < exact);
  }
}

/// Drawn children of the root, below them chosen chains: both kinds in one tree.
struct mixed {
  static constexpr laws sibling_laws = deterministic | without_replacement;
  level_pass<exact_backend, temperature> pass;
  std::vector<candidate> drawn{};
  void propose(const basic_context<branching>& ctx, basic_draft_tree<double>& tree) {
    pass.grow(
        ctx, tree, [&](node_id n) { return n == 0; },
        [&](node_id n, const auto& row) {
          ctx.random.ordered_without_replacement(ctx.site(n), pass.law(ctx, tree, n, row), 2, drawn);
          for (const candidate& c : drawn) tree.add(n, c.index);
        },
        [] {});
    if (tree.size() < 3 || ctx.max_depth < 2) return;
    tree.add(1, 1);
    tree.add(1, 0);
    tree.add(2, 2);
  }
};

}  // namespace

TEST_CASE("gumbel_top_k: expected accepted tokens under rejection on M", "[trees]") {
  check_shapes(without, rejection(plain),
               {{{2}, 11. / 12},
                {{1, 1}, 35. / 24},
                {{2, 1}, 193. / 120},
                {{1, 2}, 7999. / 5040},
                {{2, 2}, 2201. / 1260},
                {{3, 1}, 211. / 120},
                {{2, 1, 1}, 613. / 288}});
}

TEST_CASE("gumbel_top_k: ten nodes, {2, 2, 1}, under rejection on M", "[trees][long]") {
  check_shapes(without, rejection(plain), {{{2, 2, 1}, 359237. / 151200}});
}

TEST_CASE("traversal: expected accepted tokens of trees without replacement on M", "[traversal]") {
  check_shapes(without, traversal(plain),
               {{{2}, 11. / 12},
                {{1, 1}, 61. / 40},
                {{2, 1}, 67. / 40},
                {{1, 2}, 39181. / 23940},
                {{2, 2}, 172019. / 95760},
                {{3, 1}, 73. / 40}});
}

TEST_CASE("traversal: siblings below one node are accepted as by rejection", "[traversal]") {
  check_siblings(fixture_b(), without, traversal(plain), {11. / 20, 53. / 70, 9. / 10, 24. / 25, 1.});
  check_siblings(fixture_a(), without, traversal(plain), {7. / 10, 2893. / 3600, 23099. / 25200, 1.});
  check_siblings(fixture_f1(), without, traversal(plain), {.9, 14. / 15, 1., 1.});
  check_siblings(fixture_bin(), without, traversal(plain), {2. / 3, 1.});
  check_siblings(models({.5, .25, .25}, {.5, .5, 0}), without, traversal(plain), {.75, .75, .75});
  check_siblings(models({.5, .5, 0, 0}, {0, 0, .5, .5}), without, traversal(plain), {0, 0, 0});
}

TEST_CASE("multi_round: independent siblings on B, A and Bin", "[multi_round]") {
  check_siblings(fixture_b(), with, multi_round(plain),
                 {11. / 20, 137. / 200, 1559. / 2000, 16913. / 20000, 172797. / 200000});
  check_siblings(fixture_a(), with, multi_round(plain), {7. / 10, 19. / 25, 101. / 125, 529. / 625});
  check_siblings(fixture_bin(), with, multi_round(plain), {2. / 3, 7. / 9});
  check_siblings(models({.5, .5, 0, 0}, {0, 0, .5, .5}), with, multi_round(plain), {0, 0, 0});
}

TEST_CASE("multi_round: expected accepted tokens of trees with replacement on M", "[multi_round]") {
  check_shapes(with, multi_round(plain),
               {{{2}, 8. / 9},
                {{1, 1}, 35. / 24},
                {{2, 1}, 187. / 120},
                {{2, 2}, 1181. / 720},
                {{3, 1}, 13. / 8},
                {{2, 1, 1}, 44539. / 21600}});
}

TEST_CASE("k_sequence: rho and acceptance of k siblings on B and A", "[k_sequence][long]") {
  // Reference to six digits.
  const auto rho = [](pair_of_models m, std::size_t k) {
    std::vector<double> p(m.target.vocab_size());
    std::vector<double> q(p.size());
    m.target.law()(start_text, p);
    m.draft.law()(start_text, q);
    return detail::solve_k_sequence(std::span<double>{p}, std::span<double>{q}, k).rho;
  };
  const double of_b[] = {1, 1.537386, 1.890043, 2.183683, 2.460669};
  const double of_a[] = {1, 1.456776, 1.792593, 2.030036};
  for (std::size_t k = 1; k <= 5; ++k) CHECK(std::abs(rho(fixture_b(), k) - of_b[k - 1]) < 1e-6);
  for (std::size_t k = 1; k <= 4; ++k) CHECK(std::abs(rho(fixture_a(), k) - of_a[k - 1]) < 1e-6);
  check_siblings(fixture_b(), with, k_sequence(plain), {.55, .711216, .817013, .868368, .896067}, 1e-6);
  check_siblings(fixture_a(), with, k_sequence(plain), {.7, .791355, .858519, .906007}, 1e-6);
  check_siblings(models({.5, .5, 0, 0}, {0, 0, .5, .5}), with, k_sequence(plain), {0, 0, 0});
}

TEST_CASE("k_sequence: a draft law equal to the target's is always accepted", "[k_sequence]") {
  check_siblings(models({.5, .3, .2}, {.5, .3, .2}), with, k_sequence(plain), {1, 1, 1});
}

TEST_CASE("spec_hub: pairs are accepted 9/10 of the time on A, 3/4 on B", "[spec_hub]") {
  const auto check = [](pair_of_models m, double expected) {
    const round_law law = judged(
        m, [&] { return spec_hub_pairs(m.draft, plain); }, spec_hub(plain));
    CHECK(std::abs(law.accepted - expected) < exact);
    CHECK(round_distance(law, m.target, 2) < exact);
  };
  check(fixture_a(), 9. / 10);
  check(fixture_b(), 3. / 4);
  check(models({.5, .3, .2}, {0, 1, 0}), .3);  // nothing to pair with: one draft
}

TEST_CASE("spec_hub: the favourite's mass that rejected pairs take is not given out again", "[spec_hub]") {
  // On A and B nothing of it is left after the pairs that begin with the favourite; here .136 is, and .2 wants it.
  auto m = models({.3, .05, .3, .35}, {.3, .25, .25, .2});
  const round_law law = judged(
      m, [&] { return spec_hub_pairs(m.draft, plain); }, spec_hub(plain));
  CHECK(round_distance(law, m.target, 2) < exact);
}

TEST_CASE("spec_hub: two levels and a budget that cuts a pair keep the law", "[spec_hub]") {
  auto m = fixture_m();
  const auto pairs = [&] { return spec_hub_pairs(m.draft, plain, 2); };
  CHECK(round_distance(judged(m, pairs, spec_hub(plain)), m.target, 3) < exact);
  const text_law emitted = enumerate([&](branching source) {
    auto decoder = speculate<branching>(m.target, pairs(), spec_hub(plain));
    decoder.start(start_text, basic_request<branching>{source, 3, {}});
    std::size_t budget = 2;  // root and half a pair, then a pair
    while (decoder.status() == status::running) decoder.step(budget++);
    return std::vector<token>(decoder.text().begin() + 1, decoder.text().end());
  });
  CHECK(total_variation(emitted, target_law(m.target, start_text, 3, plain)) < exact);
}

TEST_CASE("chosen siblings: accepted with the target's probability of the set, whoever judges", "[trees]") {
  const auto check = [](pair_of_models m, const std::vector<token>& by_q, std::initializer_list<double> acceptance) {
    std::size_t k = 0;
    for (const double expected : acceptance) {
      const std::vector<token> top(by_q.begin(), by_q.begin() + static_cast<std::ptrdiff_t>(++k));
      const auto chosen = [&] { return chosen_children{top}; };
      INFO(k << " chosen siblings");
      CHECK(std::abs(judged(m, chosen, traversal(plain)).accepted - expected) < exact);
      CHECK(std::abs(judged(m, chosen, multi_round(plain)).accepted - expected) < exact);
      CHECK(std::abs(judged(m, chosen, k_sequence(plain)).accepted - expected) < exact);
      CHECK(std::abs(judged(m, chosen, spec_hub(plain)).accepted - expected) < exact);
      CHECK(round_distance(judged(m, chosen, traversal(plain)), m.target, 2) < exact);
    }
  };
  check(fixture_b(), {2, 4, 1, 0, 3}, {1. / 5, 1. / 4, 11. / 20, 9. / 10, 1.});
  check(fixture_a(), {1, 0, 2, 3}, {3. / 10, 4. / 5, 19. / 20, 1.});
}

TEST_CASE("traversal: chosen nodes below drawn ones are judged as points", "[traversal]") {
  auto m = fixture_m();
  const auto make = [&] { return mixed{{m.draft, plain}}; };
  CHECK(round_distance(judged(m, make, traversal(plain)), m.target, 3) < exact);
  CHECK(round_distance(judged(m, make, rejection(plain)), m.target, 3) < exact);
  CHECK(judged(m, make, traversal(plain)).accepted > judged(m, make, rejection(plain)).accepted - exact);
}

TEST_CASE("every legal pair of drafter and verifier: the text of several rounds has the target's law",
          "[trees][long]") {
  auto m = fixture_m();
  const auto holds = [&](const char* what, auto make, const auto& verifier) {
    INFO(what);
    CHECK(text_distance_of(m, make, verifier, 3) < exact);
  };
  for (const branching_vector& shape : {branching_vector{2}, {3}, {2, 1}, {1, 2}}) {
    holds("gumbel_top_k, traversal", rsd_c(m, shape), traversal(plain));
    holds("gumbel_top_k, rejection", rsd_c(m, shape), rejection(plain));
    holds("gumbel_top_k, block", rsd_c(m, shape), block(plain));
    holds("gumbel_top_k, match", rsd_c(m, shape), match(plain));
    holds("iid_children, multi_round", independent(m, shape), multi_round(plain));
    holds("iid_children, k_sequence", independent(m, shape), k_sequence(plain));
    holds("iid_children, match", independent(m, shape), match(plain));
  }
  const auto pairs = [&] { return spec_hub_pairs(m.draft, plain, 2); };
  holds("spec_hub_pairs, spec_hub", pairs, spec_hub(plain));
  holds("spec_hub_pairs, match", pairs, match(plain));
  // By the enumerator the beam's perturbed values tie: identities are enumerated, the competition is by Monte Carlo.
  const auto beam = [&] { return stochastic_beam(m.draft, plain, 2, 2); };
  holds("stochastic_beam, traversal", beam, traversal(plain));
  holds("stochastic_beam, rejection", beam, rejection(plain));
  const auto shaped = [&] { return static_tree(m.draft, plain, sequoia(std::vector{.7, .2}, 4, 3)); };
  holds("static_tree, traversal", shaped, traversal(plain));
  holds("static_tree, rejection", shaped, rejection(plain));
}

TEST_CASE("trees on B, whose residual has several tokens, keep the law", "[trees][long]") {
  auto m = fixture_b();
  const auto distance = [&](auto make, const auto& verifier) {
    return round_distance(judged(m, make, verifier), m.target, 3);
  };
  for (const branching_vector& shape : {branching_vector{2, 1}, {1, 2}, {3}}) {
    CHECK(distance(rsd_c(m, shape), traversal(plain)) < exact);
    CHECK(distance(rsd_c(m, shape), rejection(plain)) < exact);
    CHECK(distance(independent(m, shape), multi_round(plain)) < exact);
    CHECK(distance(independent(m, shape), k_sequence(plain)) < exact);
  }
  CHECK(distance([&] { return spec_hub_pairs(m.draft, plain, 2); }, spec_hub(plain)) < exact);
  CHECK(distance([&] { return best_first(m.draft, plain, 6); }, traversal(plain)) < exact);
}

TEST_CASE("chosen trees: best_first has the target's law over several rounds under every verifier", "[best_first]") {
  auto m = fixture_m();
  const auto best = [&] { return best_first(m.draft, plain, 4); };
  const auto distance = [&](const auto& verifier) { return text_distance_of(m, best, verifier, 4); };
  CHECK(distance(traversal(plain)) < exact);
  CHECK(distance(block(plain)) < exact);
  CHECK(distance(rejection(plain)) < exact);
  CHECK(distance(match(plain)) < exact);
  CHECK(distance(multi_round(plain)) < exact);
  CHECK(distance(k_sequence(plain)) < exact);
  CHECK(distance(spec_hub(plain)) < exact);
}

TEST_CASE("traversal: a tree of two by two keeps the law over two rounds", "[traversal]") {
  auto m = fixture_m();
  CHECK(text_distance_of(m, rsd_c(m, {2, 2}), traversal(plain), 3) < exact);
}

TEST_CASE("end of text and budgets: trees that stop there keep the law", "[trees]") {
  auto m = fixture_m();
  const auto law = [&](const auto& verifier, auto make) {
    return enumerate([&](branching source) {
      auto decoder = speculate<branching>(m.target, make(), verifier);
      decoder.start(start_text, basic_request<branching>{source, 3, {2}});
      std::size_t budget = 3;
      while (decoder.status() == status::running) decoder.step(budget++);
      return std::vector<token>(decoder.text().begin() + 1, decoder.text().end());
    });
  };
  const text_law by_plain = law(rejection(plain), [] { return no_draft{}; });
  CHECK(total_variation(law(traversal(plain), rsd_c(m, {2, 2})), by_plain) < exact);
  CHECK(total_variation(law(multi_round(plain), independent(m, {2, 2})), by_plain) < exact);
  CHECK(total_variation(law(block(plain), [&] { return chain(m, 3); }), by_plain) < exact);
}
