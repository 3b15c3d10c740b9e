#include "wishes.hpp"

#include <charconv>
#include <limits>
#include <string_view>

#include <hunch/constraints/regex.hpp>
#include <hunch/sampling/bias.hpp>
#include <hunch/sampling/constrain.hpp>
#include <hunch/sampling/penalties.hpp>

#include "options.hpp"
#include "usage.hpp"

namespace hunch::cli {
namespace {

/// "15043+1.5", "29871-inf": a token and what is added to its logit, as llama.cpp spells it.
token_bias read_bias(const std::string& text, std::size_t vocab) {
  const auto wrong = [&](const std::string& what) {
    return usage_error("--logit-bias '" + text + "': " + what + "; for instance 15043+1 or 15043-inf");
  };
  token_bias out{};
  const char* const end = text.data() + text.size();
  const auto [sign, no_token_id] = std::from_chars(text.data(), end, out.id);
  if (no_token_id != std::errc{} || out.id < 0 || static_cast<std::size_t>(out.id) >= vocab)
    throw wrong("a token of 0 to " + std::to_string(vocab - 1) + " comes first");
  if (sign == end || (*sign != '+' && *sign != '-')) throw wrong("+ or - and a number follow the token");
  const auto [stop, no_number] = std::from_chars(*sign == '+' ? sign + 1 : sign, end, out.bias);
  if (no_number != std::errc{} || stop != end || out.bias != out.bias)
    throw wrong("+ or - and a number follow the token");
  return out;
}

/// What a token shows; empty for control tokens and the like.
std::string_view shown_bytes(const gguf::tokenizer& words, token t) {
  const auto kind = words.kind_of(t);
  const bool text =
      kind == gguf::token_kind::normal || kind == gguf::token_kind::user_defined || kind == gguf::token_kind::byte;
  return text ? words.piece(t) : std::string_view{};
}

}  // namespace

void add_wish_options(CLI::App& command, wish_options& o) {
  const char* group = "Wishes (applied before the filters)";
  command.add_option("--repeat-penalty", o.repeat, "Divides the logits of tokens that were said; 1: off")
      ->type_name("X")
      ->capture_default_str()
      ->check(in_range(1e-3, 1e3))
      ->group(group);
  command.add_option("--repeat-last-n", o.last_n, "Tokens that penalties look back at; -1: all")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(-1L, 1L << 30))
      ->group(group);
  command.add_option("--presence-penalty", o.presence, "Taken off the logits of tokens that were said; 0: off")
      ->type_name("X")
      ->capture_default_str()
      ->check(in_range(-100.0, 100.0))
      ->group(group);
  command.add_option("--frequency-penalty", o.frequency, "Taken off once for each time they were said; 0: off")
      ->type_name("X")
      ->capture_default_str()
      ->check(in_range(-100.0, 100.0))
      ->group(group);
  command.add_option("--min-tokens", o.min_tokens, "No end of text before so many tokens")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(0L, 1L << 30))
      ->group(group);
  command.add_option("-l,--logit-bias", o.biases, "Added to a token's logit; may be given several times")
      ->type_name("ID(+|-)X")
      ->expected(1)
      ->take_all()
      ->group(group);
  command.add_option("--regex", o.regex, "The text matches this regular expression as a whole")
      ->type_name("PATTERN")
      ->group(group);
}

any_warper warper_of(const wish_options& o, const gguf::tokenizer& words, std::size_t prompt_tokens) {
  std::vector<token_bias> biases;
  for (const std::string& text : o.biases) biases.push_back(read_bias(text, words.vocab_size()));
  const auto ends = words.end_of_generation();
  const std::vector<token> end_of_text{ends.begin(), ends.end()};
  const auto wished =
      penalties({.repeat = o.repeat,
                 .presence = o.presence,
                 .frequency = o.frequency,
                 .last_n = o.last_n < 0 ? penalties::all : static_cast<std::size_t>(o.last_n)}) |
      bias(biases) |
      min_length(
          {.tokens = static_cast<std::size_t>(o.min_tokens), .after = prompt_tokens, .end_of_text = end_of_text});
  if (o.regex.empty()) return wished;
  const constraints::vocabulary bytes{words.vocab_size(), [&](token t) { return shown_bytes(words, t); }};
  return wished | constrained(constraints::regex{o.regex, bytes}, end_of_text, prompt_tokens);
}

}  // namespace hunch::cli
