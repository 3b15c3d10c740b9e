// Bugs of backends, drafters, endings and statistics: what checks the production parts must see each of them.
#include <hunch/testing/laws.hpp>

#include "lossless/checks.hpp"
#include "lossless/fixtures.hpp"
#include "lossless/mutants.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

bool mentions(const std::vector<std::string>& violations, const std::string& what) {
  return std::any_of(violations.begin(), violations.end(),
                     [&](const std::string& v) { return v.find(what) != std::string::npos; });
}

/// toy_backend with one verb broken. Pending nodes are kept here as tokens, so that rejected ones can stay.
enum class backend_bug { none, rejected_stay, no_rewind, reset_instead, rows_of_chunk, draft_sees_skips, lost_node };

template <backend_bug Bug>
struct broken_backend {
  using sequence = toy_backend::sequence;
  toy_backend inner{7, hashed_law<float>(5, 4.0)};
  std::vector<float> scratch{};

  [[nodiscard]] std::size_t vocab_size() const { return inner.vocab_size(); }
  [[nodiscard]] sequence open() { return inner.open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return inner.room(s); }
  void prefill(sequence& s, std::span<const token> t) { inner.prefill(s, t); }
  matrix_view forward(sequence& s, tree_view t) {
    const auto rows = inner.forward(s, t);
    if constexpr (Bug == backend_bug::rows_of_chunk) {  // a bit depends on how many rows share the pass
      if (rows.size() > 2) s.rows[0] = std::nextafter(s.rows[0], 1e9f);
    }
    return rows;
  }
  void commit(sequence& s, std::span<const node_id> path) {
    if constexpr (Bug == backend_bug::rejected_stay) {
      if (path.empty() && s.tokens.size() == 1) {  // the gate that missed drafts of one
        const node_id root[] = {0};
        return inner.commit(s, root);
      }
    }
    if constexpr (Bug == backend_bug::lost_node) {
      if (path.size() > 1) return inner.commit(s, path.first(path.size() - 1));
    }
    inner.commit(s, path);
  }
  void rewind(sequence& s, std::size_t n) {
    if constexpr (Bug == backend_bug::no_rewind) return;
    inner.rewind(s, Bug == backend_bug::reset_instead ? 0 : n);
  }
};

template <backend_bug Bug>
std::vector<std::string> laws_broken_by() {
  return backend_laws([] { return broken_backend<Bug>{}; }, {.rounds = 12});
}

}  // namespace

TEST_CASE("backend laws: the toy backend keeps them, in float and double, with and without refinements", "[laws]") {
  CHECK(backend_laws([] { return toy_backend{7, hashed_law<float>(3, 4.0)}; }) == std::vector<std::string>{});
  CHECK(backend_laws([] { return exact_backend{3, hashed_law<double>(3, 4.0)}; }) == std::vector<std::string>{});
  toy_backend inner{5, hashed_law<float>(3, 4.0)};
  append_only wrapped{inner};
  CHECK(backend_laws(wrapped) == std::vector<std::string>{});
  CHECK(laws_broken_by<backend_bug::none>() == std::vector<std::string>{});
}

TEST_CASE("mutant: a rejected draft of one token that stays in the cache breaks B3", "[mutants]") {
  CHECK(mentions(laws_broken_by<backend_bug::rejected_stay>(), "B3: rows after commit({})"));
}

TEST_CASE("mutant: an accepted node that is lost breaks B2", "[mutants]") {
  CHECK(mentions(laws_broken_by<backend_bug::lost_node>(), "B2"));
}

TEST_CASE("mutant: a rewind that does nothing, or resets, breaks B3", "[mutants]") {
  CHECK(mentions(laws_broken_by<backend_bug::no_rewind>(), "B3: rows after rewind"));
  CHECK(mentions(laws_broken_by<backend_bug::reset_instead>(), "B3: rows after rewind"));
}

TEST_CASE("mutant: one bit that depends on the rows beside it breaks a law", "[mutants]") {
  CHECK_FALSE(laws_broken_by<backend_bug::rows_of_chunk>().empty());
}

TEST_CASE("drafter laws: the library's drafters keep them", "[laws]") {
  toy_backend draft{6, hashed_law<float>(4, 3.0)};
  const drafter_law_options few{.draws = 3000};
  const std::vector<std::string> none;
  CHECK(drafter_laws([&] { return with_length(model_drafter(draft, temperature{0.8f}), fixed_length{3}); }, 6, few) ==
        none);
  CHECK(drafter_laws([&] { return with_length(model_drafter(draft, greedy{}), fixed_length{3}); }, 6, few) == none);
  CHECK(drafter_laws([&] { return with_length(coupled_model_drafter(draft, plain), fixed_length{3}); }, 6, few) ==
        none);
  CHECK(drafter_laws([] { return with_length(prompt_lookup(1), fixed_length{3}); }, 6, few) == none);
}

TEST_CASE("drafter laws: mixtures, trees and drafters chosen at run time keep them", "[laws]") {
  toy_backend draft{6, hashed_law<float>(4, 3.0)};
  const drafter_law_options few{.draws = 3000};
  const std::vector<std::string> none;
  const auto mixture = [&] {
    return first_of(with_length(prompt_lookup(2), fixed_length{3}),
                    with_length(model_drafter(draft, plain), fixed_length{2}));
  };
  CHECK(drafter_laws([] { return no_draft{}; }, 6, few) == none);
  CHECK(drafter_laws(mixture, 6, few) == none);
  CHECK(drafter_laws([&] { return constant_tree(draft, plain, {2, 1}); }, 6, few) == none);
  CHECK(drafter_laws([&] { return any_drafter(mixture()); }, 6, few) == none);
}

TEST_CASE("mutants: drafter_laws sees a wrong q, an unfilled q and a dropped token", "[mutants]") {
  toy_backend draft{6, iid_law<float>({.1f, .15f, .4f, .05f, .25f, .05f})};
  const auto broken = [&]<draft_bug Bug>() {
    return drafter_laws([&] { return wrong_drafter<toy_backend, temperature, Bug>{draft, plain}; }, 6, {.draws = 4000});
  };
  CHECK(broken.operator()<draft_bug::none>().empty());
  CHECK(mentions(broken.operator()<draft_bug::wrong_q>(), "D3"));
  CHECK(mentions(broken.operator()<draft_bug::drops_unsure>(), "D3"));
  CHECK(mentions(broken.operator()<draft_bug::argmax_with_soft_q>(), "D3"));
  CHECK(mentions(broken.operator()<draft_bug::prunes_to_larger_q>(), "D3"));
  CHECK(mentions(broken.operator()<draft_bug::unfilled_q>(), "D2: a child that its law q cannot give"));
}

TEST_CASE("mutants: drafter_laws sees a memory of earlier texts and a broken budget", "[mutants]") {
  struct remembers {
    token last = 0;
    void propose(const decode_context& ctx, draft_tree& tree) { tree.add(0, std::exchange(last, ctx.text.back())); }
  };
  struct greedy_for_nodes {
    void propose(const decode_context&, draft_tree& tree) const {
      for (token t = 0; t < 6; ++t) tree.add(tree.size() > 3 ? 3 : 0, t);
    }
  };
  CHECK(mentions(drafter_laws([] { return remembers{}; }, 6, {.draws = 0}), "D1"));
  CHECK(mentions(drafter_laws([] { return greedy_for_nodes{}; }, 6, {.draws = 0}), "D2: more nodes"));
  CHECK(mentions(drafter_laws([] { return greedy_for_nodes{}; }, 6, {.draws = 0}), "D2: a node below"));
}

TEST_CASE("endings: the decoder keeps the rules, and each broken rule is seen", "[mutants]") {
  CHECK(ending_violations(decode_with_ending) == std::vector<std::string>{});
  CHECK_FALSE(ending_violations(mutant_ending<ending_bug::past_end>).empty());
  CHECK_FALSE(ending_violations(mutant_ending<ending_bug::stop_beyond_maximum>).empty());
  CHECK_FALSE(ending_violations(mutant_ending<ending_bug::proposed_end_is_the_end>).empty());
}

TEST_CASE("lookup: the library keeps the rules, and each broken rule is seen", "[mutants]") {
  CHECK(lookup_violations([] { return prompt_lookup{2}; }) == std::vector<std::string>{});
  CHECK_FALSE(lookup_violations([] { return wrong_lookup<lookup_bug::finds_itself>{2}; }).empty());
  CHECK_FALSE(lookup_violations([] { return wrong_lookup<lookup_bug::sixteen_bits>{2}; }).empty());
  CHECK_FALSE(lookup_violations([] { return wrong_lookup<lookup_bug::stale_index>{2}; }).empty());
  CHECK(lookup_violations([] { return wrong_lookup<lookup_bug::none>{2}; }) == std::vector<std::string>{});
}

TEST_CASE("statistics: stats keeps the identities, and each broken one is seen", "[mutants]") {
  CHECK(statistics_violations(stats{}) == std::vector<std::string>{});
  CHECK_FALSE(statistics_violations(wrong_stats<stats_bug::counts_the_root>{}).empty());
  CHECK_FALSE(statistics_violations(wrong_stats<stats_bug::counts_past_the_end>{}).empty());
  CHECK_FALSE(statistics_violations(wrong_stats<stats_bug::nan_when_empty>{}).empty());
}
