// EXPECT: hunch: a Backend needs room(sequence), prefill(sequence, tokens), forward(sequence, tree_view) -> rows and
#include "parts.hpp"

struct engine {
  struct sequence {};
  [[nodiscard]] std::size_t vocab_size() const { return 3; }
  sequence open() { return {}; }
  [[nodiscard]] std::size_t room(const sequence&) const { return 1; }
  void prefill(sequence&, std::span<const hunch::token>) {}
  void commit(sequence&, std::span<const hunch::node_id>) {}
};

int main() {
  engine target;
  auto decoder = hunch::speculate(target, hunch::no_draft{}, hunch::match(hunch::greedy{}));
  (void)decoder;
}
