// Writes the first files of the corpora that are not text: fuzz_seeds FOLDER. The fuzzers found the others.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "gguf/gguf_writer.hpp"
#include "gguf/tiny_tokenizers.hpp"

using namespace hunch;

namespace {

void write(const std::filesystem::path& path, const test::bytes& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out{path, std::ios::binary};
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  if (!out) {
    std::cerr << "cannot write " << path << "\n";
    std::exit(1);
  }
}

void write(const std::filesystem::path& path, const std::string& text) {
  const auto* p = reinterpret_cast<const std::byte*>(text.data());
  write(path, test::bytes(p, p + text.size()));
}

// Keys of all types, tensors of two.
test::bytes every_kind() {
  const std::vector<float> values{1, 2, 3, 4};
  test::gguf_writer w;
  w.key("s", "text").key("b", true).key("u8", std::uint8_t{1}).key("f64", 0.5).key("i64", std::int64_t{-5});
  w.key("strings", std::vector<std::string>{"x", "", "yz"}).key("numbers", std::vector<std::int32_t>{1, 2, 3});
  w.alignment(8);
  w.tensor("t.one", {2, 2}, values).tensor("t.two", gguf::tensor_type::q4_0, {32}, test::bytes(18));
  return w.build();
}

// A configuration with the one tensor that it asks for.
test::bytes configuration(const std::string& arch) {
  const std::vector<float> table(16 * 3);
  test::gguf_writer w;
  w.key("general.architecture", arch).key(arch + ".block_count", std::uint32_t{1});
  w.key(arch + ".embedding_length", std::uint32_t{16}).key(arch + ".feed_forward_length", std::uint32_t{16});
  w.key(arch + ".attention.head_count", std::uint32_t{1}).key(arch + ".context_length", std::uint32_t{8});
  w.key(arch + ".attention.layer_norm_rms_epsilon", 1e-5F).key(arch + ".attention.sliding_window", std::uint32_t{4});
  w.tensor("token_embd.weight", {16, 3}, table);
  return w.build();
}

void write_gguf(const std::filesystem::path& folder) {
  write(folder / "empty", test::gguf_writer{}.build());
  write(folder / "every_kind", every_kind());
  for (const auto* arch : {"llama", "qwen2", "gemma3"}) write(folder / arch, configuration(arch));
  auto bpe = test::byte_bpe({"h e"}, "smollm", {{"<|im_start|>", test::control}});
  bpe.key("tokenizer.chat_template", "'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'");
  write(folder / "bpe", bpe.build());
  write(folder / "spm", test::sentencepiece({{"h", -1.0F}, {"he", -2.0F}}).build());
}

void write_tokenizer(const std::filesystem::path& folder) {
  const std::string text = "Hello hello 12\n\n  don't <tool>x \xC3\xA9\xE2\x96\x81\xF0\x9F\x98\x80<|im_end|>\xFF\r\n\t";
  for (const char choice : {'\x00', '\x01', '\x02', '\x03', '\x10', '\x12', '\x20', '\x32'})
    write(folder / ("choice_" + std::to_string(choice)), choice + text);
}

// An architecture, a type, a plan (context, comparison, prompt, tree), no edits: every model as it should be; then some
// edits.
void write_model(const std::filesystem::path& folder) {
  const std::string plan{"\x01\x00\x03\x01\x02\x03\x03\x05\x06\x00\x07\x00\x08\x01", 14};
  for (char arch = 0; arch < 3; ++arch)
    for (char type = 0; type < 12; ++type)
      write(folder / ("model_" + std::to_string(arch) + "_" + std::to_string(type)),
            std::string{arch} + std::string{type} + plan);
  for (char what = 0; what < 8; ++what)
    write(folder / ("edit_" + std::to_string(what)), std::string(1, static_cast<char>(what % 3)) + "\x01" + plan +
                                                         what + std::string("\x04\x01\x04\x07\xFF\x7F\x20", 8));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder{arguments[1]};
  write_gguf(folder / "gguf");
  write_tokenizer(folder / "tokenizer");
  write_model(folder / "model");
}
