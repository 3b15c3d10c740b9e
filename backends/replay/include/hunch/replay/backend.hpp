// A backend that plays recorded rows back: policies are compared without a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/replay/trace.hpp>

namespace hunch::replay {

/// Which rows a replay_backend gives where the recorded verdicts say how the text went on.
///  - `recorded`  what the trace kept of the row
///  - `decided`   the decided token alone: the text is the recorded one under any warper and any seed. For warpers
///                whose cut depends on the whole row (top_p, top_k above the trace's `top`); one text a backend.
enum class rows_given { recorded, decided };

/// Every recorded context (the text up to a node) gives its recorded row; tokens that the trace did not keep are -inf.
/// Any other context gives a flat row and is counted.
///
/// Under `match` with the recorded seed and warper the replayed text is the recorded text whatever drafts, so a
/// policy's accepted drafts are those that it would have had. Other verifiers leave the recorded text; see
/// docs/traces.md. One thread at a time. Shapes: rows [fresh, vocab], owned by the sequence. Memory: the trace's.
class replay_backend {
 public:
  class sequence {
    friend replay_backend;
    std::vector<std::uint32_t> kept_;     // [token] node of the trie that the text up to there leads to
    std::vector<std::uint32_t> pending_;  // [node]
    std::vector<float> rows_;             // [fresh, vocab] of the last pass
  };

  /// All texts must have one vocabulary. `capacity`: tokens that a sequence holds.
  explicit replay_backend(std::span<const recorded_text> texts, rows_given given = rows_given::recorded,
                          std::size_t capacity = std::size_t{1} << 20);

  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_; }
  [[nodiscard]] sequence open() const { return {}; }
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept {
    return capacity_ - s.kept_.size() - s.pending_.size();
  }
  void prefill(sequence& s, std::span<const token> tokens) const;
  matrix_view forward(sequence& s, tree_view tree);
  void commit(sequence& s, std::span<const node_id> path) const;
  void rewind(sequence& s, std::size_t n) const;

  /// Rows given, and those among them whose context was not recorded.
  [[nodiscard]] std::size_t given() const noexcept { return given_; }
  [[nodiscard]] std::size_t unknown() const noexcept { return unknown_; }

 private:
  struct place {  // a context
    token last;
    std::uint32_t first_child;
    std::uint32_t next_sibling;
    std::uint32_t row;  // in rows_
  };

  void add(const recorded_text& text, rows_given given);
  void add_row(std::uint32_t at, const recorded_row& row);
  [[nodiscard]] std::uint32_t child_of(std::uint32_t at, token t) const noexcept;
  [[nodiscard]] std::uint32_t make_child(std::uint32_t at, token t);
  [[nodiscard]] std::uint32_t end_of(const sequence& s) const noexcept;
  void write(std::uint32_t at, std::span<float> out);

  std::size_t vocab_;
  std::size_t capacity_;
  std::vector<place> trie_;  // [0]: the empty text
  std::vector<recorded_row> rows_;
  std::size_t given_ = 0;
  std::size_t unknown_ = 0;
};

static_assert(Rewindable<replay_backend>);

}  // namespace hunch::replay
