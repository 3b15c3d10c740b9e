// `hunch inspect`: what is in a model file, what it needs, and how it would run here.
#include <iostream>
#include <map>
#include <memory>
#include <thread>

#include <hunch/core/error.hpp>
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/config.hpp>

#include "../commands.hpp"
#include "../engine.hpp"
#include "../report.hpp"

namespace hunch::cli {
namespace {

struct inspect_options {
  model_options model;
  std::string output;
};

json tensors_json(const gguf::file& file) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> types;  // name → count, bytes
  for (const gguf::tensor& t : file.tensors()) {
    auto& [count, bytes] = types[std::string{gguf::traits_of(t.type).name}];
    ++count;
    bytes += t.data.size();
  }
  json out = json::object();
  for (const auto& [name, sum] : types) out[name] = {{"count", sum.first}, {"bytes", sum.second}};
  return out;
}

/// Bytes of the weights that one decoded token reads: all but an embedding that is not also the head.
std::size_t bytes_a_token(const gguf::file& file, const gguf::model_config& config) {
  std::size_t sum = 0;
  for (const gguf::tensor& t : file.tensors())
    if (config.tied_head || t.name != "token_embd.weight") sum += t.data.size();
  return sum;
}

json config_json(const gguf::model_config& c) {
  json out{{"architecture", gguf::name_of(c.arch)},
           {"layers", c.layers},
           {"width", c.width},
           {"feed_forward", c.ff_width},
           {"heads", c.heads},
           {"kv_heads", c.kv_heads},
           {"head_dim", c.head_dim},
           {"context", c.context_length},
           {"rope_base", c.rope_base},
           {"tied_head", c.tied_head}};
  if (c.sliding_window != 0) out["sliding_window"] = c.sliding_window;
  return out;
}

json token_json(const gguf::tokenizer& tokenizer, std::optional<token> t) {
  if (!t) return nullptr;
  return {{"id", *t}, {"text", std::string{tokenizer.piece(*t)}}};
}

json tokenizer_json(const gguf::file& file, const gguf::tokenizer& tokenizer) {
  json ends = json::array();
  for (const token t : tokenizer.end_of_generation()) ends.push_back(token_json(tokenizer, t));
  json out{{"kind", tokenizer.kind() == gguf::tokenizer_kind::byte_bpe ? "byte-level BPE" : "SentencePiece"},
           {"pre", file.get<std::string>("tokenizer.ggml.pre").value_or("none")},
           {"tokens", tokenizer.vocab_size()},
           {"bos", token_json(tokenizer, tokenizer.bos())},
           {"eos", token_json(tokenizer, tokenizer.eos())},
           {"adds_bos", tokenizer.adds_bos()},
           {"end_of_text", ends}};
  try {
    const gguf::chat_format chat{file};
    out["chat"] = chat.kind() == gguf::chat_format::style::chatml ? "ChatML" : "Gemma";
  } catch (const error& e) {
    out["chat"] = nullptr;
  }
  return out;
}

/// How it runs here, or why it does not.
json run_json(const inspect_options& o, const gguf::file& file) {
  try {
    const std::size_t context = choose_context(file, o.model.context, std::cerr);
    const device_backend backend{file, o.model.device, static_cast<unsigned>(o.model.threads), context};
    const std::size_t kv_token_bytes = backend.about().kv_token_bytes();
    return {{"runs", true},
            {"machine", machine_json(backend)},
            {"threads", backend.about().threads()},
            {"context", backend.context()},
            {"weight_bytes", backend.about().weight_bytes()},
            {"kv_token_bytes", kv_token_bytes},
            {"kv_bytes", kv_token_bytes * backend.context()}};
  } catch (const error& e) {
    return {{"runs", false}, {"why", e.what()}};
  }
}

std::string token_text(const json& t) {
  return t.is_null() ? "none" : t["id"].dump() + " " + t["text"].dump(-1, ' ', false, json::error_handler_t::replace);
}

void print_run(const json& run) {
  if (!run["runs"].get<bool>()) {
    std::cout << "runs here     no: " << run["why"].get<std::string>() << '\n';
    return;
  }
  const json& machine = run["machine"];
  const auto bytes = [&](const char* key) { return bytes_text(run[key].get<double>()); };
  std::cout << "memory        " << bytes("weight_bytes") << " weights; KV " << bytes("kv_token_bytes") << " a token, "
            << bytes("kv_bytes") << " for the whole context of " << run["context"] << '\n'
            << "runs here     yes: " << machine["cpu"].get<std::string>() << ", " << machine["cores"]
            << " cores; kernels " << machine["kernels"].get<std::string>() << ", " << run["threads"] << " threads\n";
}

void print_text(const json& j) {
  const json& c = j["config"];
  const json& t = j["tokenizer"];
  std::cout << "file          " << j["model"].get<std::string>() << ", " << bytes_text(j["bytes"].get<double>()) << '\n'
            << "name          " << j["name"].get<std::string>() << '\n'
            << "architecture  " << c["architecture"].get<std::string>() << ": " << c["layers"] << " layers, "
            << c["width"] << " wide, feed-forward " << c["feed_forward"] << ", " << c["heads"] << " heads / "
            << c["kv_heads"] << " kv of " << c["head_dim"] << ", context " << c["context"] << '\n';
  std::cout << "tensors      ";
  for (const auto& [name, sum] : j["tensors"].items())
    std::cout << " " << sum["count"] << " " << name << " (" << bytes_text(sum["bytes"].get<double>()) << ")";
  std::cout << "\nread a token  " << bytes_text(j["bytes_a_token"].get<double>()) << " of weights"
            << (c["tied_head"].get<bool>() ? " (the embedding is also the head)" : "") << '\n'
            << "tokenizer     " << t["kind"].get<std::string>() << ", pre-tokenizer " << t["pre"].get<std::string>()
            << ", " << t["tokens"] << " tokens\n"
            << "begin         " << token_text(t["bos"]) << (t["adds_bos"].get<bool>() ? ", added to texts" : "") << '\n'
            << "end of text  ";
  for (const json& end : t["end_of_text"]) std::cout << " " << token_text(end);
  std::cout << "\nchat          " << (t["chat"].is_null() ? "none" : t["chat"].get<std::string>()) << '\n';
  print_run(j["here"]);
  check_stdout();
}

int inspect(const inspect_options& o) {
  const gguf::file file{o.model.path};
  const auto config = gguf::read_config(file);
  const gguf::tokenizer tokenizer{file};
  const json j{{"model", o.model.path},
               {"name", file.get<std::string>("general.name").value_or("unnamed")},
               {"bytes", file.size_bytes()},
               {"config", config_json(config)},
               {"tensors", tensors_json(file)},
               {"bytes_a_token", bytes_a_token(file, config)},
               {"tokenizer", tokenizer_json(file, tokenizer)},
               {"here", run_json(o, file)}};
  if (o.output == "json")
    print_json(j);
  else
    print_text(j);
  return 0;
}

}  // namespace

void add_inspect(CLI::App& program, action& chosen) {
  auto o = std::make_shared<inspect_options>();
  auto& command = *program.add_subcommand("inspect", "What is in a model file, and what it needs");
  add_model_options(command, o->model);
  add_output_option(command, o->output, {"text", "json"});
  command.callback([&chosen, o] { chosen = [o] { return inspect(*o); }; });
}

}  // namespace hunch::cli
