#include "pack.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include <hunch/core/error.hpp>
#include <hunch/transformer/weights.hpp>

namespace hunch::cuda {
namespace {

// Where the planes of one group go.
struct group_planes {
  std::uint8_t* codes;
  std::uint8_t* extra;
  std::uint8_t* scales;
};

// Where the parts of a block of the file begin: scales, fifth bits, codes.
struct block_parts {
  std::size_t fifth;
  std::size_t codes;
};
constexpr block_parts parts_of(format f) noexcept {
  switch (f) {
    case format::q4_0:
    case format::q8_0:
      return {0, 2};
    case format::q4_1:
      return {0, 4};
    case format::q5_0:
      return {2, 6};
    case format::q5_1:
      return {4, 8};
    case format::q5_k:
      return {16, 48};
    default:
      return {0, 16};  // Q4_K
  }
}

// A block of 32: block `b` of a group. Word t of its codes goes to lane t, and so does word 4 + t of Q8_0.
void pack_block_of_32(format f, const std::uint8_t* block, unsigned b, const group_planes& to) {
  const block_parts at = parts_of(f);
  const unsigned words = lane_bytes(f) / 16;  // of a lane in a block
  for (unsigned word = 0; word < 4 * words; ++word)
    std::memcpy(to.codes + word % 4 * lane_bytes(f) + 4 * (b * words + word / 4), block + at.codes + 4 * word, 4);
  if (extra_bytes(f) != 0) std::memcpy(to.extra + 4 * b, block + at.fifth, 4);
  const unsigned scale = scale_bytes(f) / 4;
  std::memcpy(to.scales + scale * b, block, scale);
}

// Q4_K and Q5_K: lane t gets bytes 8 t.. of each run of 32 bytes.
void pack_block_with_minima(format f, const std::uint8_t* block, const group_planes& to) {
  const block_parts at = parts_of(f);
  for (unsigned run = 0; run < 4; ++run)
    for (unsigned lane = 0; lane < 4; ++lane)
      std::memcpy(to.codes + 32 * lane + 8 * run, block + at.codes + 32 * run + 8 * lane, 8);
  if (extra_bytes(f) != 0) std::memcpy(to.extra, block + at.fifth, 32);
  std::memcpy(to.scales, block, 16);
}

// Q6_K: low bits 128 bytes, high bits 64, scales 16, d.
void pack_block_q6_k(const std::uint8_t* block, const group_planes& to) {
  for (unsigned word = 0; word < 32; ++word)  // [half][quarter % 2][side][lane]
    std::memcpy(to.codes + word % 4 * 48 + 4 * (word / 4), block + 4 * word, 4);
  for (unsigned word = 0; word < 16; ++word)  // [half][side][lane]
    std::memcpy(to.codes + word % 4 * 48 + 32 + 4 * (word / 4), block + 128 + 4 * word, 4);
  std::memcpy(to.extra, block + 192, 16);
  std::memcpy(to.scales, block + 208, 2);
}

}  // namespace

format format_of(const gguf::tensor& t) { return transformer::format_of(t, "cuda"); }

matrix_view shape_of(const gguf::tensor& t) {
  const std::uint64_t inputs = t.shape.at(0);
  if (std::max(inputs, t.rows()) > std::numeric_limits<std::int32_t>::max())
    raise("cuda: tensor '" + t.name + "' has " + std::to_string(inputs) + " x " + std::to_string(t.rows()) +
          " values; at most 2^31 - 1 a side are supported");
  return {.kind = format_of(t), .inputs = static_cast<unsigned>(inputs), .outputs = static_cast<unsigned>(t.rows())};
}

matrix_view placed(matrix_view m, std::uint8_t* memory) noexcept {
  const plane_sizes sizes = planes_of(m);
  m.codes = memory;
  m.extra = memory + plane_sizes::aligned(sizes.codes);
  m.scales = m.extra + plane_sizes::aligned(sizes.extra);
  return m;
}

void pack(const gguf::tensor& t, std::span<std::uint8_t> out) {
  const matrix_view shape = shape_of(t);
  const plane_sizes sizes = planes_of(shape);
  HUNCH_EXPECTS(out.size() == sizes.all(), "the planes do not fit");
  const auto* from = reinterpret_cast<const std::uint8_t*>(t.data.data());
  std::ranges::fill(out, std::uint8_t{0});
  if (is_float(shape.kind)) {
    std::memcpy(out.data(), from, sizes.codes);
    return;
  }
  std::uint8_t* extra = out.data() + plane_sizes::aligned(sizes.codes);
  std::uint8_t* scales = extra + plane_sizes::aligned(sizes.extra);
  const std::size_t block_bytes = gguf::traits_of(t.type).block_bytes;
  for (unsigned o = 0; o < shape.outputs; ++o) {
    for (unsigned b = 0; b < shape.blocks(); ++b, from += block_bytes) {
      const std::size_t group = shape.group_at(o, b / group_blocks(shape.kind));
      const group_planes to{out.data() + group * code_bytes(shape.kind), extra + group * extra_bytes(shape.kind),
                            scales + group * scale_bytes(shape.kind)};
      if (!has_blocks_of_256(shape.kind))
        pack_block_of_32(shape.kind, from, b % 4, to);
      else if (shape.kind == format::q6_k)
        pack_block_q6_k(from, to);
      else
        pack_block_with_minima(shape.kind, from, to);
    }
  }
}

}  // namespace hunch::cuda
