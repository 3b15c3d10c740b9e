// The prefix tree behind a vocabulary.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch::constraints::detail {

/// Nodes in preorder, the root left out.
struct trie {
  struct node {
    std::uint32_t end;         // the node behind this one's subtree
    std::uint32_t depth;       // 1: a token's first byte
    std::uint32_t last_token;  // its tokens are tokens[previous node's last_token, last_token)
    std::uint8_t byte;
  };
  std::vector<node> nodes;
  std::vector<token> tokens;  // by node
  std::uint32_t deepest = 0;
  std::bitset<256> single_bytes;  // bytes that are a token of their own
  std::string text;               // bytes of all tokens, by id
  std::vector<std::size_t> ends;  // [id] in text

  [[nodiscard]] std::string_view bytes(token t) const noexcept {
    const auto i = static_cast<std::size_t>(t);
    if (t < 0 || i >= ends.size()) return {};
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view{text}.substr(begin, ends[i] - begin);
  }
};

}  // namespace hunch::constraints::detail
