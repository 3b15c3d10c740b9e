// Fibers: how the threads of an emulated block take turns.
#include "simt.hpp"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace hunch::cuda::emulation {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;

// Where a fiber, or the scheduler, goes on. The first entry is by ucontext, which makes a system call; all others jump.
struct place {
  void* words[5] = {};
  bool started = false;
};
[[noreturn, gnu::noinline]] void jump(place& to) { __builtin_longjmp(to.words, 1); }

struct fiber {
  ucontext_t entry;
  place at;
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  bool done = true;
  emulated_index index;
};

struct gate {  // a barrier
  unsigned arrived = 0;
  unsigned passed = 0;  // how often all came through
};

std::vector<std::unique_ptr<fiber>> fibers;
place scheduler;
fiber* current = nullptr;
void (*block_body)(void*) = nullptr;
void* block_argument = nullptr;
unsigned alive = 0;
gate block_gate;
std::vector<gate> warp_gates;
std::vector<std::uint64_t> warp_values;  // [warp, lane, exchange_words]
std::map<const void*, std::vector<std::uint64_t>> shared_objects;
bool progress = false;

#if defined(__SANITIZE_ADDRESS__)
const void* scheduler_stack = nullptr;
std::size_t scheduler_stack_bytes = 0;
void leaving(void** kept, const void* stack, std::size_t bytes) { __sanitizer_start_switch_fiber(kept, stack, bytes); }
void arrived(void* kept, const void** stack, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(kept, stack, bytes);
}
#else
const void* scheduler_stack = nullptr;
std::size_t scheduler_stack_bytes = 0;
void leaving(void**, const void*, std::size_t) {}
void arrived(void*, const void**, std::size_t*) {}
#endif

// From a fiber to the scheduler, until that resumes the fiber.
void switch_to_scheduler() {
  fiber& self = *current;
  void* kept = nullptr;
  leaving(&kept, scheduler_stack, scheduler_stack_bytes);
  if (__builtin_setjmp(self.at.words) == 0) jump(scheduler);
  arrived(kept, nullptr, nullptr);
  threadIdx = current->index;
}

// Called through pointers that compilers cannot see through: they would deduce from the code which values and registers
// a call leaves alone, and a jump to another fiber leaves none alone.
void (*volatile yield)() = &switch_to_scheduler;

void live() {
  arrived(nullptr, &scheduler_stack, &scheduler_stack_bytes);
  for (;;) {
    block_body(block_argument);
    current->done = true;
    --alive;
    if (alive != 0 && block_gate.arrived == alive) {  // threads that have ended count as arrived
      block_gate.arrived = 0;
      ++block_gate.passed;
    }
    progress = true;
    yield();
  }
}

void switch_to(fiber& f) {
  current = &f;
  threadIdx = f.index;
  void* kept = nullptr;
  leaving(&kept, f.stack.get(), stack_bytes);
  if (__builtin_setjmp(scheduler.words) == 0) {
    if (!f.at.started) {
      f.at.started = true;
      getcontext(&f.entry);
      f.entry.uc_stack.ss_sp = f.stack.get();
      f.entry.uc_stack.ss_size = stack_bytes;
      f.entry.uc_link = nullptr;
      makecontext(&f.entry, &live, 0);
      setcontext(&f.entry);
    }
    jump(f.at);
  }
  arrived(kept, nullptr, nullptr);
}

void (*volatile resume)(fiber&) = &switch_to;

void wait_at(gate& g, unsigned expected) {
  progress = true;
  if (++g.arrived == expected) {
    g.arrived = 0;
    ++g.passed;
    return;
  }
  for (const unsigned before = g.passed; g.passed == before;) yield();
}

void run_block(unsigned threads) {
  for (auto& [key, object] : shared_objects) object.assign(object.size(), ~std::uint64_t{0});
  alive = threads;
  block_gate = {};
  warp_gates.assign((threads + 31) / 32, {});
  for (unsigned t = 0; t < threads; ++t) {
    fibers[t]->done = false;
    fibers[t]->index = {t, 0, 0};
  }
  while (alive != 0) {
    progress = false;
    for (unsigned i = 0; i < threads; ++i) {
      fiber& f = *fibers[order == thread_order::ascending ? i : threads - 1 - i];
      if (!f.done) resume(f);
    }
    if (!progress) {
      std::fputs("emulation: no thread can go on: a barrier is not reached by all\n", stderr);
      std::abort();
    }
  }
}

}  // namespace

void run_blocks(emulated_index grid, unsigned threads, void (*body)(void*), void* argument) {
  while (fibers.size() < threads) fibers.push_back(std::make_unique<fiber>());
  warp_values.resize((threads + 31) / 32 * 32 * exchange_words);
  block_body = body;
  block_argument = argument;
  blockDim = {threads, 1, 1};
  gridDim = grid;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = order == thread_order::ascending ? emulated_index{x, y, z}
                                                    : emulated_index{grid.x - 1 - x, grid.y - 1 - y, grid.z - 1 - z};
        run_block(threads);
      }
}

void arrive_at_block() { wait_at(block_gate, alive); }

const std::uint64_t* exchange(const std::uint64_t* values, std::size_t count) {
  const unsigned t = current->index.x;
  std::uint64_t* const warp = warp_values.data() + t / 32 * 32 * exchange_words;
  for (std::size_t i = 0; i < count; ++i) warp[t % 32 * exchange_words + i] = values[i];
  wait_at(warp_gates[t / 32], 32);
  return warp;
}
void leave_exchange() { wait_at(warp_gates[current->index.x / 32], 32); }

void* shared_memory(std::size_t bytes, const void* key) {
  std::vector<std::uint64_t>& object = shared_objects[key];
  if (object.empty()) object.assign((bytes + 15) / 16 * 2, ~std::uint64_t{0});
  return object.data();
}

}  // namespace hunch::cuda::emulation
