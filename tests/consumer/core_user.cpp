#include <hunch/core.hpp>

int main() {
  hunch::draft_tree tree{8};
  tree.add(0, 3);
  return tree.size() == 2 ? 0 : 1;
}
