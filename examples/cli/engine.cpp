#include "engine.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include <unistd.h>

#include <hunch/core/error.hpp>
#include <hunch/gguf/config.hpp>

namespace hunch::cli {
namespace {

std::string real_path(const std::string& path) {
  std::error_code problem;
  const auto real = std::filesystem::canonical(path, problem);
  return problem ? path : real.string();
}

std::string quoted(std::string_view piece) {
  std::string out = "'";
  for (const char c : piece) {
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "'";
}

std::string shown(const std::optional<token>& t) { return t ? std::to_string(*t) : "none"; }

}  // namespace

model::model(const std::string& path, const model_options& options, std::size_t context)
    : file{path}, tokenizer{file}, backend{file, options.device, static_cast<unsigned>(options.threads), context} {}

std::size_t choose_context(const gguf::file& file, long wanted, std::ostream& notes) {
  const gguf::model_config config = gguf::read_config(file);
  const auto longest = config.context_length;
  const std::size_t token_bytes = config.layers * 2 * config.kv_dim() * sizeof(float);
  const auto memory =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t fits = std::max<std::size_t>(memory / 2 / token_bytes, 512);
  if (wanted > 0) {
    if (static_cast<std::size_t>(wanted) > longest)
      notes << "hunch: note: -c " << wanted << " is longer than the " << longest
            << " tokens that the model was trained for; text beyond them gets poor\n";
    return static_cast<std::size_t>(wanted);
  }
  if (longest > fits)
    notes << "hunch: note: context cut from " << longest << " to " << fits
          << " tokens, half of the machine's memory; -c chooses another\n";
  return std::min(longest, fits);
}

engine::engine(const model_options& options, std::ostream& notes) : options_{options} {
  const std::size_t context = choose_context(gguf::file{options.path}, options.context, notes);
  target_ = std::make_unique<model>(options.path, options, context);
}

model* engine::find(const std::string& path) {
  if (path == "self") return target_.get();
  const std::string real = real_path(path);
  if (real == real_path(options_.path) && options_.draft_context == 0) return target_.get();
  const auto held = drafts_.find(real);
  return held == drafts_.end() ? nullptr : held->second.get();
}

model& engine::draft(const std::string& path) {
  model* const held = find(path);
  if (held == target_.get()) return *held;
  if (const auto why =
          difference(target_->tokenizer, held != nullptr ? held->tokenizer : gguf::tokenizer{gguf::file{path}}))
    throw error("the draft model '" + path + "' has another vocabulary than '" + options_.path + "': " + *why +
                "; use translate:" + path +
                ", a draft model with the target's tokenizer, or --spec lookup, which needs none");
  return foreign_draft(path);
}

model& engine::foreign_draft(const std::string& path) {
  if (model* const held = find(path)) return *held;
  const std::size_t longest = gguf::read_config(gguf::file{path}).context_length;
  const auto context = options_.draft_context > 0 ? static_cast<std::size_t>(options_.draft_context)
                                                  : std::min(longest, target_->backend.context());
  auto& made = drafts_[real_path(path)];
  made = std::make_unique<model>(path, options_, context);
  return *made;
}

void engine::load_drafts(const spec& s) {
  if (s.name() == "translate")
    (void)foreign_draft(s.file);
  else if (s.kind->takes == file_use::model)
    (void)draft(s.file);
  for (const spec& part : s.parts) load_drafts(part);
}

std::optional<std::string> difference(const gguf::tokenizer& target, const gguf::tokenizer& draft) {
  if (target.vocab_size() != draft.vocab_size())
    return "it has " + std::to_string(draft.vocab_size()) + " tokens, the target " +
           std::to_string(target.vocab_size());
  for (token t = 0; static_cast<std::size_t>(t) < target.vocab_size(); ++t) {
    if (target.piece(t) != draft.piece(t))
      return "token " + std::to_string(t) + " is " + quoted(draft.piece(t)) + ", the target's is " +
             quoted(target.piece(t));
    if (target.kind_of(t) != draft.kind_of(t))
      return "token " + std::to_string(t) + " " + quoted(draft.piece(t)) + " is of another kind (control, normal, …)";
  }
  if (target.bos() != draft.bos())
    return "its begin-of-text token is " + shown(draft.bos()) + ", the target's " + shown(target.bos());
  if (target.eos() != draft.eos())
    return "its end-of-text token is " + shown(draft.eos()) + ", the target's " + shown(target.eos());
  return std::nullopt;
}

}  // namespace hunch::cli
