// The checks that the library passes see each bug: a check that cannot fail shows nothing.
#include "lookup/mutants.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<std::string> nothing;

template <class Make>
std::vector<std::string> of_suffix(Make make) {
  return text_violations(make, [](const tokens& text, std::size_t count) { return suffix_by_search(text, 1, count); });
}
template <class Make>
std::vector<std::string> of_anpd(Make make) {
  return text_violations(make, [](const tokens& text, std::size_t count) { return anpd_by_search(text, 2, 1, count); });
}
template <search_bug Bug>
bool seen() {
  return !of_suffix([] { return wrong_search<Bug>{}; }).empty();
}
template <automaton_bug Bug>
bool seen() {
  return !of_suffix([] { return wrong_automaton<Bug>{}; }).empty();
}
template <count_bug Bug>
bool seen() {
  return !of_anpd([] { return wrong_anpd<Bug>{}; }).empty();
}
template <recycling_bug Bug>
bool seen() {
  return !recycling_violations([] { return wrong_recycling<Bug>{}; }).empty();
}

}  // namespace

TEST_CASE("mutants: the check of suffix matches sees what lookups got wrong", "[mutants]") {
  CHECK(of_suffix([] { return wrong_search<search_bug::none>{}; }) == nothing);
  CHECK(seen<search_bug::finds_itself>());
  CHECK(seen<search_bug::sixteen_bits>());
  CHECK(seen<search_bug::keeps_longer_text>());
  CHECK(seen<search_bug::appends_to_old_text>());
  CHECK(seen<search_bug::stops_at_the_end>());
}

TEST_CASE("mutants: the check of suffix matches sees a broken automaton", "[mutants]") {
  CHECK(of_suffix([] { return wrong_automaton<automaton_bug::none>{}; }) == nothing);
  CHECK(seen<automaton_bug::never_splits>());
  CHECK(seen<automaton_bug::splits_without_edges>());
  CHECK(seen<automaton_bug::keeps_the_link>());
  CHECK(seen<automaton_bug::keeps_the_edges>());
  CHECK(seen<automaton_bug::stale_states>());
}

TEST_CASE("mutants: the check of adaptive n-grams sees wrong counts", "[mutants]") {
  CHECK(of_anpd([] { return wrong_anpd<count_bug::none>{}; }) == nothing);
  CHECK(seen<count_bug::sixteen_bits>());
  CHECK(seen<count_bug::oldest_of_equals>());
  CHECK(seen<count_bug::counts_of_the_text_before>());
  CHECK(seen<count_bug::counts_its_own_drafts>());
  CHECK(seen<count_bug::no_back_off>());
}

TEST_CASE("mutants: the check of token recycling sees rows that were mixed up", "[mutants]") {
  CHECK(recycling_violations([] { return wrong_recycling<recycling_bug::none>{}; }) == nothing);
  CHECK(seen<recycling_bug::accepted_rows_only>());
  CHECK(seen<recycling_bug::first_row_wins>());
  CHECK(seen<recycling_bug::zero_is_a_candidate>());
  CHECK(seen<recycling_bug::keeps_old_candidates>());
  CHECK(seen<recycling_bug::root_row_for_all>());
}

TEST_CASE("token_recycling: grows the trees that its rule says, over many rounds", "[recycling]") {
  CHECK(recycling_violations([] {
          return token_recycling{constant_branching(std::vector<std::uint32_t>{2, 2}), {.k = 2}};
        }) == nothing);
}
