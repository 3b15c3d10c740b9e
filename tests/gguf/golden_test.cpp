// Tokenizers and chat formats of real models against llama.cpp's results (tests/golden).
#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/gguf/detokenizer.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

using namespace hunch;
using nlohmann::json;

namespace {

json golden(const std::string& name) {
  std::ifstream in(std::string(HUNCH_TEST_DATA) + "/golden/" + name);
  REQUIRE(in.good());
  return json::parse(in);
}

std::map<std::string, std::string> hard_texts() {
  std::map<std::string, std::string> out;
  const auto all = golden("texts.json");
  for (const auto& t : all.at("texts")) out[t.at("name")] = t.at("text");
  return out;
}

std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::string character(unsigned c) {
  std::string out;
  const auto add = [&](unsigned b) { out += static_cast<char>(b); };
  if (c < 0x80) return add(c), out;
  if (c < 0x800) return add(0xC0 | c >> 6), add(0x80 | (c & 0x3F)), out;
  if (c < 0x10000) return add(0xE0 | c >> 12), add(0x80 | (c >> 6 & 0x3F)), add(0x80 | (c & 0x3F)), out;
  add(0xF0 | c >> 18), add(0x80 | (c >> 12 & 0x3F)), add(0x80 | (c >> 6 & 0x3F)), add(0x80 | (c & 0x3F));
  return out;
}

// Characters of all planes, more of the common ones, without those that a vocabulary has no tokens for.
std::string random_text(std::mt19937& random, const std::vector<bool>& byte_exists) {
  static constexpr unsigned limits[] = {0x80, 0x250, 0x3000, 0xA000, 0xD800, 0x11000, 0x20000, 0x110000};
  std::string out;
  for (auto left = random() % 60; left > 0; --left) {
    const auto c = static_cast<unsigned>(random() % limits[random() % 8]);
    if (c >= 0xD800 && c < 0xE000) continue;
    if (c == 0x2581) continue;  // SentencePiece's mark for a space comes back as a space
    const auto text = character(c);
    if (std::all_of(text.begin(), text.end(), [&](char b) { return byte_exists[static_cast<unsigned char>(b)]; }))
      out += text;
  }
  return out;
}

std::string streamed(const gguf::tokenizer& t, const std::vector<token>& ids) {
  gguf::streaming_detokenizer s{t};
  std::string out;
  for (const auto id : ids) out += s.push(id);
  out += s.flush();
  return out;
}

void check_tokens(const std::string& model) {
  const auto path = test::model_path(model);
  if (!path) HUNCH_SKIP(test::absent_model(model));
  const gguf::tokenizer t{gguf::file{*path}};
  const auto expected = golden("tokens_" + model + ".json");
  const auto texts = hard_texts();

  std::size_t cases = 0;
  for (const auto& c : expected.at("cases")) {
    const std::string& text = texts.at(c.at("name").get<std::string>());
    INFO("text '" << c.at("name").get<std::string>() << "'");
    const auto ids = c.at("ids").get<std::vector<token>>();
    const auto special = c.at("ids_special").get<std::vector<token>>();
    CHECK(t.encode(text, {false, false}) == ids);
    CHECK(t.encode(text, {false, true}) == special);
    // The bytes are given where they differ from the text.
    CHECK(t.decode(ids, true) == (c.contains("bytes") ? from_hex(c.at("bytes")) : text));
    CHECK(t.decode(special, true) == (c.contains("bytes_special") ? from_hex(c.at("bytes_special")) : text));
    ++cases;
  }
  CHECK(cases == texts.size());

  const auto& extra = expected.at("add_special");
  CHECK(t.encode(texts.at(extra.at("name").get<std::string>())) == extra.at("ids").get<std::vector<token>>());
  CHECK(t.encode("") == extra.at("ids_of_empty").get<std::vector<token>>());
  for (const auto& p : expected.at("pieces")) {
    INFO("piece of token " << p.at(0).get<token>());
    CHECK(t.piece(p.at(0)) == from_hex(p.at(1)));
    CHECK(t.decode(std::vector<token>{p.at(0)}) == from_hex(p.at(2)));
  }

  const auto& v = expected.at("vocabulary");
  CHECK(t.vocab_size() == v.at("size").get<std::size_t>());
  CHECK(t.bos() == v.at("bos").get<token>());
  CHECK(t.eos() == v.at("eos").get<token>());
  CHECK(t.adds_bos() == v.at("add_bos").get<bool>());
  CHECK(t.adds_eos() == v.at("add_eos").get<bool>());
  const auto ends = t.end_of_generation();
  CHECK(std::vector<token>(ends.begin(), ends.end()) == v.at("end_of_generation").get<std::vector<token>>());
}

void check_round_trips(const std::string& model) {
  const auto path = test::model_path(model);
  if (!path) HUNCH_SKIP(test::absent_model(model));
  const gguf::tokenizer t{gguf::file{*path}};
  std::vector<bool> byte_exists(256);
  for (token id = 0; id < static_cast<token>(t.vocab_size()); ++id)
    if (const auto piece = t.piece(id); piece.size() == 1) byte_exists[static_cast<unsigned char>(piece[0])] = true;
  // Of the 243 bytes that valid text has, smollm2's vocabulary lacks some rare ones, the others' none.
  CHECK(std::count(byte_exists.begin(), byte_exists.end(), true) >= (model == "smollm2" ? 230 : 243));
  std::mt19937 random{11};
  for (int round = 0; round < 300; ++round) {
    const auto text = random_text(random, byte_exists);
    INFO("round " << round << ": " << text);
    const auto ids = t.encode(text, {false, false});
    CHECK(t.decode(ids) == text);
    CHECK(streamed(t, ids) == text);
  }
}

void check_chats(const std::string& model) {
  const auto path = test::model_path(model);
  if (!path) HUNCH_SKIP(test::absent_model(model));
  const gguf::file file{*path};
  const gguf::tokenizer t{file};
  const gguf::chat_format format{file};
  const auto expected = golden("chat_" + model + ".json");
  REQUIRE(!expected.at("conversations").empty());
  for (const auto& c : expected.at("conversations")) {
    INFO("conversation '" << c.at("name").get<std::string>() << "'");
    std::vector<gguf::chat_message> messages;
    for (const auto& m : c.at("messages")) messages.push_back({m.at("role"), m.at("content")});
    const auto text = format.render(messages, true);
    CHECK(text == c.at("text").get<std::string>());
    CHECK(t.encode(text, {true, true}) == c.at("ids").get<std::vector<token>>());
  }
}

}  // namespace

TEST_CASE("tokenizer: smollm2 gives llama.cpp's tokens and pieces", "[gguf][model]") { check_tokens("smollm2"); }
TEST_CASE("tokenizer: qwen gives llama.cpp's tokens and pieces", "[gguf][model]") { check_tokens("qwen"); }
TEST_CASE("tokenizer: gemma gives llama.cpp's tokens and pieces", "[gguf][model]") { check_tokens("gemma"); }

TEST_CASE("tokenizer: smollm2 gives random text back", "[gguf][model]") { check_round_trips("smollm2"); }
TEST_CASE("tokenizer: qwen gives random text back", "[gguf][model]") { check_round_trips("qwen"); }
TEST_CASE("tokenizer: gemma gives random text back", "[gguf][model]") { check_round_trips("gemma"); }

TEST_CASE("chat: smollm2's conversations are as its template renders them", "[gguf][model]") { check_chats("smollm2"); }
TEST_CASE("chat: qwen's conversations are as its template renders them", "[gguf][model]") { check_chats("qwen"); }
TEST_CASE("chat: gemma's conversations are as llama.cpp renders them", "[gguf][model]") { check_chats("gemma"); }

TEST_CASE("config: the three real models read as their makers describe them", "[gguf][model]") {
  struct expectation {
    const char* name;
    std::size_t layers, width, ff_width, heads, kv_heads, head_dim, vocab, context, sliding_window;
    float rope_base, eps;
    bool tied, bias, qk_norm;
  };
  const expectation all[] = {
      {"smollm2", 30, 576, 1536, 9, 3, 64, 49152, 8192, 0, 1e5F, 1e-5F, true, false, false},
      {"qwen", 28, 1536, 8960, 12, 2, 128, 151936, 32768, 0, 1e6F, 1e-6F, false, true, false},
      {"gemma", 18, 640, 2048, 4, 1, 256, 262144, 32768, 512, 1e6F, 1e-6F, true, false, true},
  };
  int found = 0;
  for (const auto& e : all) {
    const auto path = test::model_path(e.name);
    if (!path) continue;
    ++found;
    INFO("model " << e.name);
    const auto c = gguf::read_config(gguf::file{*path});
    CHECK(c.layers == e.layers);
    CHECK(c.width == e.width);
    CHECK(c.ff_width == e.ff_width);
    CHECK(c.heads == e.heads);
    CHECK(c.kv_heads == e.kv_heads);
    CHECK(c.head_dim == e.head_dim);
    CHECK(c.vocab == e.vocab);
    CHECK(c.context_length == e.context);
    CHECK(c.sliding_window == e.sliding_window);
    CHECK(c.rope_base == e.rope_base);
    CHECK(c.rms_eps == e.eps);
    CHECK(c.tied_head == e.tied);
    CHECK(c.qkv_bias == e.bias);
    CHECK(c.qk_norm == e.qk_norm);
  }
  if (found == 0) HUNCH_SKIP("no model is in " + test::model_cache().string() + "; examples/get_model.sh gets them");
}
