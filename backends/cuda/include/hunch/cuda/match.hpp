// The match verifier with the device's own answers: no logits cross to the host.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <hunch/core/random.hpp>
#include <hunch/core/verifier.hpp>
#include <hunch/cuda/backend.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/verifiers/walk.hpp>

namespace hunch::cuda {

/// hunch::match over rows of hunch::cuda, for `greedy` and `temperature`: the same verdict, bit for bit, from one
/// token a row that the device finds. Other warpers need the row and its prefix: take hunch::match for them.
/// Cost: one launch and one copy of four bytes a row, whatever the tree.
template <class W>
class match {
  static_assert(std::is_same_v<W, greedy> || std::is_same_v<W, temperature>,
                "hunch: cuda::match knows greedy and temperature; with other warpers use hunch::match");

 public:
  static constexpr laws sibling_laws = any_law;
  static constexpr bool lossless = true;

  explicit match(W warp) : warp_{std::move(warp)} {}

  void verify(const draft_tree& tree, const logit_rows& rows, const decode_context& ctx, verdict& out) const {
    out.reset();
    for (node_id at = 0;;) {
      out.next = target_token(tree, rows, at, ctx);
      at = out.next == no_token ? no_node : tree.child_with(at, out.next);
      if (at == no_node) return hunch::detail::count_tested(tree, out);
      out.path.push_back(at);
    }
  }

 private:
  [[nodiscard]] token target_token(const draft_tree& tree, const logit_rows& rows, node_id at,
                                   const decode_context& ctx) const {
    if constexpr (std::is_same_v<W, greedy>)
      return rows.argmax(at);
    else
      return rows.at_position(at, ctx.position(tree.depth(at) + 1), seed_of(ctx.random), warp_.value());
  }

  /// A philox is its seed and its stage, and the noise of positions knows no stage. Tested against at_position.
  [[nodiscard]] static std::uint64_t seed_of(const philox& random) noexcept {
    static_assert(sizeof(philox) == 16 && std::is_trivially_copyable_v<philox>);
    std::array<std::uint64_t, 2> words = {};
    std::memcpy(words.data(), &random, sizeof random);
    return words[0];
  }

  W warp_;
};

}  // namespace hunch::cuda
