#include "automaton.hpp"

#include <algorithm>
#include <array>
#include <hunch/core/error.hpp>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace hunch::constraints::detail {
namespace {

struct byte_range {
  std::uint8_t first, last;
};
/// Byte ranges that, one after another, spell a run of characters.
struct spelling {
  std::array<byte_range, 4> bytes;
  std::size_t size;
};

std::size_t encode(char32_t c, std::array<std::uint8_t, 4>& out) {
  const auto tail = [&](int shift) { return static_cast<std::uint8_t>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return out = {static_cast<std::uint8_t>(c)}, 1;
  if (c < 0x800) return out = {static_cast<std::uint8_t>(0xC0 | c >> 6), tail(0)}, 2;
  if (c < 0x10000) return out = {static_cast<std::uint8_t>(0xE0 | c >> 12), tail(6), tail(0)}, 3;
  return out = {static_cast<std::uint8_t>(0xF0 | c >> 18), tail(12), tail(6), tail(0)}, 4;
}

/// Splits characters [first, last] into runs whose UTF-8 bytes range independently of each other.
template <class F>
void spell(char32_t first, char32_t last, F f) {
  for (const char32_t border : {0x7Fu, 0x7FFu, 0xFFFFu})
    if (first <= border && last > border) {
      spell(first, border, f);
      return spell(border + 1, last, f);
    }
  for (int digits = 1; digits < (first < 0x80 ? 1 : first < 0x800 ? 2 : first < 0x10000 ? 3 : 4); ++digits) {
    const char32_t low = (char32_t{1} << (6 * digits)) - 1;
    if ((first & ~low) == (last & ~low)) break;
    if ((first & low) != 0) {
      spell(first, first | low, f);
      return spell((first | low) + 1, last, f);
    }
    if ((last & low) != low) {
      spell(first, (last & ~low) - 1, f);
      return spell(last & ~low, last, f);
    }
  }
  std::array<std::uint8_t, 4> from{};
  std::array<std::uint8_t, 4> to{};
  spelling out{{}, encode(first, from)};
  (void)encode(last, to);
  for (std::size_t i = 0; i < out.size; ++i) out.bytes[i] = {from[i], to[i]};
  f(out);
}

class builder {
 public:
  explicit builder(std::size_t most) : most_{most} { add({}); }

  /// The node from which `e` and then `next` is read.
  std::uint32_t lead(const expression& e, std::uint32_t next) {
    switch (e.what) {
      case expression::kind::nothing:
        return next;
      case expression::kind::set:
        return set(e.set, next);
      case expression::kind::sequence:
        for (auto part = e.parts.rbegin(); part != e.parts.rend(); ++part) next = lead(*part, next);
        return next;
      case expression::kind::choice: {
        std::uint32_t either = lead(e.parts.back(), next);
        for (auto part = e.parts.rbegin() + 1; part != e.parts.rend(); ++part)
          either = add({0, 0, lead(*part, next), either});
        return either;
      }
      case expression::kind::repeat:
        return repeat(e, next);
    }
    return next;
  }

  automaton out;

 private:
  std::uint32_t add(automaton::node n) {
    if (out.nodes.size() >= most_)
      throw error("regex: the pattern needs an automaton of more than " + std::to_string(most_) +
                  " states; write shorter repeats, or raise regex_limits::states");
    out.nodes.push_back(n);
    return static_cast<std::uint32_t>(out.nodes.size() - 1);
  }
  std::uint32_t repeat(const expression& e, std::uint32_t next) {
    const expression& part = e.parts.front();
    std::uint32_t entry = next;
    if (e.most == expression::unbounded) {
      entry = add({0, 0, automaton::none, next});
      const std::uint32_t body = lead(part, entry);  // may grow the nodes
      out.nodes[entry].free = body;
    } else {
      for (unsigned i = e.least; i < e.most; ++i) entry = add({0, 0, lead(part, entry), next});
    }
    for (unsigned i = 0; i < e.least; ++i) entry = lead(part, entry);
    return entry;
  }
  /// Characters of a set; ends that are spelled alike are shared.
  std::uint32_t set(const std::vector<code_range>& characters, std::uint32_t next) {
    std::map<std::tuple<std::uint8_t, std::uint8_t, std::uint32_t>, std::uint32_t> ends;
    std::vector<automaton::edge> first;
    for (const code_range& r : characters)
      spell(r.first, r.last, [&](const spelling& s) {
        std::uint32_t to = next;
        for (std::size_t i = s.size; i-- > 1;) {
          const auto [known, is_new] = ends.try_emplace({s.bytes[i].first, s.bytes[i].last, to}, 0);
          if (is_new) known->second = reader({{s.bytes[i].first, s.bytes[i].last, to}});
          to = known->second;
        }
        first.push_back({s.bytes[0].first, s.bytes[0].last, to});
      });
    return reader(first);
  }
  std::uint32_t reader(const std::vector<automaton::edge>& edges) {
    const auto begin = static_cast<std::uint32_t>(out.edges.size());
    out.edges.insert(out.edges.end(), edges.begin(), edges.end());
    return add({begin, static_cast<std::uint32_t>(out.edges.size()), automaton::none, automaton::none});
  }

  std::size_t most_;
};

}  // namespace

automaton build(const expression& e, std::size_t most_nodes) {
  builder b{std::max<std::size_t>(most_nodes, 1)};
  b.out.start = b.lead(e, 0);
  return std::move(b.out);
}

std::vector<bool> automaton::live(const std::bitset<256>& usable) const {
  std::vector<std::vector<std::uint32_t>> before(nodes.size());
  for (std::uint32_t n = 0; n < nodes.size(); ++n) {
    for (const std::uint32_t f : {nodes[n].free, nodes[n].other_free})
      if (f != none) before[f].push_back(n);
    for (std::uint32_t e = nodes[n].edges; e < nodes[n].edges_end; ++e)
      for (unsigned b = edges[e].first; b <= edges[e].last; ++b)
        if (usable[b]) {
          before[edges[e].to].push_back(n);
          break;
        }
  }
  std::vector<bool> out(nodes.size(), false);
  std::vector<std::uint32_t> todo{0};
  out[0] = true;
  while (!todo.empty()) {
    const std::uint32_t n = todo.back();
    todo.pop_back();
    for (const std::uint32_t b : before[n])
      if (!out[b]) {
        out[b] = true;
        todo.push_back(b);
      }
  }
  return out;
}

}  // namespace hunch::constraints::detail
