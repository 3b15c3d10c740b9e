#include <algorithm>
#include <hunch/core/error.hpp>
#include <hunch/gguf/chat.hpp>
#include <string_view>
#include <vector>

namespace hunch::gguf {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// The template with one spelling for line breaks, quotes and members, and without spaces around '+'.
std::string normal_form(std::string_view text) {
  std::string out{text};
  replace_all(out, "\\n", "\n");
  replace_all(out, "\"", "'");
  replace_all(out, "['role']", ".role");
  replace_all(out, "['content']", ".content");
  replace_all(out, " + ", "+");
  return out;
}

bool is_chatml(const std::string& form) {
  // Exactly what is rendered for a message; variants that add thinking or trim contents are not taken for it.
  return form.find("'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>'") != std::string::npos;
}

bool is_gemma(const std::string& form) {
  return form.find("<start_of_turn>") != std::string::npos && form.find("<end_of_turn>") != std::string::npos;
}

// A system message that stands in the template as one literal.
std::optional<std::string> literal_system(const std::string& form) {
  constexpr std::string_view start = "<|im_start|>system\n";
  for (std::size_t at = 0; (at = form.find(start, at)) != std::string::npos;) {
    at += start.size();
    const auto end = form.find("<|im_end|>", at);
    const auto quote = form.find('\'', at);
    if (end != std::string::npos && end < quote) return form.substr(at, end - at);
  }
  return std::nullopt;
}

bool has_gemma_turns(const file& from) {
  const auto tokens = from.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  const auto has = [&](std::string_view t) { return std::find(tokens->begin(), tokens->end(), t) != tokens->end(); };
  return tokens && has("<start_of_turn>") && has("<end_of_turn>");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\n\v\f\r";
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

[[noreturn]] void unknown_role(const std::string& role) {
  throw error("gguf: chat role '" + role + "' is unknown; use system, user or assistant");
}

std::string render_chatml(std::span<const chat_message> messages, const std::optional<std::string>& system) {
  std::string out;
  const auto add = [&](std::string_view role, std::string_view content) {
    out.append("<|im_start|>").append(role).append("\n").append(content).append("<|im_end|>\n");
  };
  if (system && messages[0].role != "system") add("system", *system);
  for (const auto& m : messages) {
    if (m.role != "system" && m.role != "user" && m.role != "assistant") unknown_role(m.role);
    add(m.role, m.content);
  }
  return out;
}

std::string render_gemma(std::span<const chat_message> messages) {
  std::string before;
  if (messages[0].role == "system") {
    before = trimmed(messages[0].content);
    if (!before.empty()) before += "\n\n";
    messages = messages.subspan(1);
    if (messages.empty()) throw error("gguf: a chat in Gemma's format needs a user's message after the system's");
  }
  std::string out;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& m = messages[i];
    if (m.role != "user" && m.role != "assistant" && m.role != "system") unknown_role(m.role);
    if (m.role != (i % 2 == 0 ? "user" : "assistant"))
      throw error("gguf: message " + std::to_string(i) + " of a chat in Gemma's format is of role '" + m.role +
                  "'; after an optional system message, user and assistant must take turns");
    out.append("<start_of_turn>").append(m.role == "user" ? "user" : "model").append("\n");
    if (i == 0) out += before;
    out.append(trimmed(m.content)).append("<end_of_turn>\n");
  }
  return out;
}

}  // namespace

chat_format::chat_format(const file& from) {
  const auto text = from.get<std::string_view>("tokenizer.chat_template");
  if (!text) {
    if (!has_gemma_turns(from))
      throw error("gguf: '" + from.name() +
                  "' has no chat template; complete plain text with it, or use an instruction-tuned model");
    style_ = style::gemma;
    return;
  }
  const auto form = normal_form(*text);
  if (is_chatml(form)) {
    style_ = style::chatml;
    default_system_ = literal_system(form);
  } else if (is_gemma(form)) {
    style_ = style::gemma;
  } else {
    throw error("gguf: the chat template of '" + from.name() +
                "' is unknown; known: ChatML (SmolLM2, Qwen2.5) and Gemma. Write the prompt yourself and encode it "
                "with parse_special");
  }
}

std::string chat_format::render(std::span<const chat_message> messages, bool add_generation_prompt) const {
  if (messages.empty()) throw error("gguf: a chat needs at least one message");
  if (style_ == style::chatml) {
    auto out = render_chatml(messages, default_system_);
    if (add_generation_prompt) out += "<|im_start|>assistant\n";
    return out;
  }
  auto out = render_gemma(messages);
  if (add_generation_prompt) out += "<start_of_turn>model\n";
  return out;
}

}  // namespace hunch::gguf
