// For each concept what has it and what does not; compiling is the test.
#include <memory>

#include <hunch/core.hpp>
#include <hunch/testing/branching.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;
using namespace hunch::testing;

namespace concepts_test {

// Backend: each lacks or bends one piece of `whole`.
struct whole {
  struct sequence {};
  std::size_t vocab_size() const { return 1; }
  sequence open() { return {}; }
  std::size_t room(const sequence&) const { return 1; }
  void prefill(sequence&, std::span<const token>) {}
  matrix_view forward(sequence&, tree_view) { return {}; }
  void commit(sequence&, std::span<const node_id>) {}
};
struct no_sequence {};
struct pinned_sequence : whole {
  struct sequence {
    sequence() = default;
    sequence(sequence&&) = delete;
  };
};
struct opens_another : whole {
  int open() { return 0; }
};
struct commits_a_count : whole {
  std::size_t commit(sequence&, std::span<const node_id>) { return 0; }
};
struct rows_of_integers : whole {
  basic_matrix_view<int> forward(sequence&, tree_view) { return {}; }
};
struct rows_without_size : whole {
  std::span<const float>* forward(sequence&, tree_view) { return nullptr; }
};
static_assert(Backend<whole> && Backend<toy_backend> && Backend<exact_backend> && Backend<append_only<toy_backend>>);
static_assert(!Backend<no_sequence> && !Backend<pinned_sequence> && !Backend<opens_another>);
static_assert(!Backend<commits_a_count> && !Backend<rows_of_integers> && !Backend<rows_without_size> && !Backend<int>);
static_assert(std::is_same_v<logit_t<toy_backend>, float> && std::is_same_v<logit_t<exact_backend>, double>);

// Refinements.
struct rewinds_to_bool : whole {
  bool rewind(sequence&, std::size_t) { return true; }
};
static_assert(Rewindable<toy_backend> && !Rewindable<whole> && !Rewindable<rewinds_to_bool>);
static_assert(!Rewindable<append_only<toy_backend>>);
static_assert(Forkable<toy_backend> && !Forkable<whole>);
static_assert(LayerSkippable<toy_backend> && !LayerSkippable<whole>);
static_assert(BatchBackend<toy_backend> && !BatchBackend<whole>);
static_assert(HiddenStates<toy_backend> && !HiddenStates<whole>);

// Rows.
static_assert(LogitRows<matrix_view> && LogitRows<basic_matrix_view<double>>);
static_assert(!LogitRows<basic_matrix_view<int>> && !LogitRows<std::vector<float>> && !LogitRows<int>);

// Drafters.
struct proposes_a_number {
  int propose(const decode_context&, draft_tree&) { return 0; }
};
struct takes_a_constant_tree {
  void propose(const decode_context&, const draft_tree&) {}
};
struct takes_doubles {
  void propose(const decode_context&, basic_draft_tree<double>&) {}
};
struct drafts_with_the_target {
  void propose(const decode_context&, draft_tree&, text_sequence<toy_backend>&) {}
};
using chain = with_length<model_drafter<toy_backend, temperature>, fixed_length>;
static_assert(Drafter<no_draft> && Drafter<chain> && Drafter<with_length<prompt_lookup, fixed_length>>);
static_assert(Drafter<first_of<no_draft, chain>> && Drafter<any_drafter> && Drafter<takes_a_constant_tree>);
static_assert(!Drafter<proposes_a_number> && !Drafter<takes_doubles> && !Drafter<drafts_with_the_target>);
static_assert(!Drafter<prompt_lookup> && !Drafter<int>);
static_assert(Drafter<chain, double, branching> && Drafter<takes_doubles, double>);
static_assert(SelfDrafter<drafts_with_the_target, toy_backend> && !SelfDrafter<drafts_with_the_target, exact_backend>);
static_assert(!SelfDrafter<chain, toy_backend>);
struct drafts_for_the_target : no_draft {
  void propose_for(const decode_context&, draft_tree&, text_sequence<toy_backend>&) {}
};
static_assert(ChainDrafterFor<drafts_for_the_target, toy_backend>);
static_assert(!ChainDrafterFor<drafts_for_the_target, exact_backend> && !ChainDrafterFor<chain, toy_backend>);
struct draws_chains : toy_backend {
  void draw_chain(sequence&, token, const chain_draws&, std::vector<far_draw>&) {}
};
struct draws_chains_for_toys : draws_chains {
  using draws_chains::draw_chain;
  void draw_chain(sequence&, token, const chain_draws&, std::vector<far_draw>&, toy_backend&, toy_backend::sequence&) {}
};
static_assert(ChainBackend<draws_chains> && !ChainBackend<toy_backend> && !ChainBackendFor<draws_chains, toy_backend>);
static_assert(ChainBackendFor<draws_chains_for_toys, toy_backend>);
static_assert(!ChainBackendFor<draws_chains_for_toys, exact_backend>);
using chain_for_toys = with_length<model_drafter<draws_chains_for_toys, greedy>, fixed_length>;
static_assert(ChainDrafterFor<chain_for_toys, toy_backend> && !ChainDrafterFor<chain_for_toys, exact_backend>);
static_assert(!ChainDrafterFor<with_length<model_drafter<draws_chains, greedy>, fixed_length>, toy_backend>);
static_assert(
    !ChainDrafterFor<with_length<model_drafter<draws_chains_for_toys, greedy>, confidence_stop>, toy_backend>);
static_assert(DrafterFor<drafts_with_the_target, toy_backend> && DrafterFor<chain, toy_backend>);
static_assert(!DrafterFor<prompt_lookup, toy_backend>);

// Stepwise drafters and lengths.
struct extends_to_a_token {
  token extend(const decode_context&, draft_tree&, node_id) { return 0; }
};
struct says_maybe {
  int keep_drafting(const draft_signal&) { return 1; }
};
static_assert(StepwiseDrafter<prompt_lookup> && StepwiseDrafter<model_drafter<toy_backend, greedy>>);
static_assert(!StepwiseDrafter<chain> && !StepwiseDrafter<extends_to_a_token>);
static_assert(LengthPolicy<fixed_length> && !LengthPolicy<says_maybe> && !LengthPolicy<int>);

// Learners: with_length and first_of learn only where a part does.
struct learner {
  void propose(const decode_context&, draft_tree&) {}
  void observe(const draft_tree&, const verdict&) {}
};
static_assert(Learner<learner> && !Learner<no_draft> && !Learner<chain>);
static_assert(learns<first_of<no_draft, learner>> && !learns<first_of<no_draft, chain>> && RowLearner<any_drafter>);

// Verifiers.
struct verifies_without_laws {
  static constexpr bool lossless = true;
  void verify(const draft_tree&, const matrix_view&, const decode_context&, verdict&) const {}
};
struct verifies_not_constant {
  static constexpr laws sibling_laws = deterministic;
  static constexpr bool lossless = true;
  void verify(const draft_tree&, const matrix_view&, const decode_context&, verdict&) {}
};
static_assert(Verifier<rejection<temperature>> && Verifier<match<greedy>>);
static_assert(Verifier<rejection<top_k>, basic_matrix_view<double>, double, branching>);
static_assert(!Verifier<verifies_without_laws> && !Verifier<verifies_not_constant> && !Verifier<temperature>);

// Warpers.
struct returns_the_row {
  std::span<float> operator()(std::span<float> row, const prefix_view&) const { return row; }
};
struct moves_only {
  std::unique_ptr<int> p;
  void operator()(std::span<float>, const prefix_view&) const {}
};
static_assert(Warper<greedy> && Warper<temperature> && Warper<piped<top_k, top_p>> && Warper<min_p, double>);
static_assert(!Warper<returns_the_row> && !Warper<moves_only> && !Warper<rejection<greedy>>);

// Observers.
struct counts_steps {
  int on_step(const step_event&) { return 1; }
};
static_assert(Observer<no_observer> && Observer<stats> && Observer<both<stats, no_observer>>);
static_assert(!Observer<counts_steps> && !Observer<int>);

// Sources of randomness.
struct only_accepts {
  bool accept(draw_site, float, float) const { return true; }
};
static_assert(RandomSource<philox> && RandomSource<philox, double> && RandomSource<branching, double>);
static_assert(!RandomSource<only_accepts> && !RandomSource<branching, std::string>);

// Laws.
static_assert(laws_of<prompt_lookup>() == deterministic && laws_of<learner>() == (deterministic | without_replacement));
static_assert(laws_of<chain>() == without_replacement &&
              laws_of<model_drafter<toy_backend, greedy>>() == deterministic);
static_assert(laws_of<model_drafter<toy_backend, temperature, draft_noise::shared_with_target>>() == coupled);
static_assert(match<greedy>::sibling_laws.contains(coupled) && !rejection<greedy>::sibling_laws.contains(coupled));
static_assert((deterministic | coupled).contains(coupled) && !deterministic.contains(coupled | deterministic));

// A decoder can be returned and stored.
static_assert(std::movable<decoder<toy_backend, no_draft, match<greedy>>>);

}  // namespace concepts_test

int main() {}
