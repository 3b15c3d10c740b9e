#include <algorithm>
#include <hunch/core/error.hpp>
#include <hunch/gguf/tokenizer.hpp>
#include <memory>
#include <string>
#include <variant>

#include "bpe.hpp"
#include "special_tokens.hpp"
#include "spm.hpp"
#include "utf8.hpp"
#include "vocabulary.hpp"

namespace hunch::gguf {
namespace {

constexpr std::size_t longest_text = std::size_t{1} << 30;  // keeps indices of symbols within 32 bits

std::variant<bpe, spm> make_model(const file& from, const vocabulary& vocab) {
  if (vocab.model == tokenizer_kind::byte_bpe) return bpe{from, vocab};
  return spm{from, vocab};
}

}  // namespace

// Parts refer to the vocabulary, so a state stays where it was made.
struct tokenizer::state {
  explicit state(const file& from) : vocab{from}, special{vocab}, model{make_model(from, vocab)} {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  vocabulary vocab;
  special_tokens special;
  std::variant<bpe, spm> model;
};

tokenizer::tokenizer(const file& from) : state_{std::make_shared<const state>(from)} {}

std::vector<token> tokenizer::encode(std::string_view text, encode_options options) const {
  if (text.size() > longest_text)
    throw error("gguf: a text of " + std::to_string(text.size()) + " bytes is too long to encode; cut it into parts");
  const auto& vocab = state_->vocab;
  std::string storage;
  text = as_valid_utf8(text, storage);
  std::vector<fragment> fragments;
  state_->special.split(text, options.parse_special, fragments);

  std::vector<token> out;
  out.reserve(text.size() / 3 + 2);
  if (options.add_special && vocab.add_bos) out.push_back(*vocab.bos);
  for (const auto& f : fragments) {
    if (f.id != no_token)
      out.push_back(f.id);
    else if (const auto* b = std::get_if<bpe>(&state_->model))
      b->encode(f.text, out);
    else
      std::get<spm>(state_->model).encode(f.text, vocab.add_space_prefix, out);  // also behind a special token
  }
  if (options.add_special && vocab.add_eos) out.push_back(*vocab.eos);
  return out;
}

std::string tokenizer::decode(std::span<const token> tokens, bool special) const {
  std::string out;
  for (const token id : tokens) {
    const auto text = piece(id);
    const auto kind = state_->vocab.kind(id);
    if (!special && (kind == token_kind::control || kind == token_kind::unknown)) continue;
    out += text;
  }
  if (state_->vocab.add_space_prefix && !out.empty() && out[0] == ' ') out.erase(0, 1);
  return out;
}

std::string_view tokenizer::piece(token id) const {
  if (!state_->vocab.contains(id))
    throw error("gguf: token " + std::to_string(id) + " is outside of the vocabulary of " +
                std::to_string(vocab_size()) + "; do model and tokenizer belong together?");
  return state_->vocab.piece(id);
}

token_kind tokenizer::kind_of(token id) const {
  (void)piece(id);  // checks the range
  return state_->vocab.kind(id);
}

std::optional<token> tokenizer::find(std::string_view text) const {
  const token id = state_->vocab.find(text);
  return id == no_token ? std::nullopt : std::optional<token>(id);
}

tokenizer_kind tokenizer::kind() const noexcept { return state_->vocab.model; }
std::size_t tokenizer::vocab_size() const noexcept { return state_->vocab.size(); }
std::optional<token> tokenizer::bos() const noexcept { return state_->vocab.bos; }
std::optional<token> tokenizer::eos() const noexcept { return state_->vocab.eos; }
bool tokenizer::adds_bos() const noexcept { return state_->vocab.add_bos; }
bool tokenizer::adds_eos() const noexcept { return state_->vocab.add_eos; }

bool tokenizer::is_end_of_generation(token id) const noexcept {
  const auto& ends = state_->vocab.end_of_generation;
  return std::binary_search(ends.begin(), ends.end(), id);
}

std::span<const token> tokenizer::end_of_generation() const noexcept { return state_->vocab.end_of_generation; }

}  // namespace hunch::gguf
