// Several sequences in one pass.
#include <vector>

#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;
using entry = batch_entry<cpu::backend::sequence>;

TEST_CASE("cpu: B4: a batch of sequences has the rows of each one alone", "[cpu]") {
  for (const auto type : matrix_types) {
    for (const char* arch : {"llama", "gemma3"}) {
      tiny_model m{shape_of(arch, type)};
      cpu::backend b{m.file(), {.threads = 2}};
      std::vector<cpu::sequence> together;
      std::vector<draft_tree> trees;
      std::vector<row> expected;
      for (std::size_t i = 0; i < 4; ++i) {
        const auto text = random_tokens(3 + 13 * i, b.vocab_size(), i);
        trees.push_back(random_tree(1 + 5 * i, b.vocab_size(), 100 + i));
        together.push_back(b.open());
        b.prefill(together.back(), text);
        auto alone = b.fork(together.back());
        for (auto& r : copies(b.forward(alone, trees.back().view()))) expected.push_back(r);
      }
      std::vector<entry> work;
      for (std::size_t i = 0; i < 4; ++i) work.push_back({&together[i], trees[i].view()});
      CHECK(same_bits(copies(b.forward(std::span<const entry>(work))), expected));

      // And they go on as if they had been alone.
      for (std::size_t i = 0; i < 4; ++i) {
        const auto path = path_to(trees[i], static_cast<node_id>(trees[i].size() - 1));
        auto fresh = b.open();
        b.prefill(fresh, random_tokens(3 + 13 * i, b.vocab_size(), i));
        b.prefill(fresh, tokens_on(trees[i], path));
        b.commit(together[i], path);
        const auto after = random_tree(3, b.vocab_size(), 7);
        CHECK(same_bits(copies(b.forward(together[i], after.view())), copies(b.forward(fresh, after.view()))));
      }
    }
  }
}

TEST_CASE("cpu: batched rows live until the next pass of their own sequence", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q8_0)};
  cpu::backend b{m.file(), {.threads = 1}};
  std::vector<cpu::sequence> s;
  for (int i = 0; i < 4; ++i) s.push_back(b.open());
  const auto tree = random_tree(4, b.vocab_size(), 1);
  const std::vector<entry> first{{&s[0], tree.view()}, {&s[1], tree.view()}};
  const std::vector<entry> second{{&s[2], tree.view()}, {&s[3], tree.view()}};
  const auto rows = b.forward(std::span<const entry>(first));
  const auto before = copies(rows);
  b.forward(std::span<const entry>(second));
  CHECK(same_bits(copies(rows), before));
}

TEST_CASE("cpu: a batch that is refused changes no sequence", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q8_0)};
  cpu::backend b{m.file(), {.threads = 1, .context = 8}};
  auto s = b.open();
  auto full = b.open();
  const auto fits = random_tree(3, b.vocab_size(), 1);
  const auto too_large = random_tree(9, b.vocab_size(), 2);
  const std::vector<entry> work{{&s, fits.view()}, {&full, too_large.view()}};
  CHECK_THROWS_WITH(b.forward(std::span<const entry>(work)), Catch::Matchers::Contains("do not fit"));
  CHECK(s.pending() == 0);
  const std::vector<entry> twice{{&s, fits.view()}, {&s, fits.view()}};
  CHECK_THROWS_WITH(b.forward(std::span<const entry>(twice)), Catch::Matchers::Contains("twice"));
  CHECK(s.pending() == 0);
  CHECK(b.forward(std::span<const entry>{}).size() == 0);
}
