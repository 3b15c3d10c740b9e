// Recording allocates nothing, once warm.
#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>
#include <hunch/trace/recorder.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"

using namespace hunch;

TEST_CASE("trace: a recorded round allocates nothing once warm", "[trace]") {
  constexpr std::size_t vocab = 300;
  std::vector<float> data(8 * vocab);
  std::size_t bytes = 0;
  trace_recorder recorder{[&](std::string_view line) { bytes += line.size(); }, {.top = 8}};
  draft_tree tree{vocab};
  verdict result;
  const std::vector<token> text{1, 2, 3};
  const auto round = [&](std::uint32_t salt) {
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<float>(gumbel(philox4x32({static_cast<std::uint32_t>(i), salt, 0, 0}, 1)[0]));
    tree.reset(3);
    std::ranges::fill(tree.make_q(0), 1.0f / vocab);
    for (token t = 0; t < 7; ++t) tree.add(static_cast<node_id>(t / 2), t * 13);
    result.reset();
    result.next = 5;
    const matrix_view rows{data.data(), 8, vocab};
    recorder.on_round({tree, rows_ref{rows}, result, decode_context{.text = text, .budget = 8, .run = 1}});
    recorder.on_step({.emitted = 1});
  };
  for (std::uint32_t i = 0; i < 50; ++i) round(i);
  const std::size_t before = hunch::test::allocation_count();
  const std::size_t written = bytes;
  for (std::uint32_t i = 50; i < 250; ++i) round(i);
  CHECK(hunch::test::allocation_count() == before);
  CHECK(bytes > written + 200 * 1000);
}
