// Drafts of another vocabulary: the tree by hand, the laws of drafters, and the text of plain decoding.
#include <hunch/testing/drafter_laws.hpp>
#include <hunch/testing/toy_backend.hpp>

#include "machine/toy_host.hpp"
#include "support/catch.hpp"
#include "translate/vocabularies.hpp"

using namespace hunch;
using namespace hunch::test;
using namespace hunch::testing;

namespace {

using tokens = std::vector<token>;

/// Proposes paths of the draft vocabulary, whatever the text.
struct spoken {
  std::vector<tokens> paths;
  template <class P, class R>
  void propose(const basic_context<R>& ctx, basic_draft_tree<P>& tree) const {
    for (const tokens& path : paths) {
      node_id at = 0;
      for (const token t : path) {
        const node_id known = tree.child_with(at, t);
        if (known == no_node && (tree.size() >= ctx.budget || tree.depth(at) >= ctx.max_depth)) return;
        at = known == no_node ? tree.add(at, t) : known;
      }
    }
  }
};

/// "ab(b a)": the tree in the target's words, children in brackets.
std::string shown(const draft_tree& tree, node_id n = 0) {
  std::string out;
  for (node_id c = tree.first_child(n); c != no_node; c = tree.next_sibling(c)) {
    if (!out.empty()) out += '|';
    out += std::string{target_words.name(tree[c])};
    if (tree.first_child(c) != no_node) out += "(" + shown(tree, c) + ")";
  }
  return out;
}
std::string proposed(std::vector<tokens> paths, std::size_t budget = 16, std::uint32_t depth = 8) {
  auto drafter = translated(spoken{std::move(paths)}, draft_words, target_words);
  const tokens text{0};
  draft_tree tree{target_words.size()};
  tree.reset(0);
  drafter.propose(decode_context{.text = text, .budget = budget, .max_depth = depth}, tree);
  return shown(tree);
}

/// Both models know the same language, by the last letter of the text: a token is as likely as its letters.
toy_law<float> spelling(const toy_vocabulary& words) {
  return [&words](std::span<const token> context, std::span<float> row) {
    const std::string_view before = words.name(context.back());
    float sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      char last = before.back();
      row[i] = 1;
      for (const char c : words.bytes(static_cast<token>(i))) {
        const bool next = c == (last == 'a' ? 'b' : last == 'b' ? ' ' : 'a');
        row[i] *= next ? 1.6f : 0.3f;
        last = c;
      }
      if (words.bytes(static_cast<token>(i)).empty()) row[i] = 0.05f;
      sum += row[i];
    }
    for (float& x : row) x /= sum;
  };
}
toy_backend toy_target() { return {target_words.size(), spelling(target_words)}; }
toy_backend toy_draft() { return {draft_words.size(), spelling(draft_words)}; }

}  // namespace

// Draft tokens: 0 <e>, 1 ba, 2 space, 3 b, 4 a, 5 " a".
TEST_CASE("translated: a path becomes the target's own tokens of its text", "[translate]") {
  CHECK(proposed({{4, 3}}) == "ab");
  CHECK(proposed({{4, 1, 3}}) == "ab(ab)");   // a ba b
  CHECK(proposed({{1, 5}}) == "b(a( (a)))");  // "ba" and " a"
}
TEST_CASE("translated: paths that begin alike are one tree", "[translate]") {
  CHECK(proposed({{4, 3, 2}, {4, 3, 4}}) == "ab( |a)");
  CHECK(proposed({{4, 3}, {4, 2}}) == "ab|a( )");  // "a" alone is another token than the one in "ab"
}
TEST_CASE("translated: a mark ends a path, by its name", "[translate]") {
  CHECK(proposed({{4, 0, 4}}) == "a(<e>)");
  CHECK(proposed({{0}}) == "<e>");
}
TEST_CASE("translated: budget and depth are the target's", "[translate]") {
  CHECK(proposed({{1, 1, 1}}, 3) == "b(ab)");
  CHECK(proposed({{1, 1, 1}}, 16, 2) == "b(ab)");
  CHECK(proposed({{1}}, 1).empty());
  CHECK(proposed({{1}}, 16, 0).empty());
}

TEST_CASE("translated: bytes that the text already has are not drafted again", "[translate]") {
  const toy_vocabulary halves{{"a", "\xC3", "\xA9"}};
  const toy_vocabulary whole{{"a", "\xC3\xA9", "\xC3", "\xA9"}};
  const auto drafts = [&](tokens path) {
    auto drafter = translated(spoken{{std::move(path)}}, whole, halves);
    const tokens text{0, 1};
    draft_tree tree{3};
    tree.reset(1);
    drafter.propose(decode_context{.text = text, .budget = 8, .max_depth = 8}, tree);
    const auto all = tree.view().tokens;
    return tokens(all.begin() + 1, all.end());
  };
  CHECK(drafts({1, 0}) == tokens{2, 0});
  CHECK(drafts({0}).empty());          // goes on with another character
  CHECK(drafts({1, 2}) == tokens{2});  // what it begins and does not end is not drafted
}

TEST_CASE("translated: with match the text is that of plain decoding", "[translate]") {
  auto target = toy_target();
  auto draft = toy_draft();
  const auto same = [&](auto warp, std::uint64_t seed) {
    auto decoder = speculate(
        target, translated(with_length(model_drafter(draft, greedy{}), fixed_length{4}), draft_words, target_words),
        match(warp), stats{});
    auto plain = speculate(target, no_draft{}, match(warp));
    const request wish{philox{seed}, 60, {}};
    CHECK(emitted_text(decoder, tokens{0, 2, 3}, wish) == emitted_text(plain, tokens{0, 2, 3}, wish));
    return decoder.observer().tau();
  };
  CHECK(same(greedy{}, 0) > 2);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) same(temperature{1.0f}, seed);
}

TEST_CASE("translated: the laws of drafters hold", "[translate][laws]") {
  auto draft = toy_draft();
  const auto by_text = [&] {
    return translated(with_length(model_drafter(draft, temperature{1.0f}), fixed_length{4}), draft_words, target_words);
  };
  CHECK(drafter_laws(by_text, target_words.size()).empty());
  const auto lookup = [&] {
    return translated(with_length(prompt_lookup{2}, fixed_length{4}), draft_words, target_words);
  };
  CHECK(drafter_laws(lookup, target_words.size()).empty());
}
TEST_CASE("shared tokens: the laws of drafters hold", "[translate][laws]") {
  auto draft = toy_draft();
  const shared_tokens shared{draft_words, target_words};
  const auto by_token = [&] {
    return translated_tokens(
        with_length(model_drafter(draft, only_shared{shared} | temperature{1.0f}), fixed_length{4}), draft_words,
        target_words, shared);
  };
  CHECK(drafter_laws(by_token, target_words.size()).empty());
}

TEST_CASE("shared tokens: one of one, by bytes and by mark; of several the one that encode makes", "[translate]") {
  const shared_tokens shared{draft_words, target_words};
  CHECK(tokens(shared.to_target().begin(), shared.to_target().end()) == tokens{4, no_token, 2, 1, 0, no_token});
  CHECK(tokens(shared.alone().begin(), shared.alone().end()) == tokens{1, 5});
  CHECK(shared.count() == 4);
  const toy_vocabulary twice{{"", "a", "a", "<a>"}};  // its encode makes the first "a"
  const toy_vocabulary once{{"<a>", "a", ""}};
  const shared_tokens to{once, twice};
  CHECK(tokens(to.to_target().begin(), to.to_target().end()) == tokens{3, 1, no_token});
  const shared_tokens from{twice, once};
  CHECK(tokens(from.to_target().begin(), from.to_target().end()) == tokens{no_token, 1, no_token, 0});
}

TEST_CASE("translated: a host that runs the draft model's passes gets the same trees", "[translate][machine]") {
  auto draft = toy_draft();
  hosted_model hosted{1, draft_words.size(), 4096};
  toy_host<float> host;
  host.add(1, draft);
  auto asks = translated(with_length(model_drafter(hosted, greedy{}), fixed_length{4}), draft_words, target_words);
  auto runs = translated(with_length(model_drafter(draft, greedy{}), fixed_length{4}), draft_words, target_words);
  tokens text{0, 2, 3};
  for (std::size_t i = 0; i < 40; ++i) {
    const decode_context ctx{.text = text, .budget = 16, .max_depth = 8, .run = 1};
    draft_tree asked{target_words.size()};
    asked.reset(text.back());
    asks.begin(ctx, asked);
    while (const auto wanted = asks.next(ctx, asked)) {
      const auto rows = host.run(*wanted);
      asks.supply(ctx, asked, rows_ref{rows});
    }
    draft_tree own{target_words.size()};
    own.reset(text.back());
    runs.propose(ctx, own);
    CHECK(own.size() > 1);
    CHECK(shown(asked) == shown(own));
    text.push_back(i % 3 == 0 ? 2 : own[1]);
  }
}

TEST_CASE("translated: a machine takes the rows of the draft model, whose vocabulary is its own",
          "[translate][machine]") {
  auto target = toy_target();
  auto draft = toy_draft();
  toy_host<float> host;
  host.add(0, target);
  host.add(1, draft);
  hosted_model hosted{1, draft_words.size(), 4096};
  step_machine machine{
      hosted_model{0, target_words.size(), 4096},
      translated(with_length(model_drafter(hosted, greedy{}), fixed_length{4}), draft_words, target_words),
      match(greedy{}), stats{}};
  auto decoder = speculate(
      target, translated(with_length(model_drafter(draft, greedy{}), fixed_length{4}), draft_words, target_words),
      match(greedy{}), stats{});
  const request wish{philox{1}, 60, {}};
  machine.start(tokens{0, 2, 3}, wish);
  while (machine.status() == status::running) {
    while (const auto wanted = machine.next()) {
      const auto rows = host.run(*wanted);
      machine.supply(rows);
    }
    host.apply(0, machine.result().cache);
  }
  CHECK(tokens(machine.text().begin() + 3, machine.text().end()) == emitted_text(decoder, tokens{0, 2, 3}, wish));
  CHECK(machine.observer().accepted == decoder.observer().accepted);
  CHECK(machine.observer().tau() > 2);
}
