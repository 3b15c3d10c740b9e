// On the CPU backend: what passes with layers left out wrote is never read by a full pass.
#include <vector>

#include <hunch/core.hpp>
#include <hunch/cpu/backend.hpp>
#include <hunch/drafters/swift.hpp>

#include "cpu/tiny_model.hpp"
#include "support/catch.hpp"
#include "swift/mutants.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

const std::vector<token> prompt{4, 9, 2, 31, 7};
const swift_options searching{.siblings = caterpillar_sampled, .search = {.window = 8, .proposals = 4}};

template <class D, class V>
std::vector<token> text_of(cpu::backend& target, D drafter, V verifier) {
  auto decoder = speculate(target, std::move(drafter), std::move(verifier));
  decoder.start(prompt, request{philox{5}, 60, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  return {decoder.text().begin(), decoder.text().end()};
}

tiny_shape of_layers(std::string arch, std::size_t layers) {
  tiny_shape s = shape_of(std::move(arch), gguf::tensor_type::q4_1);
  s.layers = layers;
  return s;
}

}  // namespace

TEST_CASE("swift: on the CPU the text is that of plain decoding, also where a set leaves out all it can",
          "[swift][cpu]") {
  for (const char* arch : {"llama", "qwen2", "gemma3"}) {
    tiny_model m{of_layers(arch, 6)};
    cpu::backend target{m.file(), {.threads = 2}};
    const auto warm = temperature{0.8f};
    const auto greedy_text = text_of(target, no_draft{}, match(greedy{}));
    const auto warm_text = text_of(target, no_draft{}, match(warm));
    for (const double ratio : {0.3, 0.6, 1.0})
      for (const swift_options& o : {swift_options{}, searching}) {
        INFO(arch << ", ratio " << ratio << ", most " << o.search.most);
        const skip_set set = spread_skips(6, ratio);
        CHECK(text_of(target, swift(greedy{}, set, fixed_length{4}, o), match(greedy{})) == greedy_text);
        CHECK(text_of(target, swift(warm, set, fixed_length{4}, o), match(warm)) == warm_text);
        CHECK(text_of(target, coupled_swift(warm, set, fixed_length{4}, o), match(warm)) == warm_text);
      }
  }
}

TEST_CASE("swift: on the CPU, nothing left out is never rejected", "[swift][cpu]") {
  tiny_model m{of_layers("llama", 4)};
  cpu::backend target{m.file(), {.threads = 1}};
  auto decoder = speculate(target, swift(greedy{}, skip_set{4}, fixed_length{4}), match(greedy{}), stats{});
  decoder.start(prompt, request{philox{5}, 60, {}, {}});
  while (decoder.status() == status::running) decoder.step();
  CHECK(decoder.observer().alpha() == 1.0);
  CHECK(decoder.observer().tau() == 5.0);
}

TEST_CASE("mutants: the CPU backend refuses to keep what a partial pass wrote", "[swift][cpu][mutants]") {
  tiny_model m{of_layers("llama", 4)};
  cpu::backend target{m.file(), {.threads = 1}};
  const skip_set set = leaving_out(4, {0, 3});
  CHECK_NOTHROW(text_of(target, wrong_swift<swift_bug::none>{set}, rejection(temperature{1.0f})));
  CHECK_THROWS_WITH(text_of(target, wrong_swift<swift_bug::keeps_its_nodes>{set}, rejection(temperature{1.0f})),
                    Catch::Matchers::Contains("without some layers"));
}
