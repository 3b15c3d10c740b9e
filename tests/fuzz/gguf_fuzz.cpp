// The bytes of a file, as they are: header, metadata, tensors; then all that is read from metadata.
#include <hunch/gguf/chat.hpp>
#include <hunch/gguf/config.hpp>
#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "fuzz.hpp"

using namespace hunch;

namespace {

// Every type a key can be asked for; those it has not are refused.
template <class T>
void ask(const gguf::file& f, std::string_view key) {
  fuzz::accepted([&] { (void)f.get<T>(key); });
  fuzz::accepted([&] {
    const auto all = f.get<std::vector<T>>(key);
    fuzz::check(all->size() == f.keys().find(key)->count, "an array has as many elements as it says");
  });
}

void read_keys(const gguf::file& f) {
  for (const auto& e : f.keys().entries()) {
    ask<bool>(f, e.key);
    ask<std::int8_t>(f, e.key);
    ask<std::uint16_t>(f, e.key);
    ask<std::int64_t>(f, e.key);
    ask<std::uint64_t>(f, e.key);
    ask<float>(f, e.key);
    ask<std::string>(f, e.key);
  }
}

void read_tensors(const gguf::file& f, std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const auto& t : f.tensors()) {
    fuzz::check(t.data.data() >= bytes.data() && t.data.data() + t.data.size() <= bytes.data() + bytes.size(),
                "a tensor lies within the file");
    fuzz::check(!t.data.empty(), "a tensor has bytes");
    fuzz::check(f.find(t.name) == &t, "a tensor is found by its name");
    sum += static_cast<unsigned>(t.data.front()) + static_cast<unsigned>(t.data.back());
  }
  fuzz::check(sum <= f.tensors().size() * 510, "all of a tensor can be read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::exact_copy copy{{reinterpret_cast<const std::byte*>(data), size}};
  fuzz::accepted([&] {
    const auto f = gguf::file::from_bytes(copy.bytes(), "fuzz");
    read_keys(f);
    read_tensors(f, copy.bytes());
    fuzz::accepted([&] {
      const auto c = gguf::read_config(f);
      fuzz::check(c.heads % c.kv_heads == 0 && c.head_dim % 2 == 0 && c.layers != 0 && c.vocab != 0,
                  "a configuration that is read makes sense");
    });
    fuzz::accepted([&] { (void)gguf::tokenizer{f}.encode("Hello world", {}); });
    fuzz::accepted([&] { (void)gguf::chat_format{f}; });
  });
  return 0;
}
