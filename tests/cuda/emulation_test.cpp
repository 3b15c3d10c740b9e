// The emulation does what it says: otherwise the other tests here would show nothing.
#include <vector>

#include "launch.hpp"
#include "support/catch.hpp"

using namespace hunch;

namespace {

struct slots {
  int value[64];
};

void rotate_left(int* out) {
  auto& s = cuda::shared<slots>();
  s.value[threadIdx.x] = static_cast<int>(threadIdx.x);
  cuda::sync_block();
  out[blockIdx.x * 64 + threadIdx.x] = s.value[(threadIdx.x + 1) % 64];
}
void forgotten_barrier(int* out) {
  auto& s = cuda::shared<slots>();
  s.value[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = s.value[(threadIdx.x + 1) % 64];
}
void half_ends_early(int* out) {
  if (threadIdx.x < 32) return;
  cuda::sync_block();
  out[threadIdx.x] = cuda::lane_xor(static_cast<int>(threadIdx.x), 1);
}
void multiply_fragments(const std::uint32_t* a, const std::uint32_t* b, int* c) {
  const unsigned lane = threadIdx.x;
  const std::uint32_t mine[4] = {a[4 * lane], a[4 * lane + 1], a[4 * lane + 2], a[4 * lane + 3]};
  const std::uint32_t theirs[2] = {b[2 * lane], b[2 * lane + 1]};
  int sums[4] = {c[4 * lane], c[4 * lane + 1], c[4 * lane + 2], c[4 * lane + 3]};
  cuda::mma_k32(sums, mine, theirs);
  for (unsigned i = 0; i < 4; ++i) c[4 * lane + i] = sums[i];
}

std::vector<int> run(void (*kernel)(int*), cuda::emulation::thread_order order, unsigned blocks = 1) {
  cuda::emulation::order = order;
  std::vector<int> out(64 * blocks, -7);
  cuda::stream s;
  cuda::launch(s, kernel, {blocks}, 64, out.data());
  s.wait();
  cuda::emulation::order = cuda::emulation::thread_order::ascending;
  return out;
}

constexpr auto up = cuda::emulation::thread_order::ascending;
constexpr auto down = cuda::emulation::thread_order::descending;

}  // namespace

TEST_CASE("emulation: a barrier separates what threads write from what they read", "[cuda]") {
  const std::vector<int> out = run(rotate_left, up, 3);
  for (int i = 0; i < 192; ++i) CHECK(out[static_cast<std::size_t>(i)] == (i + 1) % 64);
  CHECK(run(rotate_left, down, 3) == out);
}

TEST_CASE("emulation: a forgotten barrier shows", "[cuda]") {
  CHECK(run(forgotten_barrier, up) != run(rotate_left, up));
  CHECK(run(forgotten_barrier, up) != run(forgotten_barrier, down));
}

TEST_CASE("emulation: threads that have ended do not hold up a barrier", "[cuda]") {
  const std::vector<int> out = run(half_ends_early, up);
  CHECK(out[31] == -7);
  CHECK(out[32] == 33);
  CHECK(out[63] == 62);
}

TEST_CASE("emulation: shared memory is new for every block", "[cuda]") {
  const auto leftover = [](int* out) { out[threadIdx.x] = cuda::shared<slots>().value[threadIdx.x]; };
  run(rotate_left, up);
  CHECK(run(+leftover, up)[5] == -1);
}

TEST_CASE("emulation: a tensor-core product of single ones lands where the manual says", "[cuda]") {
  // One at a[row, k] and one at b[k, col]: the sum is one at c[row, col], and nowhere else.
  for (const auto [row, k, col] :
       {std::array{0, 0, 0}, std::array{9, 3, 1}, std::array{5, 22, 7}, std::array{15, 31, 6}}) {
    std::vector<std::uint32_t> a(128, 0), b(64, 0);
    std::vector<int> c(128, 0);
    const int in_half = k % 16;
    a[static_cast<std::size_t>(4 * (4 * (row % 8) + in_half / 4) + row / 8 + 2 * (k / 16))] = 1u << (8 * (k % 4));
    b[static_cast<std::size_t>(2 * (4 * col + in_half / 4) + k / 16)] = 0xffu << (8 * (k % 4));  // minus one
    c[4] = 100;                                                                                  // lane 1: c[0, 2]
    cuda::stream s;
    cuda::launch(s, multiply_fragments, {1}, 32, a.data(), b.data(), c.data());
    s.wait();
    std::vector<int> expected(128, 0);
    expected[4] = 100;
    expected[static_cast<std::size_t>(4 * (4 * (row % 8) + col / 2) + 2 * (row / 8) + col % 2)] -= 1;
    CHECK(c == expected);
  }
}

TEST_CASE("emulation: what was recorded runs when it is replayed, and not before", "[cuda]") {
  int value = 1;
  int copy = 0;
  cuda::stream s;
  s.record();
  s.on_device(&copy, &value, sizeof value);
  const cuda::graph g = s.recorded();
  s.wait();
  CHECK(copy == 0);
  value = 5;
  s.replay(g);
  s.wait();
  CHECK(copy == 5);
}

TEST_CASE("emulation: work is done when the host waits for it, and pinned memory is read then", "[cuda]") {
  cuda::stream s;
  cuda::pinned_array<int> pinned{2};
  cuda::device_array<int> there{2};
  int pageable = 3;
  pinned.data()[0] = 1;
  const std::size_t waits = cuda::emulation::waits;
  s.to_device(there.data(), pinned.data(), sizeof(int));
  s.to_device(there.data() + 1, &pageable, sizeof(int));
  cuda::fence sent;
  sent.put(s);
  pinned.data()[0] = 2;  // too early: the copy was not made yet
  pageable = 4;
  CHECK(there.data()[1] == -1);
  sent.wait();
  CHECK(there.data()[0] == 2);
  CHECK(there.data()[1] == 3);
  CHECK(cuda::emulation::waits - waits == 1);
  s.to_host(pinned.data(), there.data() + 1, sizeof(int));
  CHECK(pinned.data()[0] == 2);
  s.to_host(&pageable, there.data(), sizeof(int));  // not pinned: done when the call returns
  CHECK(pageable == 2);
  CHECK(pinned.data()[0] == 3);
  CHECK(cuda::emulation::waits - waits == 2);
  s.wait();
  sent.wait();
  CHECK(cuda::emulation::waits - waits == 2);  // there was nothing to wait for
}
