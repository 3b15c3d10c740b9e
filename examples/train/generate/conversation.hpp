// One conversation as it grows: what the model invents, and what the chat template puts in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <hunch/core/random.hpp>
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "openings.hpp"
#include "records.hpp"

namespace hunch::train {

struct writing_options {
  std::vector<float> temperatures{0.0f, 0.7f, 1.0f};  // of answers; drawn for each
  float user_temperature = 1.0f;
  std::uint32_t keep = 64;          // most likely tokens that are drawn from
  std::uint32_t top = 16;           // candidates that are noted for each position
  std::size_t user_tokens = 160;    // longest turn that the model invents
  std::size_t answer_tokens = 320;  // longest answer
  std::size_t length = 768;         // no turn begins that could go beyond
  double again = 0.3;               // how often another turn of the user follows an answer
  bool raw = false;                 // no chat: the opening is the start of a text
};

/// What the template puts around turns, as tokens.
class turn_marks {
 public:
  /// Without `chat`: nothing around anything.
  turn_marks(const gguf::tokenizer& words, const std::optional<gguf::chat_format>& chat);
  std::vector<token> head;            // before the first turn of the user
  std::vector<token> user_to_answer;  // after it
  std::vector<token> answer_to_user;
};

/// Grows one token a pass. `feed` are the tokens of the next pass, a chain; `take` gets its rows.
class conversation {
 public:
  conversation(const gguf::tokenizer& words, const turn_marks& marks, const openings& list, const writing_options& with,
               philox random, std::uint64_t number);

  [[nodiscard]] const std::vector<token>& feed() const noexcept { return feed_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] const document& result() const noexcept { return document_; }

  /// Notes the law of each fed token's successor and draws the next token from the last one.
  /// `row(i)`: logits [vocab] of fed token i.
  template <class Row>
  void take(Row row) {
    for (std::size_t i = 0; i < feed_.size(); ++i) note(feed_[i], row(i));
    go_on();
  }

 private:
  void note(token fed, std::span<const float> row);
  void go_on();
  void begin_turn(bool first);
  void end_turn();
  [[nodiscard]] token draw(float temperature);
  [[nodiscard]] bool loops() const noexcept;
  [[nodiscard]] double uniform();

  const gguf::tokenizer& words_;
  const turn_marks& marks_;
  const openings& list_;
  const writing_options& with_;
  philox random_;
  document document_;
  std::vector<token> feed_;
  std::vector<float> law_;                           // scratch [vocab]
  std::vector<std::pair<float, token>> candidates_;  // of the last row, likeliest first: probability, token
  bool user_ = false, ended_ = false;
  float temperature_ = 1;
  std::size_t turn_tokens_ = 0, turns_ = 0;
  node_id drawn_ = 1000;  // above what an opening draws
};

}  // namespace hunch::train
