// Bugs of penalties and constraints that engines have shipped, as warpers: the exact law must see each of them.
#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include <hunch/sampling/constrain.hpp>
#include <hunch/sampling/penalties.hpp>

#include "lossless/fixtures.hpp"
#include "requests/law.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

enum class bug {
  none,              // the control
  last_twice,        // the root counts as the end of the text and as node 0 of the tree
  ignores_drafts,    // every position of a block is penalised by the text alone
  rejected_leave,    // drafts are counted when first seen, and never taken back
  siblings_count,    // drafts beside the path count
  by_position,       // a state per position, kept when another token came to stand there
  not_rolled_back,   // one state, advanced over drafts, that goes on from there
  bonus_not_masked,  // the row behind the last draft is left as it is
};

/// Takes 0.7 off a logit for each time that its token was said.
template <bug Bug>
class wrong_penalty : public warper_base {
 public:
  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const {
    const auto take = [&](token t) { row[static_cast<std::size_t>(t)] -= P{0.7}; };
    for (const token t : at.text) take(t);
    if constexpr (Bug == bug::last_twice)
      if (at.node != 0) take(at.text.back());
    if constexpr (Bug == bug::siblings_count)
      for (node_id n = 1; n < at.tree.size(); ++n)
        if (at.tree.depths[n] <= at.tree.depths[at.node]) take(at.tree.tokens[n]);
    if constexpr (Bug == bug::none || Bug == bug::last_twice) at.for_each_drafted(take);
    if constexpr (Bug == bug::rejected_leave) {
      // As an engine that appends drafts to its history when it verifies them.
      for (std::size_t p = at.text.size(); p < at.size(); ++p) seen_.emplace(p, at.tree.tokens[at.node]);
      for (const auto& [position, t] : seen_)
        if (position < at.size() && (position >= at.text.size() || t != at.text[position])) take(t);
    }
  }

 private:
  mutable std::map<std::size_t, token> seen_;
};

/// The rule `no_echo`, followed wrongly.
template <bug Bug>
class wrong_constraint : public warper_base {
 public:
  template <class P>
  void operator()(std::span<P> row, const prefix_view& at) const {
    if (Bug == bug::bonus_not_masked && at.node != 0 &&
        std::find(at.tree.parents.begin(), at.tree.parents.end(), at.node) == at.tree.parents.end())
      return;
    std::vector<token> path(at.text.begin() + 1, at.text.end());
    const std::size_t root = path.size();
    at.for_each_drafted([&](token t) { path.insert(path.begin() + static_cast<std::ptrdiff_t>(root), t); });
    const auto end = std::find(path.begin(), path.end(), 2);
    if (end != path.end()) return;  // behind the end of the text
    const no_echo::state s = follow(path);
    const P raw = row[2];
    rule_.restrict(s, row);
    row[2] = rule_.may_end(s) ? raw : -std::numeric_limits<P>::infinity();
  }

 private:
  no_echo::state follow(const std::vector<token>& path) const {
    if constexpr (Bug == bug::by_position) {
      for (std::size_t i = states_.size(); i <= path.size(); ++i) {
        states_.push_back(i == 0 ? rule_.start() : states_.back());
        if (i > 0) rule_.advance(states_.back(), path[i - 1]);
      }
      return states_[path.size()];
    } else if constexpr (Bug == bug::not_rolled_back) {
      if (path.empty()) state_ = rule_.start();
      for (; taken_ < path.size(); ++taken_) rule_.advance(state_, path[taken_]);
      return state_;
    } else {
      no_echo::state s = rule_.start();
      for (const token t : path) rule_.advance(s, t);
      return s;
    }
  }

  no_echo rule_;
  mutable std::vector<no_echo::state> states_;
  mutable no_echo::state state_;
  mutable std::size_t taken_ = 0;
};

/// The largest distance from the right warper's law: a chain under rejection, which warps rows of the accepted path
/// only, and under block, which warps those of rejected drafts too; trees under match and traversal.
template <class Wrong, class Right>
double seen(const Wrong& wrong, const Right& right) {
  auto m = fixture_m();
  const auto of_chain = [&](auto verifier) {
    return text_distance([&] { return speculate<branching>(m.target, chain(m, 2), verifier); }, m.target, 4, right);
  };
  const auto of_tree = [&](auto verifier) {
    return text_distance(
        [&] {
          return speculate<branching>(m.target, constant_tree(m.draft, plain, {2, 1}), verifier);
        },
        m.target, 3, right);
  };
  return std::max(
      {of_chain(rejection(wrong)), of_chain(block(wrong)), of_tree(match(wrong)), of_tree(traversal(wrong))});
}

const penalties right_penalty{{.frequency = 0.7f}};
const auto right_constraint = constrained(no_echo{}, {2}, 1);
constexpr double visible = 1e-4;  // laws are exact; the control is below 1e-7

}  // namespace

TEST_CASE("mutants: the controls have the law", "[mutants]") {
  CHECK(seen(wrong_penalty<bug::none>{}, right_penalty) < 1e-7);  // 0.7 in float and in double
  CHECK(seen(wrong_constraint<bug::none>{}, right_constraint) < exact);
}

TEST_CASE("mutants: a penalty that counts the last token twice is seen", "[mutants][D6]") {
  CHECK(seen(wrong_penalty<bug::last_twice>{}, right_penalty) > visible);
}
TEST_CASE("mutants: a penalty that ignores the drafts before a position is seen", "[mutants][D6]") {
  CHECK(seen(wrong_penalty<bug::ignores_drafts>{}, right_penalty) > visible);
}
TEST_CASE("mutants: a penalty that counts the drafts beside the path is seen", "[mutants][D6]") {
  CHECK(seen(wrong_penalty<bug::siblings_count>{}, right_penalty) > visible);
}
TEST_CASE("mutants: a penalty in which rejected drafts leave a trace is seen", "[mutants][D6]") {
  CHECK(seen(wrong_penalty<bug::rejected_leave>{}, right_penalty) > visible);
}
TEST_CASE("mutants: a constraint whose state is not rolled back is seen", "[mutants][D11]") {
  CHECK(seen(wrong_constraint<bug::not_rolled_back>{}, right_constraint) > visible);
  CHECK(seen(wrong_constraint<bug::by_position>{}, right_constraint) > visible);
}
TEST_CASE("mutants: a bonus row without its mask is seen", "[mutants][D11]") {
  CHECK(seen(wrong_constraint<bug::bonus_not_masked>{}, right_constraint) > visible);
}
