// What only the emulated device can show of passes ahead: what is queued before the host waits, and memory that runs
// out.
#include <utility>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "pass.hpp"
#include "questions.hpp"
#include "runtime.hpp"
#include "small_shape.hpp"
#include "support/catch.hpp"
#include "told_first.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

namespace emulation = cuda::emulation;

namespace {

constexpr std::size_t pass_launches = 10 * 2 + 4;  // of a small shape

/// Counts work that was given when the host began to wait.
struct wait_counter {
  std::vector<std::size_t> undone;
  wait_counter() {
    emulation::work_queue::on_wait = [this](auto&) { undone.push_back(emulation::undone()); };
  }
  wait_counter(const wait_counter&) = delete;
  wait_counter& operator=(const wait_counter&) = delete;
  ~wait_counter() { emulation::work_queue::on_wait = {}; }
};

}  // namespace

TEST_CASE("cuda passes ahead: the pass is queued before the host waits, and runs once", "[cuda]") {
  tiny_model m{small_shape("qwen2", tensor_type::q4_1)};
  cuda::backend draft{m.file()}, target{m.file()};
  auto s = draft.open();
  auto t = target.open();
  std::vector<far_draw> drawn;
  for (int time = 0; time < 4; ++time) {
    draft.wait();
    target.wait();
    const std::size_t waits = emulation::waits, down = emulation::to_device, up = emulation::to_host,
                      launches = emulation::launches, replays = emulation::replays;
    draft.draw_chain(s, 3, {.most = 4}, drawn, target, t);
    if (time > 1) {  // the first ones make room and record
      CHECK(emulation::waits - waits == 1);
      CHECK(emulation::launches - launches == 4 * (pass_launches + 1));  // the chain's; the target's pass is queued
      // A copy of its rows, a wait for the chain, tokens, a graph; and the next chain's wait for the tokens.
      CHECK(emulation::undone() == 5);
      CHECK(emulation::replays - replays == 2);
    }
    const std::size_t queued = emulation::undone();
    draft_tree tree{50};
    tree.reset(3);
    for (node_id n = 0; n < 4; ++n) tree.add(n, drawn[n].drawn);
    const auto rows = target.forward(t, tree.view());
    CHECK(emulation::undone() == queued);
    (void)rows[0].argmax();
    CHECK(emulation::launches - launches == 4 * (pass_launches + 1) + 1 + pass_launches + 1);
    if (time > 0) CHECK(emulation::to_device - down == 2 * sizeof(cuda::pass_block) + sizeof(cuda::chain_block));
    CHECK(emulation::to_host - up == 4 * 4 + 4 * 5);
    draft.commit(s, {});
    target.commit(t, {});
  }
}

TEST_CASE("cuda passes ahead: a step waits twice, the first time with the target's pass behind the chain", "[cuda]") {
  tiny_model m{small_shape("llama", tensor_type::q8_0)}, other{m.shape(), 2};
  cuda::backend draft{other.file()}, target{m.file()};
  // What is still to be done as the waits of a warm step begin.
  const auto queued = [&](auto drafter, auto verifier) {
    auto decoder = speculate(target, std::move(drafter), verifier);
    decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = 40});
    std::vector<std::size_t> first, second;
    for (int i = 0; i < 5; ++i) {
      const wait_counter waits;
      (void)decoder.step();
      if (i < 3) continue;  // these make room and record graphs
      REQUIRE(waits.undone.size() == 2);
      first.push_back(waits.undone[0]);
      second.push_back(waits.undone[1]);
    }
    CHECK(decoder.status() == status::running);
    return std::pair{first, second};
  };
  const auto both = [&](auto make, auto verifier, std::size_t verdict) {
    const auto ahead = queued(make(), verifier);
    const auto told = queued(told_first<decltype(make())>{make()}, verifier);
    for (std::size_t i = 0; i < told.first.size(); ++i) {
      // A copy, a graph, a copy: the chain. Behind a step that accepted all drafts, a copy and a graph for the last.
      CHECK((told.first[i] == 3 || told.first[i] == 5));
      CHECK(told.second[i] == 2 + verdict);        // a copy and a graph: the pass
      CHECK(ahead.first[i] == told.first[i] + 6);  // the pass, as above; of the last step a wait is left
      CHECK(ahead.second[i] == 5 + verdict);
    }
  };
  const temperature warp{0.7F};
  const fixed_length three{3};
  both([&] { return with_length(model_drafter(draft, greedy{}), three); }, match{greedy{}}, 2);  // a kernel, a copy
  both([&] { return with_length(coupled_model_drafter(draft, warp), three); }, match{warp}, 2);
  both([&] { return with_length(model_drafter(draft, warp), three); }, rejection{warp}, 4);  // and a copy and a kernel
}

TEST_CASE("cuda passes ahead: whoever batches passes gets none", "[cuda]") {
  tiny_model m{small_shape("llama", tensor_type::q8_0)};
  cuda::backend draft{m.file()}, target{m.file()};
  auto decoder = speculate(target, with_length(model_drafter(draft, greedy{}), fixed_length{3}), match{greedy{}});
  decoder.start(random_tokens(5, 50, 6), {.max_tokens = 10});
  REQUIRE(decoder.begin_step());
  target.wait();
  CHECK(emulation::undone() == 0);
  const auto work = decoder.work();
  (void)decoder.end_step(target.forward({&work, 1}));
  CHECK(decoder.text().size() > 5);
}

TEST_CASE("cuda passes ahead: models on two devices are told first", "[cuda]") {
  tiny_model m{small_shape("llama", tensor_type::q8_0)}, other{m.shape(), 2};
  emulation::devices = 2;
  std::vector<std::vector<token>> texts;
  for (const int device : {0, 1}) {
    cuda::backend target{m.file()}, draft{other.file(), {.device = device}};
    const temperature warp{0.7F};
    auto decoder = speculate(target, with_length(model_drafter(draft, warp), fixed_length{3}), rejection{warp});
    decoder.start(random_tokens(5, 50, 6), {.random = philox{5}, .max_tokens = 12});
    while (decoder.status() == status::running) {
      (void)decoder.step();
      CHECK(emulation::selected == 0);  // the target's, for its pass
    }
    texts.emplace_back(decoder.text().begin(), decoder.text().end());

    auto s = draft.open();
    auto t = target.open();
    std::vector<far_draw> drawn;
    target.wait();
    draft.draw_chain(s, 3, {.most = 3}, drawn, target, t);
    CHECK(emulation::undone() == (device == 0 ? 5 : 0));
  }
  emulation::devices = 1;
  CHECK(texts[0] == texts[1]);
}

TEST_CASE("cuda passes ahead: memory that runs out there shows where the pass is asked for", "[cuda]") {
  tiny_shape shape = small_shape("llama", tensor_type::q4_0);
  shape.vocab = 3000;
  tiny_model m{shape}, other{shape, 2};
  cuda::backend draft{other.file()}, target{m.file()};
  auto s = draft.open();
  auto t = target.open(), u = target.open();
  const std::vector<token> text = random_tokens(62, 50, 1);
  draft.prefill(s, text);
  target.prefill(t, text);
  std::vector<far_draw> drawn;
  draft.draw_chain(s, 3, {.most = 4}, drawn);  // takes what the chain needs
  draft.commit(s, {});
  draft_tree tree{3000};
  tree.reset(3);
  for (node_id n = 0; n < 4; ++n) tree.add(n, drawn[n].drawn);
  const std::size_t before = emulation::taken;
  const std::size_t page = cuda::page_shape{2, 1, 16}.values() * sizeof(std::uint16_t);
  const std::size_t rows = 7 * 3000 * sizeof(float);
  // No room for a page; for that but not for the logits; not for the hidden states.
  for (const std::size_t more : {std::size_t{0}, page, page + rows}) {
    emulation::limit = before + more + 8;
    draft.draw_chain(s, 3, {.most = 4}, drawn, target, t);
    CHECK(drawn.size() == 4);
    CHECK(t.pending() == 0);
    CHECK_THROWS_WITH(target.forward(t, tree.view()), Catch::Contains("out of memory; use a smaller"));
    emulation::limit = SIZE_MAX;
    CHECK(t.pending() == 0);
    CHECK(t.kept() == 62);
    draft.commit(s, {});
  }
  draft.draw_chain(s, 3, {.most = 4}, drawn, target, t);
  target.prefill(u, text);
  CHECK(same_bits(copies(target.forward(t, tree.view())), copies(target.forward(u, tree.view()))));
}

TEST_CASE("cuda passes ahead: neither stream overtakes the other", "[cuda]") {
  tiny_model m{small_shape("llama", tensor_type::q8_0)}, other{m.shape(), 2};
  cuda::backend draft{other.file()}, target{m.file()};
  auto s = draft.open();
  auto t = target.open(), u = target.open();
  std::vector<far_draw> drawn, next;
  const auto same_pass = [&](token root) {
    draft.commit(s, {});
    draft_tree tree{50};
    tree.reset(root);
    for (node_id n = 0; n < 4; ++n) tree.add(n, drawn[n].drawn);
    CHECK(same_bits(copies(target.forward(t, tree.view())), copies(target.forward(u, tree.view()))));
    target.commit(t, {});
    target.commit(u, {});
  };
  for (const token root : {3, 11, 20}) {
    // The target's stream first, as far as it may.
    emulation::work_queue::on_wait = [](emulation::work_queue& waited) {
      for (emulation::work_queue* q : emulation::queues)
        if (q != &waited) q->finish();
    };
    draft.draw_chain(s, root, {.most = 4}, drawn, target, t);
    emulation::work_queue::on_wait = {};
    same_pass(root);
  }
  // Another chain, before the target's pass of the first one has run.
  draft.draw_chain(s, 5, {.most = 4}, drawn, target, t);
  draft.commit(s, {});
  draft.draw_chain(s, 8, {.most = 4}, next);
  CHECK(next[0].drawn != drawn[0].drawn);
  same_pass(5);
}
