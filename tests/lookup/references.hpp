// What drafters that learn from the text must propose, by searching the text from one end to the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <hunch/core.hpp>

namespace hunch::test {

using tokens = std::vector<token>;

/// Where what follows an earlier place of the last n tokens begins.
inline std::optional<std::size_t> place_by_search(std::span<const token> text, std::size_t n, bool latest,
                                                  std::size_t min_guesses) {
  std::optional<std::size_t> found;
  for (std::size_t at = 0; at + n + min_guesses <= text.size(); ++at)
    if (std::ranges::equal(text.subspan(at, n), text.last(n)) && (latest || !found)) found = at + n;
  return found;
}
/// `count` tokens from `place` on; past the end of the text, what was guessed.
inline tokens copy_from(tokens text, std::size_t place, std::size_t count) {
  tokens out;
  for (std::size_t g = 0; g < count; ++g) {
    out.push_back(text[place + g]);
    text.push_back(out.back());
  }
  return out;
}

inline tokens lookup_by_search(const tokens& text, lookup_options o, std::size_t count) {
  for (std::size_t n = o.n; n >= (o.n_min == 0 ? o.n : o.n_min); --n) {
    if (text.size() <= n) continue;
    const auto place = place_by_search(text, n, o.place == lookup_place::latest, o.min_guesses);
    if (place) return copy_from(text, *place, count);
  }
  return {};
}

inline tokens suffix_by_search(const tokens& text, std::size_t min_match, std::size_t count) {
  for (std::size_t n = text.size() - 1; n >= min_match; --n)
    if (const auto place = place_by_search(text, n, false, 1)) return copy_from(text, *place, count);
  return {};
}

inline tokens anpd_by_search(const tokens& text, std::size_t n_max, std::size_t n_min, std::size_t count) {
  tokens context = text;
  tokens out;
  while (out.size() < count) {
    token best = no_token;
    for (std::size_t n = std::min(n_max, context.size()); n >= n_min && best == no_token; --n) {
      std::size_t best_count = 0;
      std::size_t best_at = 0;
      for (std::size_t at = 0; at + n < text.size(); ++at) {
        const auto is = [&](std::size_t i) {
          return std::equal(context.end() - static_cast<std::ptrdiff_t>(n), context.end(),
                            text.begin() + static_cast<std::ptrdiff_t>(i));
        };
        if (!is(at)) continue;
        std::size_t same = 0;
        for (std::size_t i = 0; i + n < text.size(); ++i) same += is(i) && text[i + n] == text[at + n] ? 1u : 0u;
        if (same < best_count || (same == best_count && at < best_at)) continue;
        best = text[at + n];
        best_count = same;
        best_at = at;
      }
    }
    if (best == no_token) break;
    out.push_back(best);
    context.push_back(best);
  }
  return out;
}

/// A chain of `count` tokens at most, as the decoder would ask for it.
template <class D>
tokens drafts_of(D& drafter, const tokens& text, std::uint32_t count, std::uint64_t run = 0,
                 std::size_t vocab = std::size_t{1} << 31) {
  draft_tree tree{vocab};
  tree.reset(text.back());
  drafter.propose(decode_context{.text = text, .budget = count + 1, .max_depth = count, .end_of_text = {}, .run = run},
                  tree);
  tokens out;
  for (node_id n = 1; n < tree.size(); ++n) out.push_back(tree[n]);
  return out;
}

/// Numbers below a bound, the same ones every time.
class dice {
 public:
  std::size_t operator()(std::size_t below) { return philox4x32({rolled_++, 0, 0, 0}, 17)[0] % below; }

 private:
  std::uint32_t rolled_ = 0;
};

/// Drives one drafter through texts that grow, lose their end, are edited and replaced by shorter ones, over few tokens
/// (so that much repeats) and ids of all sizes; each time it must propose what `expected(text, count)` says. `make()`
/// gives a stepwise drafter. Returns what went wrong, in words.
template <class Make, class Expected>
std::vector<std::string> text_violations(Make make, Expected expected) {
  const std::vector<tokens> alphabets{{0, 1}, {1, 2, 3}, {7, 7 + 65536, 7 + 131072, 9}, {2147483647, 5, 2147418111, 1}};
  constexpr std::uint32_t count = 5;
  std::vector<std::string> out;
  auto drafter = with_length(make(), fixed_length{count});
  std::uint64_t run = 1;
  const auto check = [&](const tokens& text, bool known, const char* what) {
    if (drafts_of(drafter, text, count, known ? run : 0) == expected(text, count)) return;
    const bool said = std::find(out.begin(), out.end(), what) != out.end();
    if (!said) out.emplace_back(what);
  };
  dice roll;
  for (const tokens& alphabet : alphabets) {
    for (int text_number = 0; text_number < 4; ++text_number) {
      tokens text{alphabet[roll(alphabet.size())]};
      check(text, ++run, "a new text of one token");
      const bool known = text_number % 2 == 0;
      for (int step = 0; step < 40; ++step) {
        for (std::size_t n = 1 + roll(4); n > 0; --n) text.push_back(alphabet[roll(alphabet.size())]);
        check(text, known, known ? "a text that only grew" : "a text that grew, without being told");
        if (step % 8 != 7) continue;
        ++run;
        text.resize(text.size() - roll(std::min<std::size_t>(text.size() - 1, 12)));
        check(text, known, "a text that lost its end");
        text[roll(text.size())] = alphabet[roll(alphabet.size())];
        check(text, false, "a text that was edited");
        ++run;
      }
    }
  }
  return out;
}

}  // namespace hunch::test
