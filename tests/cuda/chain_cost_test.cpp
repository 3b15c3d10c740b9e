// What only the emulated device can show of chains: waits, bytes, launches, memory that runs out.
#include <algorithm>
#include <vector>

#include <hunch/cuda/backend.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/adaptive_length.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>

#include "cpu/passes.hpp"
#include "cpu/tiny_model.hpp"
#include "pass.hpp"
#include "questions.hpp"
#include "runtime.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

TEST_CASE("cuda chains: the host sends one pass, waits once and hears a token each; then all is one graph", "[cuda]") {
  tiny_model m{shape_of("qwen2", tensor_type::q4_1)};
  for (const bool graphs : {true, false}) {
    cuda::backend b{m.file(), {.graphs = graphs}};
    auto s = b.open();
    b.prefill(s, random_tokens(10, 50, 1));
    const std::vector<double> uniform(4, 0.5);
    std::vector<far_draw> got;
    using by = chain_draws::by;
    for (const by what : {by::argmax, by::at_position, by::draw}) {
      for (int time = 0; time < 3; ++time) {
        b.wait();
        const std::size_t waits = cuda::emulation::waits, down = cuda::emulation::to_device,
                          up = cuda::emulation::to_host, launches = cuda::emulation::launches,
                          replays = cuda::emulation::replays;
        b.draw_chain(s, 3, {.what = what, .uniform = uniform, .most = 4}, got);
        CHECK(cuda::emulation::to_device - down == sizeof(cuda::pass_block) + sizeof(cuda::chain_block));
        CHECK(cuda::emulation::to_host - up == 4 * (what == by::draw ? 8 : 4));
        CHECK(cuda::emulation::launches - launches == 4 * (10 * 3 + 4 + 1));
        CHECK(cuda::emulation::replays - replays == (graphs && time > 0 ? 1 : 0));
        if (time > 0) CHECK(cuda::emulation::waits - waits == 1);  // the first one makes room for its rows
        b.commit(s, {});
      }
    }
  }
}

TEST_CASE("cuda chains: a step waits for the chain and for the verdict, whatever is drafted", "[cuda]") {
  tiny_model m{shape_of("llama", tensor_type::q8_0)};
  cuda::backend b{m.file()};
  const auto waits_of = [&](auto decoder) {
    decoder.start(random_tokens(5, 50, 6), {.random = philox{11}, .max_tokens = 40});
    std::size_t most = 0;
    for (int i = 0; decoder.status() == status::running; ++i) {
      const std::size_t before = cuda::emulation::waits;
      (void)decoder.step();
      if (i > 1) most = std::max(most, cuda::emulation::waits - before);  // the first ones make room
    }
    return most;
  };
  const temperature warp{0.7F};
  const fixed_length five{5};
  CHECK(waits_of(speculate(b, with_length(model_drafter(b, greedy{}), five), match{greedy{}})) == 2);
  CHECK(waits_of(speculate(b, with_length(coupled_model_drafter(b, warp), five), match{warp})) == 2);
  CHECK(waits_of(speculate(b, with_length(model_drafter(b, warp), five), rejection{warp})) == 2);
  // A policy that reads what was drawn has to be told.
  CHECK(waits_of(speculate(b, with_length(model_drafter(b, warp), confidence_stop{0.0F, 5}), rejection{warp})) == 6);
}

TEST_CASE("cuda chains: memory that runs out leaves the sequence as it was", "[cuda]") {
  tiny_shape shape = shape_of("llama", tensor_type::q4_0);
  shape.vocab = 3000;
  tiny_model m{shape};
  cuda::backend b{m.file()};
  auto s = b.open();
  b.prefill(s, random_tokens(62, 50, 1));
  const std::vector<double> uniform = {0.1, 0.9, 0.4, 0.6};
  const chain_draws how{.what = chain_draws::by::draw, .uniform = uniform, .most = 4};
  std::vector<far_draw> got, want;
  const std::size_t before = cuda::emulation::taken;
  const std::size_t page = cuda::page_shape{3, 2, 16}.values() * sizeof(std::uint16_t);
  const std::size_t row = 3000 * sizeof(float), states = 6 * 64 * sizeof(float);
  // No room for a page; for that but not for the logits; not for the hidden states; not for the third law.
  for (const std::size_t more : {std::size_t{0}, page, page + row, page + row + states + 2 * row}) {
    cuda::emulation::limit = before + more + 8;
    CHECK_THROWS_WITH(b.draw_chain(s, 3, how, got), Catch::Contains("out of memory; use a smaller"));
    cuda::emulation::limit = SIZE_MAX;
    CHECK(s.pending() == 0);
    CHECK(s.kept() == 62);
  }
  b.draw_chain(s, 3, how, got);
  auto t = b.open();
  b.prefill(t, random_tokens(62, 50, 1));
  b.draw_chain(t, 3, how, want);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].drawn == want[i].drawn);
  const draft_tree tree = random_tree(5, 50, 2);
  b.commit(s, {});
  b.commit(t, {});
  CHECK(same_bits(copies(b.forward(s, tree.view())), copies(b.forward(t, tree.view()))));
}
