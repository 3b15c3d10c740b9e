// The library as an engine without exceptions and without run-time types builds it: a decoder, a machine and a backend
// of callbacks, compiled with -fno-exceptions -fno-rtti. Ends with 0 if all three write the same text.
#include <vector>

#include <hunch/callback_backend.hpp>
#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this program is built with -fno-exceptions -fno-rtti"
#endif

using namespace hunch;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;
constexpr std::size_t vocab = 16;
const tokens prompt{3, 1, 4, 1, 5};
const auto warp = temperature{0.8f} | top_k{8} | top_p{0.95f};

tokens copy(std::span<const token> s) { return {s.begin(), s.end()}; }
request wish() { return {philox{3}, 40, {}, {}}; }

template <class Decoder>
tokens written_by(Decoder decoder) {
  decoder.start(prompt, wish());
  while (decoder.status() == status::running) decoder.step();
  return copy(decoder.text());
}

tokens written_by_a_machine(toy_backend& target) {
  auto cache = target.open();
  step_machine machine{hosted_model{0, vocab, 4096}, with_length(prompt_lookup(2), fixed_length{4}), match(warp)};
  machine.start(prompt, wish());
  const auto apply = [&](const kv_plan& plan) {
    target.commit(cache, plan.move);
    target.rewind(cache, plan.size() - plan.append.size());
    target.prefill(cache, plan.append);
  };
  while (machine.status() == status::running) {
    while (const auto wanted = machine.next()) {
      if (wanted->cache) apply(*wanted->cache);
      machine.supply(target.forward(cache, wanted->tree));
    }
    apply(machine.result().cache);
  }
  return copy(machine.text());
}

/// Every third pass fails, which a program without exceptions learns from the status.
tokens written_by_callbacks(toy_backend& target) {
  using cache = toy_backend::sequence;
  int passes = 0;
  engine_callbacks engine;
  engine.vocab = vocab;
  engine.capacity = 4096;
  engine.open = [&]() -> void* { return new cache(target.open()); };
  engine.close = [](void* c) { delete static_cast<cache*>(c); };
  engine.prefill = [&](void* c, std::span<const token> t) { return target.prefill(*static_cast<cache*>(c), t), true; };
  engine.forward = [&](void* c, tree_view t) -> const float* {
    return ++passes % 3 == 0 ? nullptr : target.forward(*static_cast<cache*>(c), t).data;
  };
  engine.commit = [&](void* c, std::span<const node_id> p) { return target.commit(*static_cast<cache*>(c), p), true; };
  callback_backend backend{engine};
  auto decoder = speculate(backend, any_drafter(with_length(prompt_lookup(2), fixed_length{4})), match(warp));
  decoder.start(prompt, wish());
  while (decoder.status() == status::running || decoder.fault() == fault::pass) decoder.step();
  return copy(decoder.text());
}

}  // namespace

int main() {
  toy_backend target{vocab, hashed_law<float>(1, 5.0)};
  toy_backend draft{vocab, hashed_law<float>(1, 4.0)};
  const auto chain = [&] { return with_length(model_drafter(draft, warp), fixed_length{3}); };
  const tokens expected = written_by(speculate(target, no_draft{}, match(warp)));
  // These draw otherwise and write other texts of the same law.
  const bool whole =
      written_by(speculate(target, chain(), rejection(warp))).size() == expected.size() &&
      written_by(speculate(target, chain(), block(warp))).size() == expected.size() &&
      written_by(speculate(target, gumbel_top_k(draft, warp, {2, 2}), traversal(warp))).size() == expected.size();
  const bool same = written_by(speculate(target, chain(), match(warp))) == expected &&
                    written_by_a_machine(target) == expected && written_by_callbacks(target) == expected;
  return expected.size() == prompt.size() + 40 && whole && same ? 0 : 1;
}
