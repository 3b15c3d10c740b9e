#include "pretokenizer.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8  // PCRE2's header asks for it
#include <pcre2.h>

#include <hunch/core/error.hpp>
#include <limits>
#include <new>

#include "utf8.hpp"

namespace hunch::gguf {
namespace {

// White space as Unicode defines it. PCRE2's \s has U+180E too, which the tokenizers' engines do not.
constexpr std::string_view white_space =
    R"(\x09-\x0D\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// In these patterns ~ stands for the members of white_space.

// GPT-2's own pattern.
constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^~\p{L}\p{N}]+|[~]+(?![^~])|[~]+)";

// smollm cuts at each digit first and then applies GPT-2's pattern to what lies between, where a digit's place counts
// as the end of the text. In one pattern: digits alone, and white space before a digit kept whole.
constexpr std::string_view smollm =
    R"(\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^~\p{L}\p{N}]+|[~]+(?![^~\p{N}])|[~]+)";

// qwen2: contractions in either case, single digits, line breaks kept with punctuation.
constexpr std::string_view qwen2 =
    R"('[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^~\p{L}\p{N}]+[\r\n]*|[~]*[\r\n]+|[~]+(?![^~])|[~]+)";

// llama 3: as qwen2, but digits in groups of up to three.
constexpr std::string_view llama3 =
    R"('[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^~\p{L}\p{N}]+[\r\n]*|[~]*[\r\n]+|[~]+(?![^~])|[~]+)";

// Names that stand in files, several for one pattern: makers name the pattern after their model.
struct named_rules {
  std::string_view name;
  pretokenizer_rules rules;
};
constexpr pretokenizer_rules plain_gpt2{gpt2, false, false};
constexpr pretokenizer_rules plain_smollm{smollm, false, false};
constexpr pretokenizer_rules plain_qwen2{qwen2, false, false};
constexpr pretokenizer_rules plain_llama3{llama3, false, false};
constexpr pretokenizer_rules whole_llama3{llama3, true, true};
constexpr named_rules known[] = {
    {"gpt-2", plain_gpt2},       {"phi-2", plain_gpt2},
    {"mpt", plain_gpt2},         {"olmo", plain_gpt2},
    {"jais", plain_gpt2},        {"mellum", plain_gpt2},
    {"trillion", plain_gpt2},    {"smollm", plain_smollm},
    {"starcoder", plain_smollm}, {"refact", plain_smollm},
    {"command-r", plain_smollm}, {"codeshell", plain_smollm},
    {"exaone", plain_smollm},    {"minerva-7b", plain_smollm},
    {"qwen2", plain_qwen2},      {"deepseek-r1-qwen", plain_qwen2},
    {"stablelm2", plain_qwen2},  {"megrez", plain_qwen2},
    {"llama-bpe", whole_llama3}, {"llama3", whole_llama3},
    {"llama-v3", whole_llama3},  {"falcon3", whole_llama3},
    {"pixtral", whole_llama3},   {"dbrx", plain_llama3},
    {"smaug-bpe", plain_llama3},
};

std::string with_white_space(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '~')
      out += white_space;
    else
      out += c;
  }
  return out;
}

const pretokenizer_rules& rules_of(std::string_view name) {
  if (const auto* rules = find_pretokenizer(name)) return *rules;
  std::string names;
  for (const auto& k : known) names += (names.empty() ? "" : ", ") + std::string(k.name);
  throw error("gguf: pre-tokenizer '" + std::string(name) + "' is not supported; supported: " + names);
}

std::string message_of(int code) {
  PCRE2_UCHAR text[128] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

const pretokenizer_rules* find_pretokenizer(std::string_view name) noexcept {
  for (const auto& k : known)
    if (k.name == name) return &k.rules;
  return nullptr;
}

pretokenizer::pretokenizer(std::string_view name) : rules_{rules_of(name)} {
  int code = 0;
  PCRE2_SIZE at = 0;
  const auto pattern = with_white_space(rules_.pattern);
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                       PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, nullptr);
  if (compiled == nullptr)
    throw error("gguf: PCRE2 cannot compile the pattern of pre-tokenizer '" + std::string(name) +
                "': " + message_of(code) + "; it needs PCRE2 with Unicode support");
  code_ = std::shared_ptr<void>(compiled, [](void* p) { pcre2_code_free(static_cast<pcre2_code*>(p)); });
  (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);  // without a JIT the interpreter gives the same words
  pcre2_match_context* limits = pcre2_match_context_create(nullptr);
  if (limits == nullptr) throw std::bad_alloc();
  limits_ =
      std::shared_ptr<void>(limits, [](void* p) { pcre2_match_context_free(static_cast<pcre2_match_context*>(p)); });
  // The patterns backtrack over one run of white space at most; the default limit is below a run of some MB.
  pcre2_set_match_limit(limits, std::numeric_limits<std::uint32_t>::max());
}

pretokenizer::cursor::cursor(const pretokenizer& over) : over_{over} {
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  if (match == nullptr) throw std::bad_alloc();
  match_ = std::shared_ptr<void>(match, [](void* p) { pcre2_match_data_free(static_cast<pcre2_match_data*>(p)); });
}

std::size_t pretokenizer::cursor::next(std::string_view text) {
  auto* match = static_cast<pcre2_match_data*>(match_.get());
  const int found =
      pcre2_match(static_cast<const pcre2_code*>(over_.code_.get()), reinterpret_cast<PCRE2_SPTR>(text.data()),
                  text.size(), 0, PCRE2_NO_UTF_CHECK, match, static_cast<pcre2_match_context*>(over_.limits_.get()));
  if (found >= 0) return pcre2_get_ovector_pointer(match)[1];
  if (found != PCRE2_ERROR_NOMATCH) throw error("gguf: PCRE2 failed on a text: " + message_of(found));
  return utf8_at(text).length;  // the patterns match every character, so this is for patterns to come
}

}  // namespace hunch::gguf
