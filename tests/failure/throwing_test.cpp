// Exceptions thrown by whatever a user hands in, at every call: the text and the caches stay usable.
#include "failure/parts.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

enum class place { drafter, observe, warper, on_round, on_step, stop, prefill, forward, commit, rewind };
constexpr place in_machine[] = {place::drafter,  place::observe, place::warper,
                                place::on_round, place::on_step, place::stop};
constexpr place in_backend[] = {place::prefill, place::forward, place::commit, place::rewind};

/// Throws at call number `at` of one place.
struct fuse {
  place where{};
  std::size_t at = std::numeric_limits<std::size_t>::max();
  std::size_t calls = 0;
  void burn(place p) {
    if (p == where && calls++ == at) throw std::runtime_error("a user's part threw");
  }
};
using shared_fuse = std::shared_ptr<fuse>;

struct burning_warper {
  shared_fuse f;
  void operator()(std::span<float> row, const prefix_view& at) const {
    f->burn(place::warper);
    warm(row, at);
  }
};
/// Throws before it drafts, and with a drafted tree in hand; learns.
template <class D>
struct burning_drafter {
  static constexpr laws sibling_laws = laws_of<D>();
  shared_fuse f;
  D inner;
  void propose(const decode_context& ctx, draft_tree& tree) requires Drafter<D> {
    f->burn(place::drafter);
    inner.propose(ctx, tree);
    f->burn(place::drafter);
  }
  void begin(const decode_context& ctx, draft_tree& tree) {
    f->burn(place::drafter);
    detail::begin_draft(inner, ctx, tree);
  }
  std::optional<pass> next(const decode_context& ctx, draft_tree& tree) {
    auto wanted = detail::next_pass(inner, ctx, tree);
    f->burn(place::drafter);
    return wanted;
  }
  void supply(const decode_context& ctx, draft_tree& tree, rows_ref rows) {
    f->burn(place::drafter);
    detail::supply_rows(inner, ctx, tree, rows);
    f->burn(place::drafter);
  }
  void observe(const draft_tree&, const verdict&) { f->burn(place::observe); }
};
template <class D>
burning_drafter(shared_fuse, D) -> burning_drafter<D>;

struct burning_observer {
  shared_fuse f;
  std::size_t emitted = 0;
  void on_round(const judged_round&) { f->burn(place::on_round); }
  void on_step(const step_event& e) {
    f->burn(place::on_step);
    emitted += e.emitted;
  }
};
/// Throws before it does anything: a pass that throws has changed nothing.
struct burning_backend {
  using sequence = toy_backend::sequence;
  toy_backend* inner;
  shared_fuse f;
  [[nodiscard]] std::size_t vocab_size() const { return inner->vocab_size(); }
  [[nodiscard]] sequence open() { return inner->open(); }
  [[nodiscard]] std::size_t room(const sequence& s) const { return inner->room(s); }
  void prefill(sequence& s, std::span<const token> t) {
    f->burn(place::prefill);
    inner->prefill(s, t);
  }
  matrix_view forward(sequence& s, tree_view tree) {
    f->burn(place::forward);
    return inner->forward(s, tree);
  }
  void commit(sequence& s, std::span<const node_id> path) {
    f->burn(place::commit);
    inner->commit(s, path);
  }
  void rewind(sequence& s, std::size_t n) {
    f->burn(place::rewind);
    inner->rewind(s, n);
  }
};

request wish_with(const shared_fuse& f) {
  request wish{philox{5}, 16, {}, {}};
  wish.stop = [f](std::span<const token> text, std::size_t) {
    f->burn(place::stop);
    return text.size();
  };
  return wish;
}

template <class V, class Make>
outcome by_decoder(const shared_fuse& f, V verifier, Make make) {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  burning_backend burning_target{&target, f};
  burning_backend burning_draft{&draft, f};
  auto decoder = speculate(burning_target, burning_drafter{f, make(burning_draft, burning_warper{f})}, verifier,
                           burning_observer{f});
  decoder.start(tokens{3, 1, 4, 1, 2, 2}, wish_with(f));  // a text to rewind from
  (void)write_by(decoder);
  decoder.start(prompt, wish_with(f));
  return write_by(decoder);
}
template <class V, class Make>
outcome by_machine(const shared_fuse& f, V verifier, Make make, bool applies) {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  toy_host<float> host;
  host.add(0, target);
  host.add(1, draft);
  hosted_model hosted_draft{1, vocab, 4096};
  step_machine machine{hosted_model{0, vocab, 4096}, burning_drafter{f, make(hosted_draft, burning_warper{f})},
                       verifier, burning_observer{f}};
  machine.start(tokens{3, 1, 4, 1, 2, 2}, wish_with(f));
  (void)write_by(machine, host, nothing, applies);
  machine.start(prompt, wish_with(f));
  return write_by(machine, host, nothing, applies);
}

/// Every call of a place throws in turn; the text is that of a run in which none did.
template <class Write>
void check(place where, Write write) {
  auto calm = std::make_shared<fuse>();
  calm->where = where;
  const outcome expected = write(calm);
  REQUIRE(expected.end == status::length);
  REQUIRE(expected.thrown == 0);
  REQUIRE(calm->calls > 0);
  for (std::size_t at = 0; at < calm->calls; ++at) {
    CAPTURE(int(where), at);
    auto f = std::make_shared<fuse>();
    f->where = where;
    f->at = at;
    CHECK(write(f).text == expected.text);
    CHECK(f->calls > at);
  }
}

template <class V, class Make>
void check_pair(V verifier_of, Make make) {
  for (const place where : in_machine) {
    check(where, [&](const shared_fuse& f) { return by_decoder(f, verifier_of(burning_warper{f}), make); });
    for (const bool applies : {false, true})
      check(where, [&](const shared_fuse& f) { return by_machine(f, verifier_of(burning_warper{f}), make, applies); });
  }
  for (const place where : in_backend)
    check(where, [&](const shared_fuse& f) { return by_decoder(f, verifier_of(burning_warper{f}), make); });
}

const auto chain = [](auto& draft, auto w) { return with_length(model_drafter(draft, w), fixed_length{3}); };
const auto tree = [](auto& draft, auto w) { return gumbel_top_k(draft, w, {2, 2}); };

}  // namespace

TEST_CASE("C11: an exception of a drafter, warper, observer, stop rule or backend leaves text and caches usable: match",
          "[failure][C11]") {
  check_pair([](auto w) { return match(w); }, chain);
}
TEST_CASE("C11: the same under rejection", "[failure][C11]") {
  check_pair([](auto w) { return rejection(w); }, chain);
}
TEST_CASE("C11: the same under block", "[failure][C11]") {
  check_pair([](auto w) { return block(w); }, chain);
}
TEST_CASE("C11: the same under traversal, with a tree", "[failure][C11]") {
  check_pair([](auto w) { return traversal(w); }, tree);
}

TEST_CASE("C11: an exception out of on_step takes the step back, and nothing is counted twice", "[failure][C11]") {
  auto f = std::make_shared<fuse>();
  f->where = place::on_step;
  f->at = 2;
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  auto decoder = speculate(target, with_length(prompt_lookup(1), fixed_length{3}), match(warm), burning_observer{f});
  decoder.start(prompt, {philox{5}, 16, {}, {}});
  const outcome out = write_by(decoder);
  CHECK(out.thrown == 1);
  CHECK(out.text.size() == prompt.size() + 16);  // max_tokens counts what is in the text
  CHECK(decoder.observer().emitted == 16);
}

TEST_CASE("C11: an exception where a stop rule would have cut the text cuts nothing", "[failure][C11]") {
  struct once {
    int steps = 0;
    void on_step(const step_event& e) {
      if (e.withdrawn > 0 && steps++ == 0) throw std::runtime_error("observer threw");
    }
  };
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  auto decoder = speculate(target, no_draft{}, match(warm), once{});
  request wish{philox{5}, 16, {}, {}};
  wish.stop = [](std::span<const token> text, std::size_t) {
    return text.size() == prompt.size() + 6 ? text.size() - 3 : text.size();
  };
  decoder.start(prompt, wish);
  for (int i = 0; i < 5; ++i) decoder.step();
  const tokens before = copy(decoder.text());
  CHECK_THROWS_AS(decoder.step(), std::runtime_error);
  CHECK(copy(decoder.text()) == before);
  const auto result = decoder.step();
  CHECK(result.status == status::stopped);
  CHECK(result.withdrawn == 2);
  CHECK(copy(decoder.text()) == tokens(before.begin(), before.begin() + 8));
}

TEST_CASE("C11: a machine does not count on the nodes of a step that threw", "[failure][C11]") {
  for (const bool applies : {false, true}) {
    auto f = std::make_shared<fuse>();
    f->where = place::on_step;
    f->at = 0;
    toy_backend target{vocab, hashed_law<float>(1, 5.0)};
    toy_host<float> host;
    host.add(0, target);
    step_machine machine{hosted_model{0, vocab, 4096}, with_length(prompt_lookup(1), fixed_length{3}), match(warm),
                         burning_observer{f}};
    machine.start(tokens{2, 7, 8, 9, 2}, {philox{5}, 30, {}, {}});
    const auto wanted = machine.next();
    REQUIRE(wanted);
    REQUIRE(wanted->tree.size() == 4);
    CHECK_THROWS_AS(machine.supply(host.run(*wanted)), std::runtime_error);
    if (applies) host.apply(0, machine.result().cache);
    const tokens spelled{2, 7, 8, 9, 2, 7, 8, 9, 4};  // what the nodes said
    machine.start(spelled, {philox{5}, 4, {}, {}});
    const tokens text = write_by(machine, host).text;
    auto fresh = speculate(target, no_draft{}, match(warm));
    fresh.start(spelled, {philox{5}, 4, {}, {}});
    CHECK(text == write_by(fresh).text);
  }
}
