// Under match, the text is the very text of plain decoding with the same seed.
#include "lossless/fixtures.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::test;

namespace {

constexpr std::size_t length = 60;
const std::vector<token> prompt{1, 5, 2, 1, 5};

struct float_models {
  toy_backend target{12, hashed_law<float>(7, 5.0)};
  toy_backend draft{12, hashed_law<float>(7, 3.0)};  // the same favourites, less sure
  toy_backend stranger{12, hashed_law<float>(8, 5.0)};
};

template <class D, class W>
std::vector<token> text_of(toy_backend& target, D drafter, W warp, std::uint64_t seed) {
  auto decoder = speculate(target, std::move(drafter), match(warp));
  return emitted_text(decoder, prompt, request{philox{seed}, length, {}});
}

/// Every drafter at every length says what plain decoding says.
template <class W>
void check_identical(W warp) {
  float_models m;
  for (const std::uint64_t seed : {1u, 99u}) {
    const auto plain_text = text_of(m.target, no_draft{}, warp, seed);
    REQUIRE(plain_text.size() == length);
    const auto same = [&](auto drafter) { return text_of(m.target, std::move(drafter), warp, seed) == plain_text; };
    for (std::uint32_t n = 1; n <= 8; ++n) {
      INFO("seed " << seed << ", length " << n);
      CHECK(same(with_length(model_drafter(m.draft, warp), fixed_length{n})));
      CHECK(same(with_length(coupled_model_drafter(m.draft, warp), fixed_length{n})));
      CHECK(same(with_length(model_drafter(m.stranger, warp), fixed_length{n})));
      CHECK(same(with_length(model_drafter(m.target, warp), fixed_length{n})));
      CHECK(same(with_length(prompt_lookup(2), fixed_length{n})));
      CHECK(same(first_of(with_length(prompt_lookup(3), fixed_length{n}),
                          with_length(model_drafter(m.draft, warp), fixed_length{n}))));
    }
    CHECK(same(constant_tree(m.draft, plain, {2, 2, 2})));
    CHECK(same(constant_tree(m.draft, plain, {6})));
    CHECK(same(constant_tree(m.draft, plain, {1, 3, 1})));
  }
}

/// A source that shifts: its target draws depend on how many were made before. The bug that ties text to draft length.
class shifting_source {
 public:
  shifting_source() = default;
  explicit shifting_source(std::uint64_t& drawn) : drawn_{&drawn} {}
  [[nodiscard]] shifting_source split(std::uint32_t) const { return *this; }
  [[nodiscard]] bool accept(draw_site at, float p, float q) const { return philox{++*drawn_}.accept(at, p, q); }
  [[nodiscard]] token categorical(draw_site at, purpose why, std::span<const float> w) const {
    return philox{++*drawn_}.categorical(at, why, w);
  }
  void ordered_without_replacement(draw_site at, std::span<const float> q, std::size_t k,
                                   std::vector<candidate>& out) const {
    philox{++*drawn_}.ordered_without_replacement(at, q, k, out);
  }
  [[nodiscard]] token at_position(std::uint64_t, std::span<const float> logits) const {
    return philox{3}.at_position(++*drawn_, logits);
  }

 private:
  std::uint64_t* drawn_ = nullptr;
};

}  // namespace

TEST_CASE("match: greedy text equals plain decoding for every drafter and length", "[match]") {
  check_identical(greedy{});
}

TEST_CASE("match: sampled text equals plain decoding for every drafter and length", "[match]") {
  check_identical(temperature{0.8f});
}

TEST_CASE("match: sampled text through filters equals plain decoding", "[match]") {
  check_identical(temperature{0.8f} | top_k{6} | top_p{0.9f});
}

TEST_CASE("match: text does not depend on the budget of a step", "[match]") {
  float_models m;
  const auto plain_text = text_of(m.target, no_draft{}, temperature{0.8f}, 4);
  auto decoder = speculate(m.target, with_length(model_drafter(m.draft, temperature{0.8f}), fixed_length{6}),
                           match(temperature{0.8f}));
  decoder.start(prompt, request{philox{4}, length, {}});
  for (std::size_t budget = 0; decoder.status() == status::running; ++budget) decoder.step(budget % 8);
  const auto emitted = decoder.text().subspan(prompt.size());
  CHECK(std::equal(plain_text.begin(), plain_text.end(), emitted.begin(), emitted.end()));
}

TEST_CASE("seeds: one seed gives one text, another seed another", "[match]") {
  float_models m;
  const auto once = text_of(m.target, no_draft{}, temperature{0.8f}, 4);
  CHECK(once == text_of(m.target, no_draft{}, temperature{0.8f}, 4));
  CHECK(once != text_of(m.target, no_draft{}, temperature{0.8f}, 5));
}

TEST_CASE("seeds: a text decoded beside others is the text decoded alone", "[match]") {
  float_models m;
  const auto make = [&] {
    return speculate(m.target, with_length(model_drafter(m.draft, plain), fixed_length{3}), rejection(plain));
  };
  std::vector<std::vector<token>> alone;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    auto decoder = make();
    alone.push_back(emitted_text(decoder, prompt, request{philox{seed}, 20, {}}));
  }
  auto a = make();
  auto b = make();
  auto c = make();
  using decoder_type = decltype(a);
  decoder_type* all[] = {&a, &b, &c};
  for (std::uint64_t i = 0; i < 3; ++i) all[i]->start(prompt, request{philox{i + 1}, 20, {}});
  using sequence = toy_backend::sequence;
  for (bool any = true; any;) {
    std::vector<batch_entry<sequence>> work;
    std::vector<decoder_type*> taking_part;
    for (decoder_type* d : all)
      if (d->begin_step()) {
        work.push_back(d->work());
        taking_part.push_back(d);
      }
    any = !work.empty();
    if (!any) break;
    const auto rows = m.target.forward(std::span<const batch_entry<sequence>>{work});
    std::size_t first = 0;
    for (std::size_t i = 0; i < work.size(); ++i) {
      taking_part[i]->end_step(rows.slice(first, work[i].tree.size()));
      first += work[i].tree.size();
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto text = all[i]->text().subspan(prompt.size());
    CHECK(std::equal(text.begin(), text.end(), alone[i].begin(), alone[i].end()));
  }
}

TEST_CASE("mutant: draws that shift with what was drawn before change the text with the draft length", "[mutants]") {
  float_models m;
  std::vector<std::vector<token>> texts;
  for (const std::uint32_t n : {1u, 4u}) {
    std::uint64_t drawn = 0;
    auto decoder =
        speculate<shifting_source>(m.target, with_length(model_drafter(m.draft, plain), fixed_length{n}), match(plain));
    texts.push_back(emitted_text(decoder, prompt, basic_request<shifting_source>{shifting_source{drawn}, length, {}}));
  }
  CHECK(texts[0] != texts[1]);
}

TEST_CASE("coupled drafts: a draft model equal to the target is always accepted, own noise is not", "[match]") {
  float_models m;
  const auto passes = [&](auto drafter) {
    auto decoder = speculate(m.target, std::move(drafter), match(plain), stats{});
    (void)emitted_text(decoder, prompt, request{philox{3}, length, {}});
    return decoder.observer().steps;
  };
  CHECK(passes(with_length(coupled_model_drafter(m.target, plain), fixed_length{4})) == length / 5);
  CHECK(passes(with_length(model_drafter(m.target, plain), fixed_length{4})) > length / 4);
}
