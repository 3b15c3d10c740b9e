// Laws B1 to B4 on tiny models of every architecture and tensor type, by comparing bits.
#include <string>
#include <vector>

#include "passes.hpp"
#include "support/catch.hpp"
#include "tiny_model.hpp"

using namespace hunch;
using namespace hunch::test;
using gguf::tensor_type;

static_assert(Rewindable<cpu::backend> && Forkable<cpu::backend> && LayerSkippable<cpu::backend> &&
              BatchBackend<cpu::backend> && HiddenStates<cpu::backend>);

namespace {

std::vector<tiny_shape> all_shapes() {
  std::vector<tiny_shape> out;
  for (const char* arch : {"llama", "qwen2", "gemma3"})
    for (const auto type : matrix_types) out.push_back(shape_of(arch, type));
  return out;
}

std::string name_of(const tiny_shape& s) { return s.arch + " " + std::string(gguf::traits_of(s.type).name); }

}  // namespace

TEST_CASE("cpu: B1: a tree's rows equal the rows of its chains run alone, token by token", "[cpu]") {
  for (const auto& shape : all_shapes()) {
    INFO(name_of(shape));
    tiny_model m{shape};
    cpu::backend b{m.file(), {.threads = 2}};
    const auto text = random_tokens(11, shape.vocab, 1);
    const auto tree = random_tree(21, shape.vocab, 2);
    auto s = b.open();
    b.prefill(s, text);
    const auto rows = copies(b.forward(s, tree.view()));
    for (node_id n = 0; n < tree.size(); n += 4) {
      const auto alone = one_by_one(b, text, tokens_on(tree, path_to(tree, n)));
      REQUIRE(same_bits(std::span<const float>(rows[n]), std::span<const float>(alone.back())));
    }
  }
}

TEST_CASE("cpu: B1: a tree that grows over several passes has the rows of one pass", "[cpu]") {
  tiny_model m{shape_of("gemma3", tensor_type::q5_0)};
  cpu::backend b{m.file(), {.threads = 2}};
  const auto tree = random_tree(17, b.vocab_size(), 3);
  auto whole = b.open();
  const auto expected = copies(b.forward(whole, tree.view()));
  auto s = b.open();
  draft_tree part{b.vocab_size()};
  part.reset(tree[0]);
  std::vector<row> rows;
  std::vector<row> hidden;
  std::size_t first = 0;
  for (const std::size_t until : {1u, 2u, 7u, 17u}) {
    while (part.size() < until) {
      const auto n = static_cast<node_id>(part.size());
      part.add(tree.parent(n), tree[n]);
    }
    for (auto& r : copies(b.forward(s, part.view(first)))) rows.push_back(r);
    first = until;
  }
  CHECK(same_bits(rows, expected));
  for (node_id n = 0; n < tree.size(); ++n) CHECK(same_bits(b.hidden(s, n), b.hidden(whole, n)));
}

TEST_CASE("cpu: B2: a committed path leaves what prefill of its tokens leaves", "[cpu]") {
  for (const auto& shape : all_shapes()) {
    INFO(name_of(shape));
    tiny_model m{shape};
    cpu::backend b{m.file(), {.threads = 2}};
    const auto text = random_tokens(9, shape.vocab, 4);
    const auto tree = random_tree(24, shape.vocab, 5);
    const auto after = random_tree(6, shape.vocab, 6);
    for (const node_id leaf : {node_id{23}, node_id{12}, node_id{0}}) {
      const auto path = path_to(tree, leaf);
      auto s = b.open();
      b.prefill(s, text);
      b.forward(s, tree.view());
      b.commit(s, path);
      CHECK(s.kept() == text.size() + path.size());
      const auto rows = copies(b.forward(s, after.view()));

      auto fresh = b.open();
      auto all = text;
      for (const token t : tokens_on(tree, path)) all.push_back(t);
      b.prefill(fresh, all);
      REQUIRE(same_bits(rows, copies(b.forward(fresh, after.view()))));
    }
  }
}

TEST_CASE("cpu: B3: a rolled-back tree leaves no trace", "[cpu]") {
  for (const auto& shape : all_shapes()) {
    INFO(name_of(shape));
    tiny_model m{shape};
    cpu::backend b{m.file(), {.threads = 1}};
    const auto text = random_tokens(9, shape.vocab, 7);
    const auto after = random_tree(6, shape.vocab, 8);
    auto s = b.open();
    b.prefill(s, text);
    const auto expected = copies(b.forward(s, after.view()));
    b.commit(s, {});
    b.forward(s, random_tree(30, shape.vocab, 9).view());
    b.commit(s, {});
    REQUIRE(same_bits(copies(b.forward(s, after.view())), expected));
  }
}

TEST_CASE("cpu: B3: rewinding equals a fresh sequence with the first tokens", "[cpu]") {
  tiny_model m{shape_of("gemma3", tensor_type::q8_0)};
  cpu::backend b{m.file(), {.threads = 2}};
  const auto text = random_tokens(40, b.vocab_size(), 10);
  const auto after = random_tree(6, b.vocab_size(), 11);
  for (const std::size_t n : {0u, 1u, 17u, 39u, 40u}) {
    auto s = b.open();
    b.prefill(s, text);
    b.forward(s, random_tree(5, b.vocab_size(), 12).view());
    b.rewind(s, n);
    CHECK(s.kept() == n);
    CHECK(b.room(s) == b.context() - n);
    auto fresh = b.open();
    b.prefill(fresh, std::span(text).first(n));
    CHECK(same_bits(copies(b.forward(s, after.view())), copies(b.forward(fresh, after.view()))));
  }
}

TEST_CASE("cpu: B4: prefill in pieces of any size gives the bits of decoding one by one", "[cpu]") {
  for (const auto& shape : all_shapes()) {
    INFO(name_of(shape));
    tiny_model m{shape};
    cpu::backend b{m.file(), {.threads = 2}};
    const auto text = random_tokens(140, shape.vocab, 13);
    const auto last = random_tokens(3, shape.vocab, 14);
    const auto expected = one_by_one(b, text, last);
    for (const std::size_t piece : {7u, 63u, 64u, 65u, 140u}) {
      auto s = b.open();
      for (std::size_t at = 0; at < text.size(); at += piece)
        b.prefill(s, std::span(text).subspan(at, std::min(piece, text.size() - at)));
      REQUIRE(same_bits(copies(b.forward(s, chain_of(last, shape.vocab).view())), expected));
    }
  }
}

TEST_CASE("cpu: B4: threads and instruction sets change no bit", "[cpu]") {
  for (const auto& shape : all_shapes()) {
    INFO(name_of(shape));
    tiny_model m{shape};
    const auto file = m.file();
    const auto text = random_tokens(30, shape.vocab, 15);
    const auto tree = random_tree(19, shape.vocab, 16);
    std::vector<row> expected;
    for (const cpu::options& with : {cpu::options{.threads = 1, .kernels = cpu::isa::scalar},
                                     cpu::options{.threads = 1}, cpu::options{.threads = 2}, cpu::options{.threads = 3},
                                     cpu::options{.threads = 2, .kernels = cpu::isa::avx2}}) {
      std::vector<row> rows;
      try {
        cpu::backend b{file, with};
        auto s = b.open();
        b.prefill(s, text);
        rows = copies(b.forward(s, tree.view()));
      } catch (const error& e) {
        WARN(e.what());  // a machine without AVX2
        continue;
      }
      if (expected.empty()) expected = rows;
      REQUIRE(same_bits(rows, expected));
    }
  }
}

TEST_CASE("cpu: a sliding window hides what lies before it, and only in sliding layers", "[cpu]") {
  tiny_shape shape = shape_of("gemma3", tensor_type::f32);
  const auto text = random_tokens(12, shape.vocab, 17);
  auto other = text;
  other[0] = (text[0] + 1) % static_cast<token>(shape.vocab);
  const std::vector<token> last{3};
  const auto row_after = [&](const tiny_shape& s, std::span<const token> before) {
    tiny_model m{s};
    cpu::backend b{m.file(), {.threads = 1}};
    return one_by_one(b, before, last)[0];
  };
  // Two sliding layers of 5 see 9 tokens back: token 0 is 12 back.
  shape.layers = 2;
  CHECK(row_after(shape, text) == row_after(shape, other));
  shape.layers = 3;  // the third is global
  CHECK(row_after(shape, text) != row_after(shape, other));
}

TEST_CASE("cpu: a fork goes its own way from the same text", "[cpu]") {
  tiny_model m{shape_of("qwen2", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 2}};
  const auto text = random_tokens(20, b.vocab_size(), 18);
  const auto one = random_tokens(4, b.vocab_size(), 19);
  const auto two = random_tokens(4, b.vocab_size(), 20);
  auto s = b.open();
  b.prefill(s, text);
  auto copy_of_s = b.fork(s);
  b.prefill(s, one);
  b.prefill(copy_of_s, two);
  const auto after = random_tree(5, b.vocab_size(), 21);
  const auto expected = [&](std::span<const token> more) {
    auto fresh = b.open();
    b.prefill(fresh, text);
    b.prefill(fresh, more);
    return copies(b.forward(fresh, after.view()));
  };
  CHECK(same_bits(copies(b.forward(s, after.view())), expected(one)));
  CHECK(same_bits(copies(b.forward(copy_of_s, after.view())), expected(two)));
}

TEST_CASE("cpu: rows live until the next pass of the same sequence, whatever others do", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 2}};
  auto s = b.open();
  auto other = b.open();
  const auto tree = random_tree(8, b.vocab_size(), 22);
  const auto rows = b.forward(s, tree.view());
  const auto before = copies(rows);
  b.prefill(other, random_tokens(100, b.vocab_size(), 23));
  b.forward(other, random_tree(30, b.vocab_size(), 24).view());
  b.commit(s, path_to(tree, 7));
  CHECK(same_bits(copies(rows), before));
}

TEST_CASE("cpu: empty passes do nothing", "[cpu]") {
  tiny_model m{shape_of("llama", tensor_type::q4_1)};
  cpu::backend b{m.file(), {.threads = 1}};
  auto s = b.open();
  b.prefill(s, {});
  const auto tree = random_tree(4, b.vocab_size(), 25);
  b.forward(s, tree.view());
  CHECK(b.forward(s, tree.view(4)).size() == 0);
  CHECK(s.pending() == 4);
  b.commit(s, {});
  CHECK(b.room(s) == 256);
}
