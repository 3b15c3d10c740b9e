// Two threads and one backend: one after the other is fine, both at once stops the program.
// usage: overlap {in_turn | at_once}
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <semaphore>
#include <thread>
#include <vector>

#include <hunch/callback_backend.hpp>
#include <hunch/testing/toy_backend.hpp>

using namespace hunch;
using namespace hunch::testing;

namespace {

/// Runs a pass that lasts until another thread has called the backend as well.
template <class B>
void meet(B& backend, std::binary_semaphore& inside, std::binary_semaphore& go_on) {
  auto first = backend.open();
  auto second = backend.open();
  const std::vector<token> tokens{1, 2};
  const token root = 1;
  const node_id parent = no_node;
  const std::uint32_t depth = 0;
  std::thread runs{[&] { (void)backend.forward(first, tree_view{{&root, 1}, {&parent, 1}, {&depth, 1}, 0}); }};
  inside.acquire();
  backend.prefill(second, tokens);  // another sequence: the backend is what is shared
  go_on.release();
  runs.join();
}

void at_once(bool callbacks) {
  std::binary_semaphore inside{0};
  std::binary_semaphore go_on{0};
  toy_backend slow{4, [&](std::span<const token>, std::span<float> row) {
                     inside.release();
                     go_on.acquire();
                     row[0] = 1;
                   }};
  if (!callbacks) return meet(slow, inside, go_on);
  int cache = 0;
  std::vector<float> row(4);
  engine_callbacks engine;
  engine.vocab = 4;
  engine.capacity = 64;
  engine.open = [&]() -> void* { return &cache; };
  engine.close = [](void*) {};
  engine.prefill = [](void*, std::span<const token>) { return true; };
  engine.commit = [](void*, std::span<const node_id>) { return true; };
  engine.forward = [&](void*, tree_view) -> const float* {
    inside.release();
    go_on.acquire();
    return row.data();
  };
  callback_backend backend{engine};
  meet(backend, inside, go_on);
}

void in_turn() {
  toy_backend backend{4, iid_law<float>({0.25f, 0.25f, 0.25f, 0.25f})};
  auto sequence = backend.open();
  const std::vector<token> tokens{1, 2};
  for (int i = 0; i < 8; ++i) std::thread{[&] { backend.prefill(sequence, tokens); }}.join();
  backend.prefill(sequence, tokens);
  std::printf("kept %zu\n", sequence.kept.size());
}

}  // namespace

int main(int argc, char** argv) {
  // ctest counts an abort as a failure whatever was printed; the message is what is tested.
  std::signal(SIGABRT, [](int) { std::_Exit(EXIT_SUCCESS); });
  if (argc == 2 && std::strcmp(argv[1], "in_turn") == 0)
    in_turn();
  else if (argc == 2)
    at_once(std::strcmp(argv[1], "callbacks_at_once") == 0);
}
