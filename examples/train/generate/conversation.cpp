#include "conversation.hpp"

#include <algorithm>
#include <cmath>

#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>

namespace hunch::train {

turn_marks::turn_marks(const gguf::tokenizer& words, const std::optional<gguf::chat_format>& chat) {
  const gguf::encode_options first{.add_special = true, .parse_special = true};
  const gguf::encode_options later{.add_special = false, .parse_special = true};
  if (!chat) {
    head = words.encode("", first);
    return;
  }
  // Contents that no template has, to find where they went.
  const std::string user = "[user]", answer = "[answer]";
  const gguf::chat_message turns[] = {{"user", user}, {"assistant", answer}, {"user", user}};
  const std::string all = chat->render(turns, true);
  const auto at_user = all.find(user), at_answer = all.find(answer), at_next = all.rfind(user);
  head = words.encode(all.substr(0, at_user), first);
  user_to_answer = words.encode(all.substr(at_user + user.size(), at_answer - at_user - user.size()), later);
  answer_to_user = words.encode(all.substr(at_answer + answer.size(), at_next - at_answer - answer.size()), later);
}

conversation::conversation(const gguf::tokenizer& words, const turn_marks& marks, const openings& list,
                           const writing_options& with, philox random, std::uint64_t number)
    : words_{words}, marks_{marks}, list_{list}, with_{with}, random_{random} {
  document_.number = number;
  feed_ = marks.head;
  begin_turn(true);
}

double conversation::uniform() { return random_.uniform({document_.number, drawn_++}, purpose::user); }

void conversation::note(token fed, std::span<const float> row) {
  law_.assign(row.begin(), row.end());
  if (!softmax(std::span<float>{law_})) raise("train: the model's row is not usable; is the file damaged?");
  candidates_.clear();
  top_k{with_.keep}(std::span<float>{law_}, prefix_view{});
  for (std::size_t i = 0; i < law_.size(); ++i)
    if (law_[i] >= 0) candidates_.emplace_back(law_[i], static_cast<token>(i));
  std::sort(candidates_.begin(), candidates_.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  document_.tokens.push_back(fed);
  HUNCH_EXPECTS(candidates_.size() >= with_.top, "a vocabulary holds more tokens than are noted");
  for (std::size_t i = 0; i < with_.top; ++i) {
    document_.top.push_back(candidates_[i].second);
    document_.logp.push_back(std::log(std::max(candidates_[i].first, 1e-30f)));
  }
}

token conversation::draw(float temperature) {
  if (temperature <= 0) return candidates_.front().second;
  double sum = 0;
  for (auto& c : candidates_) {
    c.first = std::pow(c.first / candidates_.front().first, 1 / temperature);
    sum += static_cast<double>(c.first);
  }
  double goal = uniform() * sum;
  for (const auto& c : candidates_)
    if ((goal -= static_cast<double>(c.first)) <= 0) return c.second;
  return candidates_.back().second;
}

/// A text that says the same few words again and again teaches nothing.
bool conversation::loops() const noexcept {
  const auto& t = document_.tokens;
  constexpr std::size_t span = 48;
  if (t.size() < 2 * span) return false;
  for (std::size_t period = 1; period <= span / 2; ++period)
    if (std::equal(t.end() - span, t.end(), t.end() - span - static_cast<std::ptrdiff_t>(period))) return true;
  return false;
}

void conversation::go_on() {
  feed_.clear();
  if (document_.tokens.size() >= with_.length) {
    ended_ = true;
    return;
  }
  const token next = draw(user_ ? with_.user_temperature : temperature_);
  const bool end_of_turn = words_.is_end_of_generation(next);
  ++turn_tokens_;
  if (end_of_turn || turn_tokens_ > (user_ ? with_.user_tokens : with_.answer_tokens) || loops())
    end_turn();
  else
    feed_.push_back(next);
}

void conversation::end_turn() {
  turn_tokens_ = 0;
  if (user_) {
    user_ = false;
    feed_ = marks_.user_to_answer;
    return;
  }
  const bool fits = document_.tokens.size() + with_.user_tokens + with_.answer_tokens < with_.length;
  // The end of the turn is part of the text: drafters must learn to expect it.
  if (!with_.raw && fits && !loops() && uniform() < with_.again) {
    feed_ = marks_.answer_to_user;
    begin_turn(false);
  } else {
    ended_ = true;
  }
}

void conversation::begin_turn(bool first) {
  temperature_ =
      with_
          .temperatures[std::min(with_.temperatures.size() - 1,
                                 static_cast<std::size_t>(uniform() * static_cast<double>(with_.temperatures.size())))];
  const opening begin = first ? list_.draw(random_, document_.number) : opening{"", true};
  const auto tokens = words_.encode(begin.text, {.add_special = false, .parse_special = false});
  feed_.insert(feed_.end(), tokens.begin(), tokens.end());
  user_ = !with_.raw && begin.open;
  if (!with_.raw && !begin.open) feed_.insert(feed_.end(), marks_.user_to_answer.begin(), marks_.user_to_answer.end());
}

}  // namespace hunch::train
