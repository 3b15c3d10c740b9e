// Passes of a warm backend allocate nothing, and leave no pages of the model's file in memory.
#include <vector>

#include "gguf/on_disk.hpp"
#include "passes.hpp"
#include "support/catch.hpp"
#include "support/counted_new.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;

TEST_CASE("cpu: a pass, commit and rewind allocate nothing once warm", "[cpu]") {
  tiny_model m{shape_of("gemma3", gguf::tensor_type::q5_0)};
  cpu::backend b{m.file(), {.threads = 2}};
  const auto text = random_tokens(80, b.vocab_size(), 1);
  const auto tree = random_tree(16, b.vocab_size(), 2);
  const auto path = path_to(tree, 15);
  auto s = b.open();
  auto other = b.open();
  const std::vector<skip> mask{skip::both, skip::none, skip::mlp};
  const std::vector<batch_entry<cpu::sequence>> work{{&s, tree.view()}, {&other, tree.view()}};
  const auto round = [&] {
    b.rewind(s, 0);
    b.rewind(other, 0);
    b.prefill(s, text);
    b.forward(s, tree.view());
    b.commit(s, path);
    b.forward(s, tree.view(), mask);
    b.commit(s, {});
    b.forward(std::span<const batch_entry<cpu::sequence>>(work));
    b.commit(s, path);
    b.commit(other, {});
  };
  round();
  const std::size_t before = allocation_count();
  for (int i = 0; i < 5; ++i) round();
  CHECK(allocation_count() - before == 0);
}

TEST_CASE("cpu: rows of the embedding leave no pages of the file in memory", "[cpu]") {
  tiny_shape shape;
  shape.width = 256;
  shape.vocab = 16384;  // 16 MiB of floats; the system maps 64 KiB or more around what is read
  const temporary_file on_disk{"allocation_test", tiny_model{shape}.build()};
  cpu::backend b{gguf::file{on_disk.path}, {.threads = 2}};
  auto s = b.open();
  const std::size_t before = mapped_kib();
  b.prefill(s, random_tokens(100, b.vocab_size(), 1));
  CHECK(mapped_kib() < before + 3 * 1024);
}
