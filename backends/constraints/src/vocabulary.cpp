#include <algorithm>
#include <hunch/constraints/vocabulary.hpp>
#include <utility>

#include "trie.hpp"

namespace hunch::constraints {
namespace {

void add_nodes(detail::trie& tree, const std::vector<std::pair<std::string_view, token>>& sorted) {
  std::vector<std::size_t> open;  // nodes on the way to the last token
  const auto close_to = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back())
      tree.nodes[open.back()].end = static_cast<std::uint32_t>(tree.nodes.size());
  };
  std::string_view before;
  for (const auto& [bytes, id] : sorted) {
    const auto differ = std::mismatch(before.begin(), before.end(), bytes.begin(), bytes.end()).first;
    close_to(static_cast<std::size_t>(differ - before.begin()));
    while (open.size() < bytes.size()) {
      const auto byte = static_cast<std::uint8_t>(bytes[open.size()]);
      open.push_back(tree.nodes.size());
      const auto depth = static_cast<std::uint32_t>(open.size());
      tree.nodes.push_back({0, depth, static_cast<std::uint32_t>(tree.tokens.size()), byte});
      tree.deepest = std::max(tree.deepest, depth);
    }
    tree.tokens.push_back(id);
    tree.nodes.back().last_token = static_cast<std::uint32_t>(tree.tokens.size());
    if (bytes.size() == 1) tree.single_bytes.set(static_cast<unsigned char>(bytes[0]));
    before = bytes;
  }
  close_to(0);
}

}  // namespace

vocabulary::vocabulary(std::size_t size, const std::function<std::string_view(token)>& bytes) {
  auto tree = std::make_shared<detail::trie>();
  tree->ends.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    tree->text += bytes(static_cast<token>(i));
    tree->ends.push_back(tree->text.size());
  }
  std::vector<std::pair<std::string_view, token>> sorted;
  for (std::size_t i = 0; i < size; ++i)
    if (const auto b = tree->bytes(static_cast<token>(i)); !b.empty()) sorted.emplace_back(b, static_cast<token>(i));
  std::sort(sorted.begin(), sorted.end());
  add_nodes(*tree, sorted);
  tree_ = std::move(tree);
}

std::size_t vocabulary::size() const noexcept { return tree_->ends.size(); }
std::string_view vocabulary::bytes(token t) const noexcept { return tree_->bytes(t); }

}  // namespace hunch::constraints
