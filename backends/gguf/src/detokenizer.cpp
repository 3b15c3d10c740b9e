#include <hunch/gguf/detokenizer.hpp>
#include <utility>

#include "utf8.hpp"

namespace hunch::gguf {

streaming_detokenizer::streaming_detokenizer(tokenizer from, bool special)
    : from_{std::move(from)}, special_{special} {}

std::string_view streaming_detokenizer::push(token id) {
  const auto bytes = from_.piece(id);
  const auto kind = from_.kind_of(id);
  const bool hidden = !special_ && (kind == token_kind::control || kind == token_kind::unknown);
  return push_bytes(hidden ? std::string_view{} : bytes);
}

std::string_view streaming_detokenizer::push_bytes(std::string_view bytes) {
  out_.clear();
  pending_ += bytes;
  take_complete();
  return out_;
}

std::string_view streaming_detokenizer::flush() {
  out_.clear();
  for (std::size_t i = 0; i < pending_.size(); ++i) out_ += replacement_character;
  pending_.clear();
  return out_;
}

void streaming_detokenizer::take_complete() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const auto good = valid_utf8_prefix(rest);
    out_ += rest.substr(0, good);
    rest.remove_prefix(good);
    if (rest.empty() || utf8_at(rest).what == utf8_step::kind::incomplete) break;
    out_ += replacement_character;
    rest.remove_prefix(1);
  }
  pending_.erase(0, pending_.size() - rest.size());
}

}  // namespace hunch::gguf
