#include <hunch/hunch.hpp>

int main() {
  hunch::draft_tree tree{8};
  tree.add(0, 3);
  tree.add(0, 5);
  int children = 0;
  for (const hunch::node_id n : hunch::children(tree, 0)) children += tree[n];
  return children == 8 ? 0 : 1;
}
