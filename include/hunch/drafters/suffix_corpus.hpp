// A suffix automaton of a fixed corpus: built once, saved as a file, read in place (memory-mapped).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/error.hpp>
#include <hunch/core/types.hpp>
#include <hunch/drafters/suffix_index.hpp>

namespace hunch {

namespace detail {

// Little-endian whatever the host, at any alignment; compilers make one load or store of it.
[[nodiscard]] inline std::uint32_t load_u32(const std::byte* p) noexcept {
  return std::to_integer<std::uint32_t>(p[0]) | std::to_integer<std::uint32_t>(p[1]) << 8 |
         std::to_integer<std::uint32_t>(p[2]) << 16 | std::to_integer<std::uint32_t>(p[3]) << 24;
}
inline void store_u32(std::byte* p, std::uint32_t x) noexcept {
  for (unsigned i = 0; i < 4; ++i) p[i] = static_cast<std::byte>(x >> (8 * i));
}

}  // namespace detail

/// Read-only view of a corpus and its suffix automaton: follows any text through it and says what came next in the
/// corpus. Non-owning: the bytes (a mapping, a vector) must outlive it; copying it is cheap.
///
/// File, all words little-endian, 32 bits: magic "hunchsam", version, number of tokens T, of states S, of edges E, two
/// words of checksum over all that follows; then T tokens; S + 1 states {length, link, end, first edge}, the last one
/// only for its first edge, which is E; E edges {token, state}, state after state, in rising order of tokens.
/// A token of -1 ends a document: no match and no draft goes past it.
class suffix_corpus {
 public:
  static constexpr std::uint32_t version = 1;
  static constexpr std::uint32_t root = 0;

  /// Where a text stands in the corpus.
  struct match {
    std::uint32_t state = root;
    std::uint32_t length = 0;  ///< tokens at the end of the text that stand in the corpus too
  };

  /// Checks the bytes: nothing in them can make a later call read past them. Throws hunch::error naming what is wrong.
  /// Cost: one pass over the bytes.
  explicit suffix_corpus(std::span<const std::byte> bytes);

  /// Takes in one more token of a text. Cost: O(log vocabulary) amortised.
  void advance(match& at, token t) const noexcept {
    for (std::optional<std::uint32_t> to;;) {
      if ((to = next(at.state, t))) {
        at = {*to, at.length + 1};
        return;
      }
      if (at.state == root) {
        at = {};
        return;
      }
      at.state = link(at.state);
      at.length = state_word(at.state, 0);
    }
  }
  /// The token of number `g` that followed the first place of a match; no_token where its document ends.
  [[nodiscard]] token following(const match& at, std::size_t g) const noexcept {
    const std::size_t i = std::size_t{state_word(at.state, 2)} + 1 + g;
    if (at.length == 0 || i >= tokens_) return no_token;
    return static_cast<token>(detail::load_u32(text_ + 4 * i));
  }
  /// Tokens of the corpus, the ends of documents included.
  [[nodiscard]] std::size_t size() const noexcept { return tokens_; }

 private:
  static constexpr std::size_t header_bytes = 8 + 6 * 4;
  friend std::vector<std::byte> build_suffix_corpus(std::span<const token> corpus);

  [[nodiscard]] std::uint32_t state_word(std::uint32_t s, std::size_t word) const noexcept {
    return detail::load_u32(states_ + 16 * std::size_t{s} + 4 * word);
  }
  [[nodiscard]] std::uint32_t link(std::uint32_t s) const noexcept { return state_word(s, 1); }
  [[nodiscard]] token edge_token(std::size_t e) const noexcept {
    return static_cast<token>(detail::load_u32(edges_ + 8 * e));
  }
  [[nodiscard]] std::optional<std::uint32_t> next(std::uint32_t s, token t) const noexcept {
    std::size_t low = state_word(s, 3);
    std::size_t high = state_word(s + 1, 3);
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (edge_token(middle) < t)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == state_word(s + 1, 3) || edge_token(low) != t) return std::nullopt;
    return detail::load_u32(edges_ + 8 * low + 4);
  }
  [[nodiscard]] static std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
    std::uint64_t sum = 0xCBF29CE484222325ull;  // FNV-1a by words
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4)
      sum = (sum ^ detail::load_u32(bytes.data() + i)) * 0x00000100000001B3ull;
    return sum;
  }
  void check_structure() const;
  [[noreturn]] static void fail(const std::string& what) {
    raise("hunch: suffix_corpus: " + what + "; build the file again with build_suffix_corpus");
  }

  const std::byte* text_ = nullptr;    // [tokens]
  const std::byte* states_ = nullptr;  // [states + 1, 4]
  const std::byte* edges_ = nullptr;   // [edges, 2]
  std::size_t tokens_ = 0;
  std::size_t state_count_ = 0;
  std::size_t edge_count_ = 0;
};

inline suffix_corpus::suffix_corpus(std::span<const std::byte> bytes) {
  static constexpr char magic[] = "hunchsam";
  if (bytes.size() < header_bytes)
    fail("the file ends inside its header, after " + std::to_string(bytes.size()) + " of " +
         std::to_string(header_bytes) + " bytes");
  for (std::size_t i = 0; i < 8; ++i)
    if (bytes[i] != static_cast<std::byte>(magic[i])) fail("the file does not begin with \"hunchsam\"");
  const auto word = [&](std::size_t i) { return detail::load_u32(bytes.data() + 8 + 4 * i); };
  if (word(0) != version)
    fail("the file has version " + std::to_string(word(0)) + ", this library reads version " + std::to_string(version));
  tokens_ = word(1);
  state_count_ = word(2);
  edge_count_ = word(3);
  // Below 2^32 each, so that the sum fits 64 bits.
  const std::uint64_t size = header_bytes + 4 * std::uint64_t{tokens_} + 16 * (std::uint64_t{state_count_} + 1) +
                             8 * std::uint64_t{edge_count_};
  if (size != bytes.size())
    fail("the header announces " + std::to_string(size) + " bytes, the file has " + std::to_string(bytes.size()));
  const std::uint64_t sum = checksum(bytes.subspan(header_bytes));
  if (sum != (std::uint64_t{word(5)} << 32 | word(4))) fail("the checksum does not agree with the content");
  text_ = bytes.data() + header_bytes;
  states_ = text_ + 4 * tokens_;
  edges_ = states_ + 16 * (state_count_ + 1);
  check_structure();
}

/// A checksum guards against damage, not against malice: what later calls rely on is looked at too.
inline void suffix_corpus::check_structure() const {
  if (state_count_ == 0) fail("there is no root state");
  if (state_word(root, 0) != 0 || state_word(root, 3) != 0) fail("the root state is not the empty string");
  for (std::size_t s = 0; s < state_count_; ++s) {
    const auto at = static_cast<std::uint32_t>(s);
    const auto bad = [&](const char* what) { fail("state " + std::to_string(s) + " " + what); };
    if (state_word(at + 1, 3) < state_word(at, 3)) bad("has its edges out of order");
    if (at == root) continue;
    if (link(at) >= state_count_) bad("links to a state that does not exist");
    if (state_word(link(at), 0) >= state_word(at, 0)) bad("links to a state that is not shorter");
    if (state_word(at, 2) >= tokens_) bad("ends behind the corpus");
  }
  if (state_word(static_cast<std::uint32_t>(state_count_), 3) != edge_count_) fail("the edges do not add up");
  for (std::size_t e = 0; e < edge_count_; ++e)
    if (detail::load_u32(edges_ + 8 * e + 4) >= state_count_)
      fail("edge " + std::to_string(e) + " leads to a state that does not exist");
}

/// The file of a corpus, ready to be written: documents of token ids, a -1 between two documents.
///
/// About 45 bytes a token; while building about 60 more. Cost: O(tokens). Throws on other negative ids and on more
/// than 2^30 tokens.
[[nodiscard]] inline std::vector<std::byte> build_suffix_corpus(std::span<const token> corpus) {
  if (corpus.size() > (std::size_t{1} << 30))
    raise("hunch: build_suffix_corpus takes up to 2^30 tokens, not " + std::to_string(corpus.size()));
  for (std::size_t i = 0; i < corpus.size(); ++i)
    if (corpus[i] < no_token)
      raise("hunch: build_suffix_corpus: token " + std::to_string(i) + " is " + std::to_string(corpus[i]) +
            "; ids are not negative, and -1 ends a document");
  suffix_index index;
  while (index.size() < corpus.size()) index.extend(corpus);

  std::vector<std::byte> out(suffix_corpus::header_bytes);
  const auto put = [&out](std::uint32_t x) {
    out.resize(out.size() + 4);
    detail::store_u32(out.data() + out.size() - 4, x);
  };
  for (const token t : corpus) put(static_cast<std::uint32_t>(t));
  const auto states = index.states();
  std::vector<std::pair<token, std::uint32_t>> all;
  std::vector<std::pair<token, std::uint32_t>> some;
  for (std::uint32_t s = 0; s < states.size(); ++s) {
    put(states[s].length);
    put(s == suffix_index::root ? 0 : states[s].link);
    put(s == suffix_index::root ? 0 : states[s].end);
    put(static_cast<std::uint32_t>(all.size()));
    some.clear();
    index.for_each_next(corpus, s, [&](token t, std::uint32_t to) { some.emplace_back(t, to); });
    std::sort(some.begin(), some.end());
    all.insert(all.end(), some.begin(), some.end());
  }
  for (int i = 0; i < 3; ++i) put(0);
  put(static_cast<std::uint32_t>(all.size()));
  for (const auto& [t, to] : all) {
    put(static_cast<std::uint32_t>(t));
    put(to);
  }
  const std::uint64_t sum =
      suffix_corpus::checksum(std::span<const std::byte>{out}.subspan(suffix_corpus::header_bytes));
  const std::uint32_t header[] = {suffix_corpus::version,
                                  static_cast<std::uint32_t>(corpus.size()),
                                  static_cast<std::uint32_t>(states.size()),
                                  static_cast<std::uint32_t>(all.size()),
                                  static_cast<std::uint32_t>(sum),
                                  static_cast<std::uint32_t>(sum >> 32)};
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>("hunchsam"[i]);
  for (std::size_t i = 0; i < 6; ++i) detail::store_u32(out.data() + 8 + 4 * i, header[i]);
  return out;
}

}  // namespace hunch
