// Tokens, node ids and non-owning rows: the vocabulary of every other header.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <hunch/core/error.hpp>

namespace hunch {

using token = std::int32_t;
using node_id = std::uint32_t;

/// "No node": the parent of the root, the sibling after the last one.
inline constexpr node_id no_node = std::numeric_limits<node_id>::max();
/// "No token": what an empty verdict holds.
inline constexpr token no_token = -1;

/// Read-only rows of equal length, row-major, non-owning: [rows, cols].
template <class T>
struct basic_matrix_view {
  const T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return rows; }
  [[nodiscard]] constexpr std::span<const T> operator[](std::size_t i) const noexcept {
    HUNCH_EXPECTS(i < rows, "row index out of range");
    return {data + i * cols, cols};
  }
  /// Rows [first, first + count).
  [[nodiscard]] constexpr basic_matrix_view slice(std::size_t first, std::size_t count) const noexcept {
    HUNCH_EXPECTS(first + count <= rows, "slice out of range");
    return {data + first * cols, count, cols};
  }
};

using matrix_view = basic_matrix_view<float>;

/// Any type's rows [size, cols] behind one indirect call a row: what code that is compiled once reads them by.
/// Non-owning; valid as long as the rows.
template <class T>
class basic_rows_ref {
 public:
  template <class Rows>
  requires(!std::same_as<Rows, basic_rows_ref>) explicit basic_rows_ref(const Rows& rows) noexcept
      : rows_{&rows}, size_{rows.size()}, at_{[](const void* held, std::size_t i) -> std::span<const T> {
          return (*static_cast<const Rows*>(held))[i];
        }} {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const T> operator[](std::size_t i) const { return at_(rows_, i); }

 private:
  const void* rows_;
  std::size_t size_;
  std::span<const T> (*at_)(const void*, std::size_t);
};

using rows_ref = basic_rows_ref<float>;

/// What a backend needs to run the nodes [first, size) of a draft tree.
///
/// parents[i] < i, parents[0] == no_node, depths[0] == 0. The position of node i in the text is
/// (tokens kept in the cache) + depths[i].
struct tree_view {
  std::span<const token> tokens;          // [nodes]
  std::span<const node_id> parents;       // [nodes]
  std::span<const std::uint32_t> depths;  // [nodes]
  std::size_t first = 0;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return tokens.size(); }
  /// Nodes that the next pass adds.
  [[nodiscard]] constexpr std::size_t fresh() const noexcept { return tokens.size() - first; }
};

/// Which sub-layers a pass leaves out (self-speculation); one entry a layer, two bits each. Empty: none.
enum class skip : std::uint8_t { none = 0, attention = 1, mlp = 2, both = 3 };
using layer_mask = std::span<const skip>;  // [layers]

[[nodiscard]] constexpr bool skips(skip mask, skip part) noexcept {
  return (static_cast<unsigned>(mask) & static_cast<unsigned>(part)) != 0;
}

}  // namespace hunch
