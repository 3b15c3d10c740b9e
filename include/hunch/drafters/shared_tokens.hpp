// Drafting with the tokens that two vocabularies share: keeps the law that drafts were drawn from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <hunch/core/draft_tree.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/law.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/drafters/translated.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch {

/// The tokens of a draft vocabulary that a target has too: the same bytes, or the same mark. One token of the one has
/// one of the other; where several of a vocabulary have the same bytes, it is the one that encode makes of them.
/// Copies share one table.
class shared_tokens {
 public:
  template <Vocabulary Draft, Vocabulary Target>
  shared_tokens(const Draft& draft, const Target& target) {
    auto t = std::make_shared<table>();
    t->to_target.assign(draft.size(), no_token);
    std::unordered_map<std::string, token> texts;
    std::unordered_map<std::string, token> marks;
    each_name(target, [&](token id, std::string_view name, bool mark) { (mark ? marks : texts).emplace(name, id); });
    each_name(draft, [&](token id, std::string_view name, bool mark) {
      const auto& names = mark ? marks : texts;
      if (const auto at = names.find(std::string{name}); at != names.end())
        t->to_target[static_cast<std::size_t>(id)] = at->second;
    });
    for (std::size_t i = 0; i < t->to_target.size(); ++i)
      if (t->to_target[i] == no_token) t->alone.push_back(static_cast<token>(i));
    table_ = std::move(t);
  }

  /// The target's token, or no_token.
  [[nodiscard]] token operator()(token draft) const noexcept {
    const auto i = static_cast<std::size_t>(draft);
    return i < table_->to_target.size() ? table_->to_target[i] : no_token;
  }
  [[nodiscard]] std::span<const token> to_target() const noexcept { return table_->to_target; }  // [draft vocabulary]
  /// Tokens of the draft vocabulary that the target lacks, ascending.
  [[nodiscard]] std::span<const token> alone() const noexcept { return table_->alone; }
  [[nodiscard]] std::size_t count() const noexcept { return table_->to_target.size() - table_->alone.size(); }

 private:
  struct table {
    std::vector<token> to_target;
    std::vector<token> alone;
  };

  /// Calls f(token, name, is a mark) for one token of each name.
  template <class V, class F>
  static void each_name(const V& v, F f) {
    std::vector<token> encoded;
    std::unordered_map<std::string, token> seen;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto t = static_cast<token>(i);
      if (const std::string_view mark = v.mark(t); !mark.empty()) {
        f(t, mark, true);
        continue;
      }
      const std::string_view bytes = v.bytes(t);
      if (!bytes.empty()) seen.emplace(bytes, t);
    }
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto t = static_cast<token>(i);
      const std::string_view bytes = v.mark(t).empty() ? std::string_view{v.bytes(t)} : std::string_view{};
      if (bytes.empty()) continue;
      const auto known = seen.find(std::string{bytes});
      if (known->second == t) continue;
      encoded.clear();
      v.encode(bytes, encoded);
      if (encoded.size() == 1 && encoded[0] == t) known->second = t;
    }
    for (const auto& [bytes, t] : seen) f(t, bytes, false);
  }

  std::shared_ptr<const table> table_;
};

/// A warper of draft models: the law on shared tokens. Stands first, so that filters count shared tokens only.
class only_shared : public warper_base {
 public:
  explicit only_shared(shared_tokens shared) : shared_{std::move(shared)} {}

  template <class P>
  void operator()(std::span<P> row, const prefix_view&) const noexcept {
    const std::size_t known = std::min(row.size(), shared_.to_target().size());
    for (const token t : shared_.alone())
      if (static_cast<std::size_t>(t) < known) row[static_cast<std::size_t>(t)] = -std::numeric_limits<P>::infinity();
    std::ranges::fill(row.subspan(known), -std::numeric_limits<P>::infinity());  // padding
  }

 private:
  shared_tokens shared_;
};

namespace detail {

/// The tree node by node, with the laws of its draws.
class token_writer {
 public:
  explicit token_writer(shared_tokens shared) : shared_{std::move(shared)} {}

  template <class D>
  [[nodiscard]] static constexpr laws laws_from() noexcept {
    static_assert(allowed.contains(laws_of<D>()),
                  "hunch: translated_tokens carries chosen tokens and draws without replacement over; for drafters of "
                  "other laws take translated");
    return laws_of<D>();
  }
  template <class D>
  [[nodiscard]] laws laws_at_run_time(const D& drafter) const {
    return held_laws(drafter);
  }
  template <class D>
  void check(const D& drafter) const {
    if (!allowed.contains(held_laws(drafter)))
      raise("hunch: translated_tokens carries over " + names_of(allowed) + ", not " + names_of(held_laws(drafter)) +
            "; take translated");
  }

  /// Nothing behind bytes that are held back: no token of the draft model stands for a part of itself.
  template <class P, class R>
  void write(const basic_draft_tree<P>& guesses, std::string_view held_back, const basic_context<R>&,
             basic_draft_tree<P>& tree) {
    if (!held_back.empty()) return;
    image_.assign(guesses.size(), no_node);
    image_[0] = 0;
    for (node_id n = 0; n < guesses.size(); ++n) {
      if (n > 0) add(guesses, n, tree);
      if (image_[n] != no_node && !guesses.q(n).empty()) carry_law(guesses, n, tree);
    }
  }

 private:
  static constexpr laws allowed = deterministic | without_replacement;

  template <class P>
  void add(const basic_draft_tree<P>& guesses, node_id n, basic_draft_tree<P>& tree) {
    const node_id parent = image_[guesses.parent(n)];
    const token t = shared_(guesses[n]);
    const bool drawn = !guesses.q(guesses.parent(n)).empty();
    HUNCH_EXPECTS(!drawn || t != no_token,
                  "drafts are drawn from shared tokens: begin the draft's warper by only_shared");
    if (parent == no_node || t == no_token || static_cast<std::size_t>(t) >= tree.vocab()) return;
    if (drawn && tree.q(parent).empty()) return;  // its law could not be carried over
    image_[n] = tree.add(parent, t);
  }
  /// Law of the children of n. A law with mass outside of the shared tokens is none over the target's vocabulary:
  /// whether it has does not depend on what was drawn from it, so to leave out all of its children is exact.
  template <class P>
  void carry_law(const basic_draft_tree<P>& guesses, node_id n, basic_draft_tree<P>& tree) {
    const std::span<const P> from = guesses.q(n);
    const std::span<const token> to = shared_.to_target();
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i] > P{0} && (i >= to.size() || to[i] == no_token || static_cast<std::size_t>(to[i]) >= tree.vocab()))
        return;
    const std::span<P> q = tree.make_q(image_[n]);
    std::ranges::fill(q, P{0});
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i] > P{0}) q[static_cast<std::size_t>(to[i])] = from[i];
  }

  shared_tokens shared_;
  std::vector<node_id> image_;  // [node of the draft] node of the tree
};

}  // namespace detail

/// A drafter of another vocabulary by token-level intersection: its tokens are drawn from `only_shared` and keep their
/// laws, renormalised on the shared tokens. For `rejection`, `block` and `traversal` where drafts are drawn.
///
///   const shared_tokens shared{of_small, of_target};
///   auto drafter = translated_tokens(
///       with_length(model_drafter(small, only_shared{shared} | temperature{0.8f}), fixed_length{4}), of_small,
///       of_target, shared);
///
/// Parameters and text as in `translated`. Cost: that of the drafter, and a row of the target's vocabulary a node.
/// Source: Timor et al. (2025), TLI.
template <class P = float, class D, Vocabulary Draft, Vocabulary Target>
[[nodiscard]] auto translated_tokens(D drafter, const Draft& draft, const Target& target, const shared_tokens& shared,
                                     token first = no_token) {
  return translated_drafter<D, Draft, Target, detail::token_writer, P>{std::move(drafter), draft, target,
                                                                       detail::token_writer{shared}, first};
}

}  // namespace hunch
