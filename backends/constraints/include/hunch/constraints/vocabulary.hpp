// The bytes of all tokens, in an order in which a rule about bytes can sort them out quickly.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include <hunch/core/types.hpp>

namespace hunch::constraints {

namespace detail {
struct trie;
}

/// A prefix tree of a vocabulary, made once for a tokenizer. Copies are cheap and share it; it never changes.
class vocabulary {
 public:
  /// `bytes(t)` for t in [0, size): what the token stands for; empty for tokens that show nothing (end of text,
  /// control tokens, padding), which no rule about bytes allows. The view need only live until the next call.
  /// Cost: a sort of all tokens; SmolLM2's 49,152 take about 40 ms.
  vocabulary(std::size_t size, const std::function<std::string_view(token)>& bytes);

  [[nodiscard]] std::size_t size() const noexcept;
  /// Empty for ids outside of the vocabulary too.
  [[nodiscard]] std::string_view bytes(token t) const noexcept;

  [[nodiscard]] const detail::trie& tree() const noexcept { return *tree_; }

 private:
  std::shared_ptr<const detail::trie> tree_;
};

}  // namespace hunch::constraints
