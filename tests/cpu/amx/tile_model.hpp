// AMX without the hardware: the tiles of one thread and what its instructions do to them, by the architecture manual's
// description of palette 1 (eight tiles of up to 16 rows of up to 64 bytes).
//
// What it shows: that kernels configure, load and multiply the shapes that they mean to, and every integer. What it
// cannot show: speed, and whether the hardware does what the manual says.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hunch::test {

class tile_model {
 public:
  /// Whatever the processor would refuse; the first is kept, and nothing is done from then on. Null: nothing so far.
  [[nodiscard]] const char* fault() const noexcept { return fault_; }
  [[nodiscard]] bool configured() const noexcept { return configured_; }
  [[nodiscard]] std::size_t products() const noexcept { return products_; }  // multiply_add so far

  void configure(const void* shapes);  // 64 bytes
  void release();
  void zero(int tile);
  void load(int tile, const void* rows, std::ptrdiff_t stride);
  void store(int tile, void* rows, std::ptrdiff_t stride);
  /// Signed bytes of `a` times bytes of `b` that are signed or not.
  void multiply_add(int sums, int a, int b, bool signed_b);

 private:
  struct tile {
    std::size_t rows = 0;
    std::size_t row_bytes = 0;
    std::uint8_t data[16][64] = {};
  };
  bool usable(int t);
  bool refuse(bool when, const char* why);

  tile tiles_[8];
  bool configured_ = false;
  const char* fault_ = nullptr;
  std::size_t products_ = 0;
};

/// The tiles of this thread.
tile_model& tiles();

}  // namespace hunch::test
