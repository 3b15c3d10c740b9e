#include <string>
#include <vector>

#include <hunch/gguf/chat.hpp>

#include "gguf/errors.hpp"
#include "gguf/gguf_writer.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::chat_format;
using hunch::gguf::chat_message;
using hunch::test::gguf_writer;
using hunch::test::refusal;
using hunch::test::says;

namespace {

constexpr const char* chatml_template =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}";
constexpr const char* gemma_template = "{{ '<start_of_turn>' + role }} {{ '<end_of_turn>\n' }}";

chat_format format_of(const gguf_writer& w) {
  const auto bytes = w.build();
  return chat_format{gguf::file::from_bytes(bytes, "mem")};
}
chat_format with_template(const std::string& text) {
  return format_of(gguf_writer{}.key("tokenizer.chat_template", text));
}
std::string render(const chat_format& f, const std::vector<chat_message>& messages, bool prompt = true) {
  return f.render(messages, prompt);
}

}  // namespace

TEST_CASE("chat: ChatML puts each message between its marks", "[gguf][chat]") {
  const auto f = with_template(chatml_template);
  CHECK(f.kind() == chat_format::style::chatml);
  CHECK_FALSE(f.default_system().has_value());
  CHECK(render(f, {{"user", "Hi"}, {"assistant", "Yo"}}, false) ==
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n");
  CHECK(render(f, {{"user", "Hi"}}) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("chat: the template's own system message comes first unless there is one", "[gguf][chat]") {
  const auto f = with_template(
      "{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
      "{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}" +
      std::string(chatml_template));
  CHECK(f.default_system() == std::string("Be kind."));
  CHECK(render(f, {{"user", "Hi"}}, false) ==
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  CHECK(render(f, {{"system", ""}, {"user", "Hi"}}, false) ==
        "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
}

TEST_CASE("chat: Gemma puts the system message before the first user's text", "[gguf][chat]") {
  const auto f = with_template(gemma_template);
  CHECK(f.kind() == chat_format::style::gemma);
  CHECK(render(f, {{"system", "Short."}, {"user", " Hi "}, {"assistant", "Yo"}, {"user", "Bye"}}) ==
        "<start_of_turn>user\nShort.\n\nHi<end_of_turn>\n<start_of_turn>model\nYo<end_of_turn>\n"
        "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n");
}

TEST_CASE("chat: Gemma's turns alternate", "[gguf][chat]") {
  const auto f = with_template(gemma_template);
  CHECK(says(refusal([&] { return render(f, {{"user", "a"}, {"user", "b"}}); }), "message 1", "'user'", "turns"));
  CHECK(says(refusal([&] { return render(f, {{"assistant", "a"}}); }), "message 0"));
  CHECK(says(refusal([&] { return render(f, {{"system", "a"}}); }), "needs a user's message"));
}

TEST_CASE("chat: unknown roles and empty chats are refused", "[gguf][chat]") {
  for (const auto* text : {chatml_template, gemma_template}) {
    const auto f = with_template(text);
    CHECK(says(refusal([&] { return render(f, {{"tool", "x"}}); }), "'tool'", "system, user or assistant"));
    CHECK(says(refusal([&] { return render(f, {}); }), "at least one message"));
  }
}

TEST_CASE("chat: a file without a template is Gemma's when its vocabulary has the turns", "[gguf][chat]") {
  const std::vector<std::string> turns{"<start_of_turn>", "<end_of_turn>"};
  CHECK(format_of(gguf_writer{}.key("tokenizer.ggml.tokens", turns)).kind() == chat_format::style::gemma);
  CHECK(says(refusal([] { return format_of(gguf_writer{}); }), "'mem'", "no chat template", "plain text"));
  const std::vector<std::string> half{"<start_of_turn>"};
  CHECK(says(refusal([&] { return format_of(gguf_writer{}.key("tokenizer.ggml.tokens", half)); }), "no chat template"));
}

TEST_CASE("chat: unknown templates are refused, close relatives of ChatML too", "[gguf][chat]") {
  CHECK(says(refusal([] { return with_template("[INST] {{ message }} [/INST]"); }), "'mem'", "unknown", "ChatML"));
  CHECK(says(refusal([] {
               return with_template("{{ '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' }}<think>");
             }),
             "unknown"));
}
